import { expect } from 'chai';
import torch, { optim, TorchClipError } from '../../../lib/index.js';
import { cos, pow } from '../../../lib/optim/lr-scheduler/exact.js';
import { refusalOf } from '../../support.js';
import { make, makeOptimizer } from './support.js';

const lr = optim.lrScheduler;

describe('optim.lrScheduler: arguments', () => {
  const refused: [scheduler: string, options: unknown, message: string, optimizer?: object][] = [
    ['StepLR', {}, '"stepSize" must be an integer >= 1, got undefined'],
    ['StepLR', undefined, '"options" of StepLR must be a plain object, got undefined'],
    [
      'StepLR',
      { stepSize: 3, step_size: 3 },
      'unknown option "step_size" of StepLR; did you mean "stepSize"? It takes stepSize, gamma, lastEpoch',
    ],
    ['StepLR', { stepSize: 3, gamma: NaN }, '"gamma" must be a finite number >= 0, got NaN'],
    ['StepLR', { stepSize: 3, lastEpoch: -2 }, '"lastEpoch" must be an integer >= -1, got -2'],
    ['MultiStepLR', { milestones: 3 }, '"milestones" must be an array, each element an integer >= 0, got 3'],
    ['ConstantLR', { factor: 1.1 }, '"factor" must be a number in [0, 1], got 1.1'],
    ['LinearLR', { startFactor: 0 }, '"startFactor" must be a number in (0, 1], got 0'],
    ['LinearLR', { endFactor: -0.1 }, '"endFactor" must be a number in [0, 1], got -0.1'],
    ['ExponentialLR', {}, '"gamma" must be a finite number >= 0, got undefined'],
    ['PolynomialLR', { totalIters: 0 }, '"totalIters" must be an integer >= 1, got 0'],
    ['CosineAnnealingLR', { TMax: 0 }, '"TMax" must be an integer >= 1, got 0'],
    ['CosineAnnealingWarmRestarts', { T0: 0 }, '"T0" must be an integer >= 1, got 0'],
    ['CosineAnnealingWarmRestarts', { T0: 3, TMult: 1.5 }, '"TMult" must be an integer >= 1, got 1.5'],
    ['OneCycleLR', { maxLr: 1 }, 'either totalSteps, or epochs and stepsPerEpoch, must be given'],
    ['OneCycleLR', { maxLr: 1, totalSteps: 0 }, '"totalSteps" must be an integer >= 1 or null, got 0'],
    ['OneCycleLR', { maxLr: 1, totalSteps: 9, pctStart: 2 }, '"pctStart" must be a number in [0, 1], got 2'],
    [
      'OneCycleLR',
      { maxLr: 1, totalSteps: 8, pctStart: 0.125 },
      '"pctStart" must be large enough to leave more than one step',
    ],
    ['OneCycleLR', { maxLr: 1, totalSteps: 8, annealStrategy: 'x' }, '"annealStrategy" must be "cos" or "linear"'],
    [
      'OneCycleLR',
      { maxLr: [1], totalSteps: 8 },
      '"maxLr" must be a finite number >= 0, or an array with one for each',
    ],
    ['CyclicLR', { baseLr: 1, maxLr: 2, mode: 'x' }, '"mode" must be "triangular", "triangular2" or "exp_range"'],
    ['CyclicLR', { baseLr: 1, maxLr: 2, stepSizeUp: 0 }, '"stepSizeUp" must be a finite number > 0, got 0'],
    [
      'LambdaLR',
      { lrLambda: 3 },
      '"lrLambda" must be a synchronous function, or an array with one for each parameter group, got 3',
    ],
    [
      'MultiplicativeLR',
      { lrLambda: [() => 1] },
      '"lrLambda" must be a synchronous function, or an array with one for each',
    ],
    ['SequentialLR', { schedulers: [], milestones: [] }, '"schedulers" must be an array of at least one scheduler'],
    ['ReduceLROnPlateau', { factor: 1 }, '"factor" must be a number below 1, got 1'],
    ['ReduceLROnPlateau', { mode: 'best' }, '"mode" must be "min" or "max", got "best"'],
    ['ReduceLROnPlateau', { thresholdMode: 'x' }, '"thresholdMode" must be "rel" or "abs", got "x"'],
    ['ReduceLROnPlateau', { minLr: [1] }, '"minLr" must be a finite number >= 0, or an array with one for each'],
    ['StepLR', { stepSize: 3 }, '"optimizer" must be an Optimizer, got an object', {}],
  ];
  for (const [scheduler, options, message, other] of refused) {
    it(`${scheduler}: ${message}`, () => {
      const optimizer = makeOptimizer();
      const before = optimizer.toString();
      const Class = lr[scheduler as 'StepLR'] as unknown as new (optimizer: object, options: unknown) => unknown;
      const fails = () => new Class(other ?? optimizer, options);
      expect(fails).throw(TorchClipError, message).property('code', 'ERR_ARGUMENT');
      expect(optimizer.toString()).equal(before);
    });
  }

  it('cycling momentum needs an optimizer that has one', () => {
    const optimizer = makeOptimizer();
    delete (optimizer.paramGroups[0] as { momentum?: number }).momentum;
    for (const make of [
      () => new lr.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 9 }),
      () => new lr.CyclicLR(optimizer, { baseLr: 1, maxLr: 2 }),
    ]) {
      expect(make).throw(TorchClipError, 'optimizer must support momentum or beta1');
    }
  });

  it('composed schedulers share one optimizer and need no metric', () => {
    const [a, b] = [makeOptimizer(), makeOptimizer()];
    const [one, other] = [new lr.StepLR(a, { stepSize: 1 }), new lr.StepLR(b, { stepSize: 1 })];
    const plateau = new lr.ReduceLROnPlateau(a) as unknown as optim.lrScheduler.LRScheduler;
    for (const [schedulers, message] of [
      [[one, other], 'schedulers[1] belongs to another optimizer'],
      [[one, plateau], '"schedulers[1]" must be a scheduler whose step() needs no metric, got a ReduceLROnPlateau'],
    ] as const) {
      expect(() => new lr.SequentialLR(a, { schedulers, milestones: [3] })).throw(TorchClipError, message);
      expect(() => new lr.ChainedScheduler(schedulers)).throw(TorchClipError, message);
    }
    expect(() => new lr.ChainedScheduler([one], { optimizer: b })).throw(TorchClipError, 'another optimizer');
    for (const milestones of [[], [1, 2], [-1], undefined]) {
      expect(() => new lr.SequentialLR(a, { schedulers: [one, one], milestones: milestones as number[] })).throw(
        TorchClipError,
        '"milestones" must be 1 ascending integers >= 0, one fewer than schedulers',
      );
    }
  });
});

