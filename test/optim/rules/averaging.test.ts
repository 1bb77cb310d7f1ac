import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import { bits, flat, make, parameters, type RuleCase, relative, rulesOf, setGradients, steps } from '../support.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/averaging.json', import.meta.url), 'utf8')) as Record<
  string,
  { float64: number[]; bfloat16: number[] }
> & {
  'ClippedSSTM by clippingType': { options: object; types: Record<string, [object, number[]]> };
};
const cases = { ...rulesOf('sstm'), ...rulesOf('schedule-free') };
type Averaging = optim.ClippedSSTM | optim.SGDScheduleFree;
const made = (rule: RuleCase, groups: torch.Tensor[][], options = {}) => make(rule, groups, options) as Averaging;

function run(optimizer: optim.Optimizer, groups: torch.Tensor[][], from: number, to: number): void {
  for (let t = from; t <= to; t++) {
    setGradients(groups, t);
    optimizer.step();
  }
}

describe('optim: optimizers that answer with an average', () => {
  for (const [name, rule] of Object.entries(cases)) {
    it(`${name}: eval() shows the float64 reference's answer, train() brings back every bit`, () => {
      for (const [dtype, tolerance] of [
        ['float64', 1e-12],
        ['float32', 1e-6],
        ['bfloat16', 2e-2],
      ] as const) {
        const groups = parameters(torch[dtype]);
        const optimizer = made(rule, groups);
        run(optimizer, groups, 1, steps);
        const before = groups.flat().map(bits);
        optimizer.eval();
        optimizer.eval();
        const want = golden[name]![dtype === 'bfloat16' ? dtype : 'float64'];
        expect(relative(flat(groups), want), dtype).below(tolerance);
        expect(optimizer.evaluating).equal(true);
        optimizer.train();
        optimizer.train();
        expect(groups.flat().map(bits)).deep.equal(before);
        expect(optimizer.evaluating).equal(false);
      }
    });

    it(`${name}: evaluating in between changes no later step, and step() is refused there`, () => {
      const [one, two] = [parameters(torch.float32), parameters(torch.float32)];
      const disturbed = made(rule, one, { clip: clip.norm(6) });
      const undisturbed = made(rule, two, { clip: clip.norm(6) });
      run(disturbed, one, 1, 5);
      run(undisturbed, two, 1, 5);
      disturbed.eval();
      const shown = one.flat().map(bits);
      let asked = 0;
      expect(() => disturbed.step(() => asked++))
        .throw(TorchClipError, /between eval\(\) and train\(\): call train\(\) first/)
        .property('code', 'ERR_STATE');
      expect([asked, one.flat().map(bits)]).deep.equal([0, shown]);
      disturbed.train();
      run(disturbed, one, 6, 9);
      run(undisturbed, two, 6, 9);
      expect(one.flat().map(bits)).deep.equal(two.flat().map(bits));
    });

    it(`${name}: a state dict saved in evaluation goes on in a new optimizer, bit for bit`, () => {
      const groups = parameters(torch.bfloat16);
      const optimizer = made(rule, groups);
      run(optimizer, groups, 1, 5);
      optimizer.eval();
      const saved = optimizer.stateDict();
      const copies = groups.map((group) => group.map((p) => p.detach().clone().requiresGrad_()));
      const resumed = made({ ...rule, options: {} }, copies);
      resumed.loadStateDict(saved);
      expect(resumed.evaluating).equal(true);
      expect(copies.flat().map(bits)).deep.equal(groups.flat().map(bits));
      for (const [o, g] of [
        [optimizer, groups],
        [resumed, copies],
      ] as const) {
        o.train();
        run(o, g, 6, 9);
      }
      expect(copies.flat().map(bits)).deep.equal(groups.flat().map(bits));
      resumed.eval();
      resumed.loadStateDict(optimizer.stateDict());
      expect(resumed.evaluating).equal(false);
    });
  }

  it('parameters without a step are left alone', () => {
    const [p, q] = [1, 2].map((x) => torch.tensor([x], { requiresGrad: true }));
    const optimizer = new optim.SGDScheduleFree([p!, q!], { lr: 0.1 });
    optimizer.eval();
    optimizer.train();
    p!.grad = torch.tensor([1]);
    optimizer.step();
    optimizer.eval();
    expect(q!.item()).equal(2);
    expect(Object.keys(optimizer.stateDict().state)).deep.equal(['0']);
  });

  it('a point of another shape is refused and nothing changes', () => {
    const groups = parameters(torch.float32);
    const optimizer = made(cases.ClippedSSTM!, groups);
    run(optimizer, groups, 1, 2);
    optimizer.eval();
    const dict = optimizer.stateDict();
    dict.state[1]!.training_point = torch.ones([2]);
    const before = groups.flat().map(bits);
    expect(() => optimizer.loadStateDict(dict))
      .throw(TorchClipError, /state\[1\]\.training_point has shape \[2\]/)
      .property('code', 'ERR_STATE');
    expect(optimizer.evaluating).equal(true);
    expect(groups.flat().map(bits)).deep.equal(before);
  });
});

