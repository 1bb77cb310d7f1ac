import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor } from '../../../lib/index.js';
import { bytesOf, refusalOf } from '../../support.js';
import { bits, optimizers } from '../support.js';

const leaf = (values = [1, -2]) => torch.tensor(values, { requiresGrad: true });
const withGrad = (values = [1, -2]) => {
  const p = leaf(values);
  p.grad = torch.tensor(values.map(() => 0.5));
  return p;
};

/** A method of the user's: momentum whose state is a tensor, a count and a list. */
class Heavy extends optim.Optimizer<{ lr?: number; momentum?: number }> {
  constructor(params: optim.Parameters<{ lr?: number; momentum?: number }>, { lr = 0.1, momentum = 0.5 } = {}) {
    super(params, { lr, momentum });
  }
  override step(): undefined;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T | undefined {
    const loss = closure && torch.enableGrad(closure);
    torch.noGrad(() => {
      for (const { params, lr, momentum } of this.paramGroups) {
        for (const p of params) {
          if (p.grad === null) continue;
          const state = this.state.get(p);
          state.step = ((state.step as number | undefined) ?? 0) + 1;
          state.buffer ??= torch.keep(torch.zerosLike(p));
          state.list = [state.step, (state.buffer as Tensor).clone()];
          p.sub_((state.buffer as Tensor).mul_(momentum).add_(p.grad), { alpha: lr });
        }
      }
    });
    return loss;
  }
}