describe('optim.lrScheduler: steps', () => {
  it('set plain numbers and keep the first rate', () => {
    const optimizer = makeOptimizer();
    new lr.ExponentialLR(optimizer, { gamma: 0.5 }).step();
    expect(optimizer.paramGroups.map(({ lr, initialLr }) => [lr, initialLr])).deep.equal([
      [0.05, 0.1],
      [0.015, 0.03],
    ]);
  });

  it('throw where the schedule is not a number, and change nothing', () => {
    const optimizer = makeOptimizer();
    const scheduler = new lr.LambdaLR(optimizer, { lrLambda: [(t) => 1 / (t + 1), (t) => (t < 2 ? 1 : NaN)] });
    scheduler.step();
    const before = [scheduler.stateDict(), optimizer.toString()];
    expect(() => scheduler.step()).throw(
      TorchClipError,
      'must compute a finite learning rate, got NaN for paramGroups[1] at epoch 2',
    );
    expect([scheduler.stateDict(), optimizer.toString()]).deep.equal(before);
  });

  describe('refuse what a function of the rate returns that is not a finite number, and change nothing', () => {
    const answers = [null, undefined, '1', [2], true, new Date(1), 1n, {}, NaN, Infinity];
    const makers: Record<string, (o: optim.Optimizer, f: (x: number) => number) => optim.lrScheduler.LRScheduler> = {
      LambdaLR: (o, f) => new lr.LambdaLR(o, { lrLambda: f }),
      MultiplicativeLR: (o, f) => new lr.MultiplicativeLR(o, { lrLambda: f }),
      'CyclicLR, by cycles': (o, f) => new lr.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 2, scaleFn: f }),
      'CyclicLR, by steps': (o, f) =>
        new lr.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 2, scaleFn: f, scaleMode: 'iterations' }),
    };
    for (const [name, make] of Object.entries(makers)) {
      it(name, () => {
        for (const answer of answers) {
          const optimizer = makeOptimizer({ momentum: 0.9 });
          let given: unknown = 0.5;
          const scheduler = make(optimizer, () => given as number);
          scheduler.step();
          const seen = () => [optimizer.toString(), scheduler.getLastLr(), scheduler.stateDict()];
          const before = seen();
          given = answer;
          const error = refusalOf(() => scheduler.step());
          expect(error.code).equal('ERR_ARGUMENT');
          expect(error.message).match(/^\w+LR must compute a finite learning rate, got .+ for .+ at epoch 2$/);
          expect(seen()).deep.equal(before);
        }
      });
    }
  });

  it('OneCycleLR keeps momenta >= 0 among the smallest numbers', () => {
    const optimizer = makeOptimizer({ momentum: 0.9 });
    const momenta = { baseMomentum: 0, maxMomentum: 7.4e-323 };
    const scheduler = new lr.OneCycleLR(optimizer, { maxLr: 0, totalSteps: 60, pctStart: 0, ...momenta });
    for (let t = 1; t <= 60; t++) {
      scheduler.step();
      optimizer.step();
    }
  });

  it('OneCycleLR ends', () => {
    const optimizer = makeOptimizer();
    const scheduler = new lr.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5 });
    for (let t = 1; t <= 5; t++) scheduler.step();
    expect(() => scheduler.step()).throw(TorchClipError, 'step 6 is more than the total number of steps, 5');
  });

  it('OneCycleLR that only rises falls at once in its last step', () => {
    const optimizer = makeOptimizer();
    const scheduler = new lr.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5, pctStart: 1 });
    for (let t = 1; t <= 4; t++) scheduler.step();
    expect(optimizer.paramGroups[0]!.lr).equal(1);
    scheduler.step();
    expect(optimizer.paramGroups[0]!.lr).equal(1 / 25 / 1e4);
  });

  it('refuse epochs that are none, and groups that were added where there is a bound for each', () => {
    const optimizer = makeOptimizer();
    const step = new lr.StepLR(optimizer, { stepSize: 1 });
    const restarts = new lr.CosineAnnealingWarmRestarts(optimizer, { T0: 3 });
    expect(() => step.step(1.5)).throw(TorchClipError, '"epoch" must be an integer >= 0, got 1.5');
    expect(() => restarts.step(-1)).throw(TorchClipError, '"epoch" must be a finite number >= 0, got -1');
    const plateau = new lr.ReduceLROnPlateau(optimizer, { minLr: [0, 0] });
    const all = new lr.ReduceLROnPlateau(optimizer, { minLr: 0.01, patience: 0 });
    optimizer.addParamGroup({ params: [torch.zeros([1], { requiresGrad: true })], lr: 1 });
    expect(() => plateau.step(1)).throw(
      TorchClipError,
      '"minLr" of ReduceLROnPlateau has 2 elements, the optimizer 3 parameter groups',
    );
    for (let t = 0; t < 3; t++) all.step(1);
    expect(all.getLastLr()[2]).equal(0.1 * 0.1);
  });

  it('to an epoch or one by one, CosineAnnealingWarmRestarts is the same also where a round begins', () => {
    for (const TMult of [1, 2, 3, 10]) {
      const spec = { scheduler: 'CosineAnnealingWarmRestarts', options: { T0: 1, TMult } };
      const [a, b] = [make(spec, makeOptimizer()), make(spec, makeOptimizer())];
      for (let t = 1; t <= 1200; t++) {
        a.step();
        b.step(t);
        expect(b.stateDict()).deep.equal(a.stateDict(), `TMult ${TMult}, epoch ${t}`);
      }
    }
  });

  it('a later stage of SequentialLR may be composed too', () => {
    const optimizer = makeOptimizer();
    const rates = (first: number[]) => first.map((x) => Number(x.toPrecision(12)));
    const first = new lr.ConstantLR(optimizer, { factor: 1, totalIters: 1 });
    const chained = new lr.ChainedScheduler([
      new lr.ConstantLR(optimizer, { factor: 0.5, totalIters: 2 }),
      new lr.ExponentialLR(optimizer, { gamma: 0.1 }),
    ]);
    const scheduler = new lr.SequentialLR(optimizer, { schedulers: [first, chained], milestones: [2] });
    const seen = [0, 1, 2, 3, 4].map(() => {
      scheduler.step();
      return scheduler.getLastLr()[0]!;
    });
    expect(rates(seen)).deep.equal([0.1, 0.1, 0.01, 0.002, 0.0002]);
  });

  it('ReduceLROnPlateau takes a tensor, bears NaN as a bad epoch and refuses anything else', () => {
    const scheduler = new lr.ReduceLROnPlateau(makeOptimizer(), { patience: 1 });
    scheduler.step(torch.tensor(2));
    expect(scheduler.best).equal(2);
    scheduler.step(NaN);
    expect(scheduler.numBadEpochs).equal(1);
    expect(() => scheduler.step('1' as never)).throw(TorchClipError, '"metric" must be a number or a tensor');
  });
});

