// What does not belong in paramGroups, put there: everything that reads them refuses it in one sentence, or does without.
import { expect } from 'chai';
import torch, { amp, nn, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import { optimizers } from '../support.js';

type Loose = Record<string, unknown>;
type Step = (optimizer: optim.Optimizer) => unknown;

const param = () => {
  const p = new nn.Parameter(torch.ones([2, 2]));
  p.grad = torch.full([2, 2], 0.5);
  return p;
};
const sparse = () => {
  const p = new nn.Parameter(torch.ones([2, 2]));
  p.grad = torch.eye(2).toSparse();
  return p;
};

const makes: Record<string, () => optim.Optimizer> = {
  ...Object.fromEntries(
    Object.entries(optimizers).map(([name, Optimizer]) => [name, () => new Optimizer([{ params: [param()] }])]),
  ),
  LBFGS: () => new optim.LBFGS([param()]) as unknown as optim.Optimizer,
  SparseAdam: () => new optim.SparseAdam([sparse()]) as unknown as optim.Optimizer,
  'an optimizer of the user': () => {
    class Own extends optim.Optimizer {
      constructor(params: Tensor[]) {
        super(params, { lr: 0.1 });
      }
      override step(): undefined {}
    }
    return new Own([param()]);
  },
};

const strangers: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['a text', 'x'],
  ['a symbol', Symbol('x')],
  ['a bigint', 2n],
  ['an empty object', {}],
  ['an array', []],
  ['an object without a prototype', Object.create(null)],
  ['a group without parameters', { params: undefined, lr: 0.1 }],
  ['a group that was not added', { params: [param()], lr: 0.1 }],
  ['a function', () => 1],
];

/** A call may succeed, or be refused in one sentence. */
function attempt(where: string, body: () => unknown): void {
  try {
    body();
  } catch (error) {
    expect(error, `${where}: ${String(error)}`).instanceOf(TorchClipError);
    expect((error as TorchClipError).message, where).not.match(/\n|Cannot read/);
  }
}

const closure = () => 1;
const uses: Record<string, Step> = {
  step: (o) => o.step(closure),
  stateDict: (o) => o.stateDict(),
  state: (o) => o.state,
  loadStateDict: (o) => o.loadStateDict({ state: {}, param_groups: [] }),
  resetState: (o) => o.resetState(),
  addParamGroup: (o) => o.addParamGroup({ params: [param()] }),
  clipStats: (o) => o.clipStats,
  eval: (o) => (o as unknown as { eval?(): void }).eval?.(),
  'GradScaler.unscale_': (o) => {
    const scaler = new amp.GradScaler({ initScale: 2 });
    scaler.scale(torch.ones([]));
    scaler.unscale_(o);
  },
  'GradScaler.step': (o) => {
    const scaler = new amp.GradScaler({ initScale: 2 });
    scaler.scale(torch.ones([]));
    scaler.step(o);
  },
  'Restarter.step': (o) => new optim.Restarter(o, { firstStretch: 1 }).step(closure),
  'Restarter.stateDict': (o) => new optim.Restarter(o).stateDict(),
};