describe('optim.Optimizer, extended', () => {
  it('steps, has groups with options of their own, and clears gradients', () => {
    const [p, q] = [withGrad(), withGrad()];
    const optimizer = new Heavy([{ params: [p] }, { params: [q], lr: 1 }]);
    expect(optimizer.step(() => 5)).equal(5);
    expect([p.tolist(), q.tolist()].flat().map((x) => +(x as number).toFixed(4))).deep.equal([0.95, -2.05, 0.5, -2.5]);
    optimizer.zeroGrad();
    expect([p.grad, q.grad]).deep.equal([null, null]);
    expect(String(optimizer)).match(/^Heavy \(\nParameter Group 0\n {4}lr: 0\.1\n {4}momentum: 0\.5\n/);
  });

  it('is scheduled, without a false warning, and takes the steps of a scaler', () => {
    const warnings: string[] = [];
    const { emitWarning } = process;
    process.emitWarning = ((text: string) => warnings.push(text)) as typeof process.emitWarning;
    try {
      const p = leaf();
      const optimizer = new Heavy([p], { lr: 1, momentum: 0 });
      const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
      const scaler = new torch.GradScaler({ device: 'cpu', initScale: 4 });
      const skipped = [1, Infinity, 1].map((factor) => {
        optimizer.zeroGrad();
        scaler.scale(p.mul(factor).sum()).backward();
        const step = scaler.step(optimizer);
        scaler.update();
        scheduler.step();
        return step.skipped;
      });
      expect(skipped).deep.equal([false, true, false]);
      expect(p.tolist()).deep.equal([1 - 1 - 0.25, -2 - 1 - 0.25]);
      expect(optimizer.paramGroups[0]!.lr).equal(0.125);
    } finally {
      process.emitWarning = emitWarning;
    }
    expect(warnings).deep.equal([]);
  });

  it('a state dict takes its state along, as copies', () => {
    const [p, q] = [withGrad(), withGrad()];
    const [first, second] = [new Heavy([p]), new Heavy([q], { lr: 7 })];
    for (let t = 0; t < 3; t++) first.step();
    const saved = first.stateDict();
    first.step();
    expect(saved.state[0]!.step).equal(3);
    torch.noGrad(() => q.copy_(p));
    second.loadStateDict(first.stateDict());
    expect(second.paramGroups[0]!.lr).equal(0.1);
    first.step();
    second.step();
    expect(bits(q)).equal(bits(p));
    expect((second.state.get(q).list as [number, Tensor])[0]).equal(5);
    first.resetState();
    expect(first.state.size).equal(0);
  });

  const bad: [string, (state: optim.OptimizerStateDict) => unknown, RegExp][] = [
    ['a state that is not an object', (s) => ({ ...s, state: { 0: 5 } }), /state\[0\] must be an object, got 5/],
    [
      'a value that is none',
      (s) => ({ ...s, state: { 0: { f: () => 1 } } }),
      /state\[0\]\.f must be a Tensor, a number/,
    ],
    ['other groups', (s) => ({ ...s, param_groups: [] }), /different number of parameter groups/],
  ];
  for (const [name, spoil, message] of bad) {
    it(`refuses ${name} and stays as it was`, () => {
      const p = withGrad();
      const optimizer = new Heavy([p]);
      optimizer.step();
      const error = refusalOf(() => optimizer.loadStateDict(spoil(optimizer.stateDict()) as never));
      expect(error.message).match(message);
      expect(optimizer.state.get(p).step).equal(1);
    });
  }

  it('refuses the base class itself, a class without a step, and the options of the engine', () => {
    class Still extends optim.Optimizer<{ lr?: number }> {
      constructor(params: Iterable<Tensor>, more = {}) {
        super(params, { lr: 1, ...more });
      }
    }
    expect(refusalOf(() => new Still([withGrad()]).step()).message).match(/Still has no step\(\) of its own/);
    expect(refusalOf(() => new Still([withGrad()], { clip: clip.norm(1) })).message).match(
      /Still has no option "clip"/,
    );
    expect(refusalOf(() => new Still([])).message).match(/empty parameter list/);
    expect(refusalOf(() => new (optim.Optimizer as unknown as typeof Heavy)([leaf()])).message).match(
      /is the base class/,
    );
  });

  it('a class derived from another counts and calls hooks once per step', () => {
    class Twice extends optim.SGD {
      override step(): undefined {
        super.step();
        super.step();
      }
    }
    const p = withGrad([1]);
    const optimizer = new Twice([p], { lr: 1 });
    let calls = 0;
    optimizer.registerStepPreHook(() => void calls++);
    optimizer.step();
    expect([p.item(), calls]).deep.equal([0, 1]);
  });
});

describe('optim: hooks of optimizers', () => {
  for (const [name, make] of [
    ['of the engine', (p: Tensor) => new optim.SGD([p], { lr: 1 })],
    ['of the user', (p: Tensor) => new Heavy([p])],
    ['with tensor operations', (p: Tensor) => new optim.Adafactor([p])],
  ] as const) {
    it(`are called around steps and state dicts, in order, until they are removed: an optimizer ${name}`, () => {
      const optimizer = make(withGrad()) as optim.Optimizer;
      const seen: unknown[] = [];
      const closure = () => 5;
      const hooks = [
        optimizer.registerStepPreHook((o, args) => void seen.push('pre', o === optimizer, args[0] === closure)),
        optimizer.registerStepPreHook(() => void seen.push('first'), { prepend: true }),
        optimizer.registerStepPostHook((_, args) => void seen.push('post', args.length)),
        optimizer.registerStateDictPreHook(() => void seen.push('saving')),
        optimizer.registerStateDictPostHook((_, dict) => ({ ...dict, mine: 1 }) as optim.OptimizerStateDict),
        optimizer.registerLoadStateDictPreHook((_, dict) => {
          seen.push('loading', (dict as { mine?: number }).mine);
        }),
        optimizer.registerLoadStateDictPostHook(() => void seen.push('loaded')),
      ];
      expect(optimizer.step(closure)).equal(5);
      optimizer.loadStateDict(optimizer.stateDict());
      const want = ['first', 'pre', true, true, 'post', 1, 'saving', 'loading', 1, 'loaded'];
      expect(seen).deep.equal(want);
      for (const hook of hooks) hook.remove();
      optimizer.step();
      optimizer.loadStateDict(optimizer.stateDict());
      expect(seen).deep.equal(want);
    });
  }

  it('a hook can replace the closure, throw, and is called for the steps of a scaler', () => {
    const p = leaf([1]);
    const optimizer = new optim.SGD([p], { lr: 1 });
    const replace = optimizer.registerStepPreHook(() => [() => 'other']);
    expect(optimizer.step(() => 'own')).equal('other');
    replace.remove();
    let calls = 0;
    optimizer.registerStepPostHook(() => void calls++);
    const scaler = new torch.GradScaler({ device: 'cpu' });
    scaler.scale(p.sum()).backward();
    scaler.step(optimizer);
    expect([calls, p.item()]).deep.equal([1, 0]);
    const throws = optimizer.registerStepPreHook(() => {
      throw new RangeError('mine');
    });
    expect(() => optimizer.step()).throw(RangeError, 'mine');
    throws.remove();
    optimizer.step();
    expect(calls).equal(2);
    expect(refusalOf(() => optimizer.registerStepPreHook(5 as never)).message).match(
      /"hook" must be a synchronous function/,
    );
  });
});

describe('optim: groups and their options', () => {
  it('takes named parameters, whose names go into the state dict', () => {
    const model = new nn.Linear(2, 1);
    const optimizer = new optim.SGD(model.namedParameters(), { lr: 1 });
    const names = ['weight', 'bias'];
    expect(optimizer.paramGroups[0]!.paramNames).deep.equal(names);
    expect(optimizer.paramGroups[0]!.params).deep.equal([model.weight, model.bias]);
    const saved = optimizer.stateDict();
    expect(saved.param_groups[0]!.param_names).deep.equal(names);
    optimizer.loadStateDict(saved);
    new optim.SGD(model.parameters(), { lr: 1 }).loadStateDict(saved);
    const groups = new optim.SGD([{ params: model.namedParameters(), lr: 2 }], { lr: 1 });
    expect(groups.paramGroups[0]!.paramNames).deep.equal(names);
    const twice: [string, Tensor][] = [
      ['a', leaf()],
      ['a', leaf()],
    ];
    expect(refusalOf(() => new optim.SGD(twice, { lr: 1 })).message).match(
      /parameter names must be unique, but "a" appears twice/,
    );
  });

  it("ignores PyTorch's choices among implementations, and refuses what it cannot do", () => {
    const options = { lr: 1, fused: true, foreach: null, capturable: false, differentiable: false } as const;
    const optimizer = new optim.AdamW([{ params: [leaf()], foreach: false } as never], options);
    expect(optimizer.paramGroups[0]).not.property('fused');
    expect(refusalOf(() => new optim.AdamW([leaf()], { fused: 'yes' as never })).message).match(
      /"fused" must be true, false or null/,
    );
    expect(refusalOf(() => new optim.AdamW([leaf()], { differentiable: true as never })).message).match(
      /"differentiable" cannot be true/,
    );
  });

  const changes: [string, (groups: unknown[]) => unknown][] = [
    ['a group is taken out', (groups) => groups.pop()],
    ['groups change places', (groups) => groups.reverse()],
    ['a group is put in', (groups) => groups.push({ params: [leaf()], lr: 1 })],
    ['a group is replaced', (groups) => groups.splice(0, 1, { params: [leaf()], lr: 1 })],
  ];
  for (const [name, change] of changes) {
    it(`refuses to go on after ${name}`, () => {
      const [p, q] = [withGrad(), withGrad()];
      const optimizer = new optim.SGD([{ params: [p] }, { params: [q], lr: 1 }], { lr: 0.1 });
      optimizer.step();
      const before = [bits(p), bits(q)];
      change(optimizer.paramGroups);
      for (const use of [() => optimizer.step(), () => optimizer.stateDict(), () => optimizer.resetState()]) {
        expect(refusalOf(use)).property('code', 'ERR_STATE');
      }
      expect([bits(p), bits(q)]).deep.equal(before);
    });
  }

  it('eval() between a closure and the step, or in a custom clipper, is refused, and the parameters are the training point', () => {
    const p = withGrad();
    const optimizer = new optim.SGDScheduleFree([p], { lr: 0.5 });
    optimizer.step();
    const point = bits(p);
    expect(refusalOf(() => optimizer.step(() => optimizer.eval())).message).match(/call train\(\) first/);
    optimizer.train();
    expect(bits(p)).equal(point);
    optimizer.step(() => {
      optimizer.eval();
      optimizer.train();
    });
    expect(bits(p)).not.equal(point);

    const q = withGrad();
    let call = false;
    const clipped = new optim.SGDScheduleFree([q], {
      lr: 0.5,
      clip: clip.custom(() => {
        if (call) clipped.eval();
        return 1;
      }),
    });
    clipped.step();
    const before = bits(q);
    call = true;
    expect(refusalOf(() => clipped.step()).message).match(/eval\(\) cannot be called in the middle of a step/);
    expect([bits(q), clipped.evaluating]).deep.equal([before, false]);
  });

  it('a learning rate can be a tensor, which is read at each step', () => {
    const p = withGrad([1]);
    const lr = torch.tensor(1);
    const optimizer = new optim.SGD([p], { lr: lr as never });
    optimizer.step();
    lr.fill_(2);
    optimizer.step();
    expect(p.item()).equal(1 - 0.5 - 1);
    expect(optimizer.stateDict().param_groups[0]!.lr).equal(2);
    expect(refusalOf(() => new optim.SGD([p], { lr: torch.tensor(-1) as never })).message).match(
      /Invalid learning rate: -1/,
    );
    expect(refusalOf(() => new optim.SGD([p], { lr: torch.ones([2]) as never })).message).match(
      /Invalid learning rate/,
    );
  });
});

describe('optim: state', () => {
  for (const [name, Class] of Object.entries(optimizers)) {
    const make = (p: Tensor) => new Class([p], name === 'ClippedSSTM' ? { L: 1, lr: 0.1 } : {});
    it(`state has the tensors of the state dict themselves: ${name}`, () => {
      const p = torch.ones([2, 2], { requiresGrad: true });
      let optimizer: optim.Optimizer;
      try {
        optimizer = make(p);
      } catch {
        optimizer = new Class([p], { lr: 0.1 });
      }
      expect(optimizer.state.size).most(1);
      p.grad = torch.full([2, 2], 0.5);
      optimizer.step();
      const saved = optimizer.stateDict().state[0] ?? {};
      const live = optimizer.state.get(p);
      expect(Object.keys(live).sort()).deep.equal(Object.keys(saved).sort());
      for (const [key, value] of Object.entries(saved)) {
        if (!torch.isTensor(value)) continue;
        expect(bytesOf(live[key] as Tensor), key).equal(bytesOf(value));
        if (value.dim() === 2) expect((live[key] as Tensor).dataPtr(), key).not.equal(value.dataPtr());
      }
    });

    it(`counts steps beyond 2^24, exactly: ${name}`, () => {
      const p = torch.ones([2, 2], { requiresGrad: true });
      let optimizer: optim.Optimizer;
      let makeOptions: object = name === 'ClippedSSTM' ? { L: 1, lr: 0.1 } : {};
      try {
        optimizer = new Class([p], makeOptions as Record<string, unknown>);
      } catch {
        makeOptions = { lr: 0.1 };
        optimizer = new Class([p], { lr: 0.1 });
      }
      p.grad = torch.full([2, 2], 0.5);
      optimizer.step();
      const saved = optimizer.stateDict();
      const state = saved.state[0];
      if (state === undefined || !('step' in state)) return;
      for (const step of [2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2]) {
        state.step = torch.tensor(step, { dtype: torch.float64 });
        optimizer.loadStateDict(saved);
        const again = optimizer.stateDict().state[0]!.step as Tensor;
        expect([again.item(), again.dtype.name]).deep.equal([step, step > 2 ** 24 ? 'float64' : 'float32']);
        const twin = p.detach().clone().requiresGrad_();
        twin.grad = p.grad!.clone();
        const other = new Class([twin], makeOptions as Record<string, unknown>);
        other.loadStateDict(optimizer.stateDict());
        optimizer.step();
        other.step();
        expect(bits(twin), 'a run that was resumed there').equal(bits(p));
        expect((optimizer.stateDict().state[0]!.step as Tensor).item()).equal(step + 1);
      }
    });
  }

  for (const name of ['Adafactor', 'Muon'] as const) {
    it(`an empty parameter is saved after any number of steps: ${name}`, () => {
      const p = torch.zeros([0, 3], { requiresGrad: true });
      const optimizer = new optim[name]([p]);
      for (let t = 0; t < 3; t++) {
        p.grad = torch.zeros([0, 3]);
        optimizer.step();
      }
      optimizer.loadStateDict(optimizer.stateDict());
      optimizer.step();
    });

    it(`the bits do not depend on strides: ${name}`, () => {
      const results = [false, true].map((transposed) => {
        const lie = (t: Tensor) => (transposed ? t.t().contiguous().t() : t.contiguous());
        const p = lie(torch.linspace(-1, 1, 35 * 17).reshape([35, 17])).requiresGrad_();
        const optimizer = new optim[name]([p]);
        for (let t = 0; t < 5; t++) {
          p.grad = lie(
            torch
              .arange(35 * 17, { dtype: torch.float32 })
              .mul(0.37 + t)
              .sin()
              .reshape([35, 17]),
          );
          optimizer.step();
        }
        return bits(p.contiguous());
      });
      expect(results[0]).equal(results[1]);
    });
  }
});

describe('optim: resetState', () => {
  for (const [name, make] of [
    ['AdamW', (p: Tensor) => new optim.AdamW([p], { lr: 0.1, clip: clip.zscore() })],
    ['Muon', (p: Tensor) => new optim.Muon([p], { lr: 0.1 })],
    ['SGDScheduleFree', (p: Tensor) => new optim.SGDScheduleFree([p], { lr: 0.1 })],
    ['an original', (p: Tensor) => new optim.ClippedSSTM([p], { lr: 0.1, L: 1, reference: true } as never)],
  ] as const) {
    it(`takes ${name} back to its beginning, and keeps rates and groups`, () => {
      const [p, q] = [torch.ones([2, 2], { requiresGrad: true }), torch.ones([2, 2], { requiresGrad: true })];
      const run = (param: Tensor, optimizer: optim.Optimizer, from: number) => {
        for (let t = from; t < from + 4; t++) {
          param.grad = torch.full([2, 2], Math.sin(t));
          optimizer.step();
        }
      };
      const optimizer = make(p) as optim.Optimizer;
      run(p, optimizer, 0);
      optimizer.paramGroups[0]!.lr = 0.05;
      optimizer.resetState();
      torch.noGrad(() => p.fill_(1));
      const fresh = make(q) as optim.Optimizer;
      fresh.paramGroups[0]!.lr = 0.05;
      run(p, optimizer, 9);
      run(q, fresh, 9);
      expect(bits(p)).equal(bits(q));
    });
  }
});
