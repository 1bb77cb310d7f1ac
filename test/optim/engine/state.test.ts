import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import type { OptimizerStateDict } from '../../../lib/optim/index.js';
import { isTensor } from '../../../lib/tensor.js';
import { refusalOf } from '../../support.js';
import { clipperOf, clippers, make, parameters, rules, setGradients, snapshot } from '../support.js';

const dtypes = ['float32', 'float64', 'bfloat16'] as const;
let turn = 0;

describe('optim: state dicts', () => {
  for (const [ruleName, rule] of Object.entries(rules)) {
    for (const [clipName, spec] of Object.entries(clippers)) {
      const dtype = dtypes[turn++ % dtypes.length]!;
      it(`a resumed run is the uninterrupted one: ${ruleName} / ${clipName}, ${dtype}`, () => {
        const options = { clip: clipperOf(spec) };
        const whole = parameters(torch[dtype]);
        const uninterrupted = make(rule, whole, options);
        const run = (groups: typeof whole, optimizer: typeof uninterrupted, from: number, to: number) => {
          for (let t = from; t <= to; t++) {
            setGradients(groups, t);
            optimizer.step();
          }
        };
        run(whole, uninterrupted, 1, 4);
        const saved = uninterrupted.stateDict();
        const copies = whole.map((group) => group.map((p) => p.detach().clone().requiresGrad_()));
        const resumed = make({ ...rule, options: {} }, copies, options);
        resumed.loadStateDict(saved);
        run(whole, uninterrupted, 5, 9);
        run(copies, resumed, 5, 9);
        expect(snapshot(resumed)).deep.equal(snapshot(uninterrupted));
        expect(resumed.stateDict().param_groups).deep.equal(uninterrupted.stateDict().param_groups);
      });
    }
  }

  it('goes back to a state of its own', () => {
    for (const spec of Object.values(clippers)) {
      const groups = parameters(torch.float32);
      const optimizer = make(rules.AdamW!, groups, { clip: clipperOf(spec) });
      const step = (t: number) => {
        setGradients(groups, t);
        optimizer.step();
      };
      for (let t = 1; t <= 3; t++) step(t);
      const saved = { dict: optimizer.stateDict(), values: groups.flat().map((p) => p.detach().clone()) };
      for (let t = 4; t <= 6; t++) step(t);
      const once = snapshot(optimizer);
      optimizer.loadStateDict(saved.dict);
      torch.noGrad(() => {
        groups.flat().forEach((p, i) => {
          p.copy_(saved.values[i]!);
        });
      });
      for (let t = 4; t <= 6; t++) step(t);
      expect(snapshot(optimizer)).deep.equal(once);
    }
  });

  const adam = (options: object = {}) => {
    const p = torch.tensor([1, 2], { requiresGrad: true });
    const q = torch.ones([2, 2], { requiresGrad: true });
    const optimizer = new optim.AdamW([{ params: [p], lr: 0.5 }, { params: q }], options);
    return { p, q, optimizer };
  };

  it("has PyTorch's layout and names", () => {
    const { q, optimizer } = adam({ weightDecay: 0 });
    q.grad = torch.ones([2, 2]);
    optimizer.step();
    const dict = optimizer.stateDict();
    expect(Object.keys(dict)).deep.equal(['state', 'param_groups']);
    expect(Object.keys(dict.state)).deep.equal(['1']);
    expect(Object.keys(dict.state[1]!)).deep.equal(['step', 'exp_avg', 'exp_avg_sq']);
    expect(dict.state[1]!.step).property('dtype', torch.float32);
    expect(dict.param_groups[0]).deep.equal({
      lr: 0.5,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: 0,
      amsgrad: false,
      maximize: false,
      decoupled_weight_decay: true,
      params: [0],
    });
  });

  it("loads what PyTorch's AdamW and SGD save", () => {
    const { q, optimizer } = adam();
    optimizer.loadStateDict({
      state: { 1: { step: torch.tensor(3), exp_avg: torch.ones([2, 2]), exp_avg_sq: torch.ones([2, 2]) } },
      param_groups: [0, 1].map((i) => ({
        lr: 0.25,
        betas: [0.9, 0.99],
        eps: 1e-8,
        weight_decay: 0,
        amsgrad: false,
        maximize: false,
        foreach: null,
        capturable: false,
        differentiable: false,
        fused: null,
        decoupled_weight_decay: true,
        initial_lr: 0.125,
        params: [i],
      })),
    });
    expect(optimizer.paramGroups[1]).include({ lr: 0.25, weightDecay: 0, initialLr: 0.125 });
    q.grad = torch.ones([2, 2]);
    optimizer.step();
    expect((optimizer.stateDict().state[1]!.step as torch.Tensor).item()).equal(4);

    const p = torch.tensor([1], { requiresGrad: true });
    const sgd = new optim.SGD([p]);
    sgd.loadStateDict({
      state: { 0: { momentum_buffer: torch.tensor([8]) } },
      param_groups: [{ lr: 1, momentum: 0.5, dampening: 0.5, weight_decay: 0, nesterov: false, params: [0] }],
    });
    p.grad = torch.tensor([2]);
    sgd.step();
    expect(p.tolist()).deep.equal([1 - (0.5 * 8 + 0.5 * 2)]);
  });

  describe('refuse the entry of a parameter that is not an object, and change nothing', () => {
    class Own extends optim.Optimizer<{ lr?: number }> {
      constructor(params: torch.Tensor[]) {
        super(params, { lr: 0.1 });
      }
      override step(): undefined {
        for (const { params } of this.paramGroups) for (const p of params) this.state.get(p).taken = torch.ones([1]);
        return undefined;
      }
    }
    type Params = torch.Tensor[];
    const makers: Record<string, (p: Params) => optim.Optimizer> = {
      Adam: (p) => new optim.Adam(p),
      SGD: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
      LBFGS: (p) => new optim.LBFGS(p),
      Muon: (p) => new optim.Muon(p),
      Adafactor: (p) => new optim.Adafactor(p),
      SparseAdam: (p) => new optim.SparseAdam(p),
      ClippedSSTM: (p) => new optim.ClippedSSTM(p),
      'ClippedSSTM, reference': (p) => new optim.ClippedSSTM(p, { lr: 0.1, L: 1, reference: true }),
      'ClippedSGD, reference': (p) =>
        new optim.ClippedSGD(p, { lr: 0.1, momentum: 0.9, reference: true } as optim.ClippedSGDOptions),
      'Expectigrad, reference': (p) => new optim.Expectigrad(p, { reference: true }),
      'Expectigrad for Keras': (p) => new optim.Expectigrad(p, { reference: 'tensorflow' }),
      'a subclass': (p) => new Own(p),
    };
    for (const [name, make] of Object.entries(makers)) {
      it(name, () => {
        const p = torch.ones([2, 2], { requiresGrad: true });
        const optimizer = make([p]);
        p.grad = name === 'SparseAdam' ? torch.eye(2).toSparse() : torch.ones([2, 2]);
        (optimizer.step as (closure: () => unknown) => unknown).call(optimizer, () => 1);
        const before = snapshot(optimizer);
        const saved = optimizer.stateDict();
        expect(Object.keys(saved.state)).deep.equal(['0']);
        for (const entry of [null, undefined, 5, 'x', [], new Map(), p]) {
          const error = refusalOf(() => optimizer.loadStateDict({ ...saved, state: { 0: entry } } as never));
          expect(error.code).equal('ERR_STATE');
          expect(error.message).match(/^state\[0\] must be an object, got /);
          expect(snapshot(optimizer)).deep.equal(before);
        }
        optimizer.loadStateDict(saved);
        expect(snapshot(optimizer)).deep.equal(before);
      });
    }

    it('SGD, an entry without its momentum', () => {
      const p = torch.ones([2, 2], { requiresGrad: true });
      const optimizer = new optim.SGD([p], { lr: 0.1, momentum: 0.9 });
      expect(() => optimizer.loadStateDict({ ...optimizer.stateDict(), state: { 0: {} } })).throw(
        TorchClipError,
        'state[0].momentum_buffer must be a Tensor, got undefined',
      );
    });
  });

  it('keeps the counters of skipped steps', () => {
    const { q, optimizer } = adam({ clip: clip.norm(1), maxConsecutiveSkips: 3 });
    q.grad = torch.full([2, 2], Number.NaN);
    optimizer.step();
    optimizer.step();
    const dict = optimizer.stateDict();
    expect(dict.clip).include({ skipped: 2, consecutive: 2 });
    expect(dict.clip!.stages).lengthOf(1);
    expect(dict.clip!.stages[0]).include({
      name: 'norm',
      scope: 'global',
      placement: 'gradient',
      maxNorm: 1,
      normType: 2,
      decisions: 0,
    });
    const other = adam({ clip: clip.norm(1), maxConsecutiveSkips: 3 });
    other.optimizer.loadStateDict(dict);
    other.q.grad = torch.full([2, 2], Number.NaN);
    other.optimizer.step();
    expect(other.optimizer.clipStats.skipped.item()).equal(3);
    expect(() => other.optimizer.step()).throw(TorchClipError, /maxConsecutiveSkips/);
  });

  const breakages: [string, (dict: OptimizerStateDict) => void, RegExp][] = [
    [
      'no param_groups',
      (d) => Reflect.deleteProperty(d, 'param_groups'),
      /"stateDict" must be an object with state and param_groups/,
    ],
    ['too few groups', (d) => d.param_groups.pop(), /different number of parameter groups: 1, the optimizer has 2/],
    [
      'another group size',
      (d) => d.param_groups[0]!.params.push(7),
      /param_groups\[0\] has 2 parameters, the optimizer's group has 1/,
    ],
    [
      'another shape',
      (d) => {
        d.state[1]!.exp_avg = torch.ones([4]);
      },
      /state\[1\]\.exp_avg has shape \[4\], the parameter has \[2, 2\]/,
    ],
    [
      'a missing tensor',
      (d) => Reflect.deleteProperty(d.state[1]!, 'exp_avg_sq'),
      /state\[1\]\.exp_avg_sq must be a Tensor, got undefined/,
    ],
    [
      'a tensor too many',
      (d) => {
        d.state[1]!.momentum_buffer = torch.ones([2, 2]);
      },
      /state\[1\] holds "momentum_buffer"/,
    ],
    [
      'a bad step',
      (d) => {
        d.state[1]!.step = -1;
      },
      /state\[1\]\.step must be an integer >= 0, got -1/,
    ],
    [
      'a bad option',
      (d) => {
        d.param_groups[1]!.lr = 'fast';
      },
      /Invalid learning rate: "fast"/,
    ],
    [
      'amsgrad without its state',
      (d) => {
        d.param_groups[1]!.amsgrad = true;
      },
      /state\[1\]\.max_exp_avg_sq must be a Tensor/,
    ],
    [
      'another clipper',
      (d) => {
        d.clip!.stages[0]!.name = 'value';
      },
      /clip\.stages\[0\]\.name is "value", the optimizer's clipper has "norm"/,
    ],
    [
      'another level',
      (d) => {
        d.clip!.stages[0]!.maxNorm = 2;
      },
      /clip\.stages\[0\]\.maxNorm is 2, the optimizer's clipper has 1/,
    ],
    [
      'a bad counter',
      (d) => {
        d.clip!.skipped = 0.5;
      },
      /clip\.skipped must be an integer >= 0, got 0\.5/,
    ],
  ];
  for (const [name, damage, message] of breakages) {
    it(`refuses ${name} and changes nothing`, () => {
      const { p, q, optimizer } = adam({ clip: clip.norm(1) });
      p.grad = torch.ones([2]);
      q.grad = torch.ones([2, 2]);
      optimizer.step();
      const dict = optimizer.stateDict();
      dict.param_groups[0]!.lr = 99;
      damage(dict);
      const before = snapshot(optimizer);
      expect(() => optimizer.loadStateDict(dict)).throw(TorchClipError, message);
      expect(snapshot(optimizer)).deep.equal(before);
      expect(optimizer.paramGroups[0]!.lr).equal(0.5);
    });
  }

  it('refuses a clipped state without a clipper', () => {
    const dict = adam({ clip: clip.norm(1) }).optimizer.stateDict();
    const { optimizer } = adam();
    expect(() => optimizer.loadStateDict(dict)).throw(TorchClipError, /the optimizer has no clipper/);
    delete dict.clip;
    optimizer.loadStateDict(dict);
  });

  it('loads tensors that nobody else holds, whatever is collected on the way', () => {
    const [from, to] = [adam({ clip: clip.tap(clip.norm(1)) }), adam({ clip: clip.tap(clip.norm(1)) })];
    for (let t = 1; t < 4; t++) {
      from.q.grad = torch.full([2, 2], t);
      from.optimizer.step();
    }
    const dict = from.optimizer.stateDict();
    // Each read makes a new tensor, and the next one collects those without an owner.
    const passing = <T extends object>(entries: T): T =>
      new Proxy(entries, {
        get(target, name) {
          torch.collectGarbage();
          const value: unknown = Reflect.get(target, name);
          return isTensor(value) ? value.clone() : value;
        },
      });
    dict.state[1] = passing(dict.state[1]!);
    dict.clip!.stages = [passing(dict.clip!.stages[0]!)];
    to.optimizer.loadStateDict(dict);
    const [a, b] = [from, to].map(({ optimizer }) => snapshot(optimizer) as { state: unknown; clip: unknown });
    expect([b!.state, b!.clip]).deep.equal([a!.state, a!.clip]);
  });
});