const s = optim.lrScheduler;
const schedulers: Record<string, (o: optim.Optimizer) => { step(metric: never): void; stateDict(): Loose }> = {
  StepLR: (o) => new s.StepLR(o, { stepSize: 1 }),
  MultiStepLR: (o) => new s.MultiStepLR(o, { milestones: [1] }),
  ConstantLR: (o) => new s.ConstantLR(o),
  LinearLR: (o) => new s.LinearLR(o),
  ExponentialLR: (o) => new s.ExponentialLR(o, { gamma: 0.5 }),
  PolynomialLR: (o) => new s.PolynomialLR(o),
  CosineAnnealingLR: (o) => new s.CosineAnnealingLR(o, { TMax: 5 }),
  CosineAnnealingWarmRestarts: (o) => new s.CosineAnnealingWarmRestarts(o, { T0: 2 }),
  LambdaLR: (o) => new s.LambdaLR(o, { lrLambda: () => 0.5 }),
  MultiplicativeLR: (o) => new s.MultiplicativeLR(o, { lrLambda: () => 0.5 }),
  CyclicLR: (o) => new s.CyclicLR(o, { baseLr: 0.1, maxLr: 1 }),
  OneCycleLR: (o) => new s.OneCycleLR(o, { maxLr: 1, totalSteps: 20 }),
  ReduceLROnPlateau: (o) => new s.ReduceLROnPlateau(o, { patience: 0 }),
  SWALR: (o) => new optim.swaUtils.SWALR(o, { swaLr: 0.1 }),
  SequentialLR: (o) =>
    new s.SequentialLR(o, {
      schedulers: [new s.ConstantLR(o), new s.ExponentialLR(o, { gamma: 0.5 })],
      milestones: [1],
    }),
  ChainedScheduler: (o) => new s.ChainedScheduler([new s.ConstantLR(o), new s.ExponentialLR(o, { gamma: 0.5 })]),
};
const momentum = () => new optim.SGD([param()], { lr: 0.1, momentum: 0.9 }) as unknown as optim.Optimizer;

/** Puts something among the groups, in place of one, or in place of all. */
const places: Record<string, (optimizer: optim.Optimizer, stranger: unknown) => void> = {
  'behind the groups': (o, stranger) => o.paramGroups.push(stranger as never),
  'in place of a group': (o, stranger) => {
    o.paramGroups[0] = stranger as never;
  },
  'in place of all': (o, stranger) => {
    (o as { paramGroups: unknown }).paramGroups = stranger;
  },
};