describe('optim.lrScheduler: order of steps', () => {
  const warnings = (work: () => void): string[] => {
    const { emitWarning } = process;
    const seen: string[] = [];
    process.emitWarning = ((text: string) => seen.push(text)) as typeof process.emitWarning;
    try {
      work();
    } finally {
      process.emitWarning = emitWarning;
    }
    return seen;
  };

  it('warns once when a scheduler steps before its optimizer', () => {
    const optimizer = makeOptimizer();
    const scheduler = new lr.StepLR(optimizer, { stepSize: 2 });
    const seen = warnings(() => {
      scheduler.step();
      scheduler.step();
    });
    expect(seen).length(1);
    expect(seen[0]).include('before optimizer.step()');
  });

  it('is silent in the right order, and leaves the optimizer as it was', () => {
    const optimizer = makeOptimizer();
    const { step } = optimizer;
    const composed = () =>
      new lr.SequentialLR(optimizer, {
        schedulers: [new lr.ChainedScheduler([new lr.StepLR(optimizer, { stepSize: 2 })])],
        milestones: [],
      });
    const seen = warnings(() => {
      const scheduler = composed();
      expect(optimizer.step(() => 3)).equal(3);
      expect(optimizer.step).equal(step);
      expect(Object.hasOwn(optimizer, 'step')).equal(false);
      scheduler.step();
      composed().step();
    });
    expect(seen).deep.equal([]);
  });

  it('minds a step of the user', () => {
    const optimizer = makeOptimizer();
    let calls = 0;
    optimizer.step = (() => void calls++) as typeof optimizer.step;
    const seen = warnings(() => {
      const scheduler = new lr.StepLR(optimizer, { stepSize: 2 });
      optimizer.step();
      optimizer.step();
      scheduler.step();
    });
    expect([seen.length, calls]).deep.equal([0, 2]);
  });
});

describe('optim.lrScheduler: cos and pow', () => {
  it('are those of Math to the last bit or one beside it', () => {
    const beside = (got: number, want: number) =>
      expect(Math.abs(got - want)).at.most(2 ** -52 * Math.abs(want), `${got}, ${want}`);
    for (let i = -300; i <= 300; i++) beside(cos(i / 7), Math.cos(i / 7));
    for (const x of [1e-300, 1e-5, 0.3, 0.999, 1, 1.5, 2, 77]) {
      for (const y of [-0.5, 0, 1e-9, 0.9, 1, 2, 3.5, 100]) beside(pow(x, y), x ** y);
    }
    expect([pow(1e-300, -3), pow(0, 2), pow(-2, 3), pow(2, 2000), cos(0), cos(Math.PI)]).deep.equal([
      Infinity,
      0,
      -8,
      Infinity,
      1,
      -1,
    ]);
  });
});