describe('optim.ClippedSSTM', () => {
  const { options, types } = golden['ClippedSSTM by clippingType'];
  for (const [name, [clipping, y]] of Object.entries(types)) {
    it(`clips by ${name} as the float64 reference, in two groups`, () => {
      const groups = parameters(torch.float64);
      const optimizer = made({ optimizer: 'ClippedSSTM', options: { ...options, ...clipping } }, groups);
      run(optimizer, groups, 1, steps);
      optimizer.eval();
      expect(relative(flat(groups), y)).below(1e-12);
    });
  }

  it('a change of the learning rate moves no x that is already there', () => {
    const p = torch.tensor([1], { dtype: torch.float64, requiresGrad: true });
    const optimizer = new optim.ClippedSSTM([p], { lr: 0.5, L: 1 });
    const step = (lr: number) => {
      optimizer.paramGroups[0]!.lr = lr;
      p.grad = torch.tensor([1], { dtype: torch.float64 });
      optimizer.step();
    };
    step(0.5);
    step(0.1);
    const { state } = optimizer.stateDict();
    // The second step's alpha was set when the first one formed x: .5 / 2 · 2.
    expect((state[0]!.alpha as torch.Tensor).item()).equal(0.5);
    expect((state[0]!.next_alpha as torch.Tensor).item()).closeTo(0.15, 1e-15);
  });

  it('comes near the minimum of a quadratic under Cauchy noise, where without clipping it flies off', () => {
    const distance = (options: optim.ClippedSSTMOptions) => {
      torch.manualSeed(5);
      const p = torch.full([20], 3, { dtype: torch.float64, requiresGrad: true });
      const optimizer = new optim.ClippedSSTM([p], { lr: 0.05, L: 1, ...options });
      for (let t = 0; t < 400; t++) {
        const normal = torch.randn([20, 2], { dtype: torch.float64 });
        p.grad = p.detach().add(normal.select(1, 0).div(normal.select(1, 1)));
        optimizer.step();
      }
      optimizer.eval();
      return Math.hypot(...p.detach().toTypedArray<Float64Array<ArrayBuffer>>());
    };
    // It starts at a distance of 13.
    expect(distance({ clippingType: 'norm', clippingIterStart: 50 })).below(4);
    expect(distance({})).above(13);
  });
});

const p = () => [torch.ones([2], { requiresGrad: true })];
const { ClippedSSTM, SGDScheduleFree, AdamWScheduleFree } = optim as unknown as Record<
  string,
  new (
    ...args: unknown[]
  ) => optim.ClippedSSTM
>;
const refused: [string, () => unknown, RegExp][] = [
  [
    'L of 0',
    () => new ClippedSSTM!(p(), { L: 0 }),
    /Invalid Lipschitz constant: 0 \("L" must be a finite number > 0\)/,
  ],
  ['nu above 1', () => new ClippedSSTM!(p(), { nu: 1.5 }), /Invalid nu: 1\.5 \("nu" must be a number in \[0, 1\]\)/],
  [
    'a ratio of 0',
    () => new ClippedSSTM!(p(), { aKRatioUpperBound: 0 }),
    /"aKRatioUpperBound" must be a number in \(0, 1\]/,
  ],
  [
    'an unknown schedule',
    () => new ClippedSSTM!(p(), { schedule: 'cosine' }),
    /"schedule" must be "holder" or "linear", got "cosine"/,
  ],
  ['an unknown type', () => new ClippedSSTM!(p(), { clippingType: 'hard' }), /Invalid clipping type: "hard"/],
  [
    'a start of 0',
    () => new ClippedSSTM!(p(), { clippingIterStart: 0 }),
    /"clippingIterStart" must be an integer >= 1, got 0/,
  ],
  [
    'a start and a level',
    () => new ClippedSSTM!(p(), { clippingIterStart: 3, clippingLevel: 1, clippingType: 'norm' }),
    /"clippingIterStart" and "clippingLevel" of ClippedSSTM cannot be combined/,
  ],
  [
    'two ways to clip',
    () => new ClippedSSTM!(p(), { clip: clip.norm(1), clippingType: 'norm' }),
    /"clip" and "clippingType" cannot be combined/,
  ],
  [
    'a momentum of 1',
    () => new SGDScheduleFree!(p(), { momentum: 1 }),
    /Momentum must be between 0 and 1 exclusive: 1/,
  ],
  [
    'half a step of warm-up',
    () => new SGDScheduleFree!(p(), { warmupSteps: 0.5 }),
    /"warmupSteps" must be an integer >= 0/,
  ],
  ['beta1 of 0', () => new AdamWScheduleFree!(p(), { betas: [0, 0.9] }), /Invalid beta parameter at index 0: 0/],
  ['a negative lr', () => new AdamWScheduleFree!(p(), { lr: -1 }), /Invalid learning rate: -1/],
  [
    'eval() of the original',
    () => new ClippedSSTM!(p(), { lr: 1, L: 1, reference: true }).eval(),
    /the original never exposes y/,
  ],
];

describe('optim: bad arguments of averaging optimizers', () => {
  for (const [name, call, message] of refused) {
    it(`refuses ${name}`, () => {
      expect(call).throw(TorchClipError, message).property('code', 'ERR_ARGUMENT');
    });
  }
});