describe('optim: what does not belong in paramGroups', () => {
  for (const [place, put] of Object.entries(places)) {
    it(`${place}: no optimizer takes it for a group, and all can be printed and cleared`, () => {
      for (const [name, make] of Object.entries(makes)) {
        for (const [kind, stranger] of name === 'SGD' ? strangers : strangers.slice(0, 2)) {
          for (const [use, call] of Object.entries(uses)) {
            const optimizer = make();
            const own = optimizer.paramGroups[0]!.params[0]!;
            put(optimizer, stranger);
            attempt(`${name}, ${kind}, ${use}`, () => call(optimizer));
            expect(own.tolist(), `${name}, ${kind}, ${use}`).deep.equal([
              [1, 1],
              [1, 1],
            ]);
            expect(String(optimizer)).a('string');
            optimizer.zeroGrad();
            expect(own.grad).equal(null);
          }
        }
      }
    });

    it(`${place}: no scheduler takes it for one either`, () => {
      for (const [name, make] of Object.entries(schedulers)) {
        for (const [kind, stranger] of strangers) {
          const before = momentum();
          const scheduler = make(before);
          const state = scheduler.stateDict();
          put(before, stranger);
          const where = `${name}, ${kind}`;
          attempt(where, () => scheduler.step(1 as never));
          attempt(where, () => scheduler.stateDict());
          attempt(where, () => (scheduler as unknown as { loadStateDict(s: Loose): void }).loadStateDict(state));
          const after = momentum();
          put(after, stranger);
          expect(() => make(after), where).throw(TorchClipError, /paramGroups must hold the groups that were added/);
        }
      }
    });
  }

  it('an option of a group that is anything: steps, saving, schedules and printing refuse it in one sentence or do without', () => {
    const values = [Symbol('x'), 5n, null, undefined, 'x', {}, Object.create(null), [Symbol('y')], () => Symbol('z')];
    for (const [name, make] of Object.entries(makes)) {
      for (const option of Object.keys(make().paramGroups[0]!).filter((key) => key !== 'params')) {
        for (const value of values) {
          for (const [use, call] of Object.entries(uses)) {
            if (name !== 'SGD' && typeof value !== 'symbol' && use !== 'step') continue;
            const optimizer = make();
            (optimizer.paramGroups[0] as unknown as Loose)[option] = value;
            attempt(`${name}, ${option}, ${use}`, () => call(optimizer));
            expect(String(optimizer)).a('string');
          }
        }
      }
    }
  });

  it('groups that are frozen or have a rate that is read-only: schedules refuse them in one sentence, and the rates stay', () => {
    const spoils: Record<string, (group: object) => unknown> = {
      frozen: Object.freeze,
      sealed: Object.seal,
      'a getter': (group) => Object.defineProperty(group, 'lr', { get: () => 0.25 }),
      'a constant': (group) => Object.defineProperty(group, 'lr', { value: 0.25, writable: false }),
    };
    for (const [kind, spoil] of Object.entries(spoils)) {
      for (const [name, make] of Object.entries(schedulers)) {
        const optimizer = momentum();
        const scheduler = make(optimizer);
        spoil(optimizer.paramGroups[0]!);
        const before = optimizer.paramGroups[0]!.lr;
        const where = `${name}, ${kind}`;
        expect(() => scheduler.step(1 as never), where).throw(TorchClipError, /must not be frozen/);
        attempt(where, () => make(optimizer));
        expect(optimizer.paramGroups[0]!.lr, where).equal(before);
      }
      const optimizer = new optim.Expectigrad([param()], { lr: () => 0.1 });
      spoil(optimizer.paramGroups[0]!);
      expect(() => optimizer.step(), kind).throw(TorchClipError, /must not be frozen/);
    }
  });

  it('a state that was assigned anything is refused by the next step of LBFGS and SparseAdam, which changes nothing', () => {
    const lbfgs = () => {
      const p = new nn.Parameter(torch.ones([2]));
      const optimizer = new optim.LBFGS([p], { maxIter: 2 });
      const step = () =>
        optimizer.step(() => {
          optimizer.zeroGrad();
          const loss = p.pow(2).sum();
          loss.backward();
          return loss;
        });
      return { p, step, state: () => optimizer.state.get(p) as Loose };
    };
    const adam = () => {
      const p = sparse();
      const optimizer = new optim.SparseAdam([p]);
      return { p, step: () => optimizer.step(), state: () => optimizer.state.get(p) as Loose };
    };
    for (const make of [lbfgs, adam]) {
      const first = make();
      first.step();
      for (const name of Object.keys(first.state())) {
        for (const value of [Symbol('x'), 5n, 'x', {}, Object.create(null), [Symbol('y')], new Map(), () => 1]) {
          const { p, step, state } = make();
          step();
          const before = p.tolist();
          state()[name] = value;
          expect(step, `${name} = ${typeof value}`).throw(TorchClipError, `state.${name}`);
          expect(p.tolist(), name).deep.equal(before);
        }
      }
    }
  });

  it('what schedulers keep in groups, or have for themselves, is anything: their steps refuse it in one sentence or do without', () => {
    const values = [Symbol('x'), 5n, null, undefined, 'x', {}, [Symbol('y')], -1, Number.NaN];
    // What TypeScript does not let others assign.
    const hidden = ['optimizer', 'schedulers', 'fields', 'bounds', 'known', 'scaleFn', 'lrLambda', 'defaultMinLr'];
    const kept = ['lr', 'initialLr', 'maxLr', 'minLr', 'momentum', 'maxMomentum', 'baseMomentum', 'swaLr', 'betas'];
    for (const [name, make] of Object.entries(schedulers)) {
      for (const value of values) {
        for (const key of kept) {
          const optimizer = momentum();
          const scheduler = make(optimizer);
          (optimizer.paramGroups[0] as unknown as Loose)[key] = value;
          attempt(`${name}, group.${key}`, () => scheduler.step(1 as never));
          attempt(`${name}, group.${key}`, () => scheduler.step(1 as never));
        }
        for (const field of Object.keys(make(momentum()))) {
          if (field.startsWith('_') || hidden.includes(field)) continue;
          const scheduler = make(momentum());
          (scheduler as unknown as Loose)[field] = value;
          attempt(`${name}.${field}`, () => scheduler.step(1 as never));
          attempt(`${name}.${field}`, () => scheduler.stateDict());
        }
      }
    }
  });
});
