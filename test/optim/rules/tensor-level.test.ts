import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import {
  bits,
  clipperOf,
  clippers,
  flat,
  gradient,
  initial,
  parameters,
  product,
  relative,
  setGradients,
  snapshot,
} from '../support.js';

interface Golden {
  options: optim.MuonGroup;
  maxNorm: number | null;
  params: number[][];
  buffers: number[][];
}
const { shapes, steps, ...golden } = JSON.parse(
  readFileSync(new URL('../../golden/muon.json', import.meta.url), 'utf8'),
) as { shapes: number[][]; steps: number } & Record<string, Golden>;

function matrices(value: (i: number) => number): Tensor[] {
  let next = 0;
  return shapes.map((shape) =>
    torch.tensor(
      Float64Array.from({ length: product(shape) }, () => value(next++)),
      { shape, dtype: torch.float32 },
    ),
  );
}
const leaves = () => matrices(initial).map((t) => t.requiresGrad_());
function run(optimizer: optim.Optimizer, params: readonly Tensor[], from: number, to: number): void {
  for (let t = from; t <= to; t++) {
    for (const [i, g] of matrices((k) => gradient(t, k)).entries()) params[i]!.grad = g;
    optimizer.step();
  }
}
const length = (a: number[][], b: number[][]) => Math.hypot(...a.flat().map((x, i) => x - b.flat()[i]!));

describe('optim.Muon', () => {
  for (const [name, { options, maxNorm, params: want, buffers }] of Object.entries(golden)) {
    // The iteration is in bfloat16: libtorch's own versions and machines agree to a few digits of the updates.
    it(`follows PyTorch's: ${name}`, () => {
      const params = leaves();
      const optimizer = new optim.Muon(params, { ...options, clip: maxNorm === null ? null : clip.norm(maxNorm) });
      run(optimizer, params, 1, steps);
      const got = params.map((p) => flat([[p]]));
      const start = leaves().map((p) => flat([[p]]));
      expect(length(got, want)).below(1e-2 * length(start, want));
      const { state } = optimizer.stateDict();
      const kept = params.map((_, i) => flat([[state[i]!.momentum_buffer as Tensor]]));
      expect(relative(kept.flat(), buffers.flat())).below(1e-6);
    });
  }

  it('under every clipper: a resumed run is the uninterrupted one, and a NaN moves no bit', () => {
    for (const spec of Object.values(clippers)) {
      const whole = leaves();
      const options = { clip: clipperOf(spec), nonFinite: 'skip' } as const;
      const uninterrupted = new optim.Muon(whole, { lr: 0.1, nsSteps: 1, ...options });
      run(uninterrupted, whole, 1, 3);
      const before = snapshot(uninterrupted);
      whole[1]!.grad = torch.full([3, 5], Number.NaN);
      uninterrupted.step();
      expect(snapshot(uninterrupted)).deep.equal(before);
      const copies = whole.map((p) => p.detach().clone().requiresGrad_());
      const resumed = new optim.Muon(copies, options);
      resumed.loadStateDict(uninterrupted.stateDict());
      run(uninterrupted, whole, 4, 6);
      run(resumed, copies, 4, 6);
      expect(snapshot(resumed)).deep.equal(snapshot(uninterrupted));
    }
  });

  it('a clipper of the update bounds what parameters move by', () => {
    const params = leaves();
    const before = params.map((p) => p.detach().clone());
    const optimizer = new optim.Muon(params, { lr: 0.5, clip: clip.norm(0.25, { placement: 'update' }) });
    run(optimizer, params, 1, 1);
    const moved = params.map((p, i) => flat([[p.detach().sub(before[i]!)]]));
    expect(Math.hypot(...moved.flat())).closeTo(0.5 * 0.25, 1e-6);
    expect(optimizer.clipStats.norm.item()).above(1);
  });

  it('keeps singular values near 1', () => {
    const p = torch.zeros([20, 30], { requiresGrad: true });
    torch.manualSeed(1);
    p.grad = torch.randn([20, 30]);
    new optim.Muon([p], { lr: 1, weightDecay: 0 }).step();
    const values = torch.linalg.svdvals(p.detach()).tolist() as number[];
    expect(Math.min(...values)).above(0.3);
    expect(Math.max(...values)).below(1.4);
  });
});

describe('optim: steps on whole tensors', () => {
  it('passes over parameters without a gradient, and takes empty tensors and tensors without dimensions', () => {
    const [p, q, empty, scalar] = [torch.ones([2, 2]), torch.ones([2]), torch.ones([0, 3]), torch.tensor(2)].map((t) =>
      t.requiresGrad_(),
    );
    const optimizer = new optim.Adafactor([p!, q!, empty!, scalar!], { lr: 0.1, clip: clip.layerwise(1) });
    p!.grad = torch.ones([2, 2]);
    empty!.grad = torch.ones([0, 3]);
    scalar!.grad = torch.tensor(3);
    optimizer.step();
    expect(q!.tolist()).deep.equal([1, 1]);
    expect(scalar!.item()).below(2);
    const { state } = optimizer.stateDict();
    expect(Object.keys(state)).deep.equal(['0', '2', '3']);
    expect(Object.keys(state[0]!)).deep.equal(['step', 'row_var', 'col_var']);
    expect(Object.keys(state[3]!)).deep.equal(['step', 'variance']);
  });

  it("loads PyTorch's state", () => {
    const p = torch.ones([2, 3], { requiresGrad: true });
    const optimizer = new optim.Adafactor([p]);
    const group = {
      lr: 0.5,
      beta2_decay: -1,
      eps: [null, 0.25],
      d: 1,
      weight_decay: 0,
      foreach: null,
      maximize: false,
    };
    optimizer.loadStateDict({
      state: { 0: { step: torch.tensor(3), row_var: torch.ones([2, 1]), col_var: torch.ones([1, 3]) } },
      param_groups: [{ ...group, params: [0] }],
    });
    expect(optimizer.paramGroups[0]).deep.include({ lr: 0.5, eps: [null, 0.25] });
    p.grad = torch.ones([2, 3]);
    optimizer.step();
    // RMS 1, relative step min(.5, 1 / 2), update 1.
    expect((p.tolist() as number[][]).flat()).deep.equal([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  });

  it('refuses what is not a state dict', () => {
    for (const optimizer of [new optim.Adafactor(leaves()), new optim.SGDScheduleFree(leaves())]) {
      for (const dict of [undefined, null, 1, {}, { state: {} }]) {
        expect(() => optimizer.loadStateDict(dict as never)).throw(
          TorchClipError,
          /"stateDict" must be an object with state/,
        );
      }
    }
  });

  it('refuses states that do not fit and changes nothing', () => {
    const params = leaves();
    const optimizer = new optim.Muon(params);
    run(optimizer, params, 1, 1);
    const before = snapshot(optimizer);
    for (const [damage, message] of [
      [{ momentum_buffer: torch.ones([6, 3]) }, /state\[0\]\.momentum_buffer has shape \[6, 3\], expected \[6, 4\]/],
      [{ momentum_buffer: 1 }, /state\[0\]\.momentum_buffer must be a Tensor, got 1/],
      [{}, /state\[0\]\.momentum_buffer must be a Tensor, got undefined/],
      [{ exp_avg: torch.ones([6, 4]) }, /state\[0\] holds "exp_avg"/],
    ] as const) {
      const dict = optimizer.stateDict();
      dict.state[0] = damage;
      expect(() => optimizer.loadStateDict(dict))
        .throw(TorchClipError, message)
        .property('code', 'ERR_STATE');
      expect(snapshot(optimizer)).deep.equal(before);
    }
  });

  it('a step that fails on its way changes nothing, the clippers’ memory included', () => {
    const params = leaves();
    const optimizer = new optim.Muon(params, { clip: clip.chain(clip.auto(), clip.spam()) });
    run(optimizer, params, 1, 3);
    const before = snapshot(optimizer);
    // Read once when what was assigned is checked, and again in the middle of the step.
    let reads = 0;
    const eps = Object.getOwnPropertyDescriptor(optimizer.paramGroups[0]!, 'eps')!;
    Object.defineProperty(optimizer.paramGroups[0]!, 'eps', {
      ...{ enumerable: true, configurable: true },
      get() {
        if (++reads > 1) throw new Error('boom');
        return eps.value as number;
      },
    });
    expect(() => run(optimizer, params, 4, 4)).throw('boom');
    Object.defineProperty(optimizer.paramGroups[0]!, 'eps', eps);
    expect(snapshot(optimizer)).deep.equal(before);
    run(optimizer, params, 4, 5);
  });

  it('a step inside a scope keeps its state', () => {
    const [one, two] = [leaves(), leaves()];
    const [apart, inside] = [one, two].map((params) => new optim.Muon(params, { lr: 0.1 }));
    run(apart!, one, 1, 3);
    for (let t = 1; t <= 3; t++) torch.scope(() => run(inside!, two, t, t));
    expect(snapshot(inside!)).deep.equal(snapshot(apart!));
  });

  it('maximize ascends', () => {
    const [down, up] = [0, 1].map(() => parameters(torch.float64));
    setGradients(down!, 1);
    new optim.Adafactor(down!.flat()).step();
    setGradients(up!, 1);
    for (const p of up!.flat()) p.grad = p.grad!.neg();
    new optim.Adafactor(up!.flat(), { maximize: true }).step();
    expect(up!.flat().map(bits)).deep.equal(down!.flat().map(bits));
  });
});

describe('optim.qkClip', () => {
  const attention = () => [new nn.Linear(4, 6), new nn.Linear(4, 6)].map((m) => m as InstanceType<typeof nn.Linear>);

  it('takes the logits of a head above tau down to it, and leaves other heads alone', () => {
    torch.manualSeed(2);
    const [query, key] = attention();
    const x = torch.randn([5, 4]);
    const logits = () =>
      torch.noGrad(() => {
        const [q, k] = [query!, key!].map((m) => m.forward(x).reshape([5, 3, 2]).transpose(0, 1));
        return q!.matmul(k!.transpose(1, 2)).amax([1, 2]);
      });
    const before = logits();
    const [a, b] = before.tolist() as [number, number, number];
    const tau = Math.max(a, b) / 2;
    const rest = [query!, key!].map((m) => m.weight.detach().clone());
    optim.qkClip(before, { query: [query!.weight, query!.bias!], key: [key!.weight, key!.bias!], tau });
    const after = logits().tolist() as number[];
    (before.tolist() as number[]).forEach((s, head) => {
      expect(after[head]).closeTo(Math.min(s, tau), 1e-6);
      if (s > tau) return;
      [query!, key!].forEach((m, i) => {
        expect(bits(m.weight.narrow(0, 2 * head, 2))).equal(bits(rest[i]!.narrow(0, 2 * head, 2)));
      });
    });
  });

  it('leaves heads alone whose logits are not finite', () => {
    const [query, key] = attention();
    const before = bits(query!.weight);
    const logits = torch.tensor([Number.NaN, Number.POSITIVE_INFINITY, -1]);
    optim.qkClip(logits, { query: query!.weight, key: key!.weight });
    expect(bits(query!.weight)).equal(before);
  });

  const qkClip = optim.qkClip as unknown as (...args: unknown[]) => void;
  const w = () => torch.ones([6, 4]);
  for (const [name, args, message, code] of [
    [
      'logits that are none',
      [3, { query: w(), key: w() }],
      /"maxLogits" must be a floating-point Tensor of shape \[heads\]/,
      'ERR_ARGUMENT',
    ],
    ['no key', [torch.ones([3]), { query: w() }], /"key" must be a Tensor or an array of Tensors/, 'ERR_ARGUMENT'],
    [
      'tau of 0',
      [torch.ones([3]), { query: w(), key: w(), tau: 0 }],
      /"tau" must be a number > 0, got 0/,
      'ERR_ARGUMENT',
    ],
    [
      'rows of no head',
      [torch.ones([4]), { query: w(), key: w() }],
      /"query" must have floating-point rows that 4 heads share/,
      'ERR_SHAPE',
    ],
  ] as const) {
    it(`refuses ${name}`, () => {
      expect(() => qkClip(...args))
        .throw(TorchClipError, message)
        .property('code', code);
    });
  }
});

const square = () => [torch.ones([2, 2], { requiresGrad: true })];
const { Adafactor, Muon, ClippedAdam, ClippedAdagrad } = optim as unknown as Record<
  string,
  new (
    ...args: unknown[]
  ) => optim.Muon
>;
const refused: [string, () => unknown, RegExp][] = [
  [
    'a vector',
    () => new Muon!([torch.ones([2], { requiresGrad: true })]),
    /Muon only supports 2D parameters whereas we found a parameter with size: \[2\]/,
  ],
  [
    'a complex matrix',
    () => new Muon!([torch.ones([2, 2], { dtype: torch.complex64, requiresGrad: true })]),
    /Muon does not support complex parameters/,
  ],
  ['Muon with negative lr', () => new Muon!(square(), { lr: -1 }), /Learning rate should be >= 0 but is: -1/],
  ['Muon with negative momentum', () => new Muon!(square(), { momentum: -1 }), /momentum should be >= 0 but is: -1/],
  [
    'two coefficients',
    () => new Muon!(square(), { nsCoefficients: [1, 2] }),
    /Coefficients must be a tuple of exactly 3 values/,
  ],
  ['100 iterations', () => new Muon!(square(), { nsSteps: 100 }), /Number of steps must be less than 100/],
  [
    'an unknown adjustment',
    () => new Muon!(square(), { adjustLrFn: 'mine' }),
    /Adjust learning rate function mine is not supported/,
  ],
  ['beta2Decay above 0', () => new Adafactor!(square(), { beta2Decay: 1 }), /beta2_decay should be <= 0 but is: 1/],
  ['negative epsilon1', () => new Adafactor!(square(), { eps: [-1, 1] }), /epsilon1 should be >= 0 but is: -1/],
  ['negative epsilon2', () => new Adafactor!(square(), { eps: [null, -1] }), /epsilon2 should be >= 0 but is: -1/],
  ['d below 1', () => new Adafactor!(square(), { d: 0.5 }), /Clipping threshold d should be >= 1 but is: 0\.5/],
  [
    'a complex parameter',
    () => new Adafactor!([torch.ones([2], { dtype: torch.complex64 })]),
    /Adafactor does not support complex/,
  ],
  [
    'an accumulator of 0',
    () => new ClippedAdagrad!(square(), { initialAccumulatorValue: 0 }),
    /Invalid initial_accumulator_value value: 0/,
  ],
  ['a beta of 1', () => new ClippedAdam!(square(), { betas: [0.9, 1] }), /Invalid beta parameter at index 1: 1/],
];

describe('optim: bad arguments of delayed and tensor-level optimizers', () => {
  for (const [name, call, message] of refused) {
    it(`refuses ${name}`, () => {
      expect(call).throw(TorchClipError, message).property('code', 'ERR_ARGUMENT');
    });
  }

  it('ClippedAdam and ClippedAdagrad clip without being told, and not where they are told not to', () => {
    for (const Class of [optim.ClippedAdam, optim.ClippedAdagrad]) {
      expect(new Class(square()).clip).property('stages').lengthOf(1);
      expect(new Class(square(), { clip: null }).clip).equal(null);
    }
  });
});
