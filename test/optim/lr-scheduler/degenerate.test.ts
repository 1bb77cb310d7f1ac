import { expect } from 'chai';
import fc from 'fast-check';
import torch, { optim, TorchClipError } from '../../../lib/index.js';
import { makeOptimizer, table } from './support.js';

const lr = optim.lrScheduler;
type Made = optim.lrScheduler.LRScheduler & { step(epoch?: number): void };

/** The rates after each of `steps` steps. */
function follow(make: (optimizer: optim.Optimizer) => Made, steps = 12): number[][] {
  const optimizer = makeOptimizer({ momentum: 0.9 });
  const scheduler = make(optimizer);
  const seen = [scheduler.getLastLr()];
  for (let t = 0; t < steps; t++) {
    scheduler.step();
    seen.push(scheduler.getLastLr());
  }
  return seen;
}

describe('optim.lrScheduler: options at the edge of what makes sense', () => {
  // The closed form, factor by factor.
  const cases: [string, (o: optim.Optimizer) => Made, (epoch: number) => number][] = [
    ['ConstantLR, factor 0', (o) => new lr.ConstantLR(o, { factor: 0, totalIters: 4 }), (t) => (t < 4 ? 0 : 1)],
    [
      'ConstantLR, factor 1e-320',
      (o) => new lr.ConstantLR(o, { factor: 1e-320, totalIters: 4 }),
      (t) => (t < 4 ? 0 : 1),
    ],
    [
      'ConstantLR, factor 1e-300',
      (o) => new lr.ConstantLR(o, { factor: 1e-300, totalIters: 2 }),
      (t) => (t < 2 ? 0 : 1),
    ],
    ['ConstantLR, totalIters 0', (o) => new lr.ConstantLR(o, { factor: 0.5, totalIters: 0 }), () => 1],
    [
      'LinearLR, startFactor 1e-320',
      (o) => new lr.LinearLR(o, { startFactor: 1e-320, totalIters: 5 }),
      (t) => Math.min(t, 5) / 5,
    ],
    [
      'LinearLR, startFactor 1e-200, endFactor 0.5',
      (o) => new lr.LinearLR(o, { startFactor: 1e-200, endFactor: 0.5, totalIters: 4 }),
      (t) => Math.min(t, 4) / 8,
    ],
    [
      'LinearLR, endFactor 0',
      (o) => new lr.LinearLR(o, { startFactor: 1, endFactor: 0, totalIters: 3 }),
      (t) => Math.max(0, 1 - t / 3),
    ],
    ['PolynomialLR, power 0', (o) => new lr.PolynomialLR(o, { totalIters: 3, power: 0 }), () => 1],
    ['PolynomialLR, one epoch', (o) => new lr.PolynomialLR(o, { totalIters: 1, power: 2 }), (t) => (t < 1 ? 1 : 0)],
    ['ExponentialLR, gamma 0', (o) => new lr.ExponentialLR(o, { gamma: 0 }), (t) => (t < 1 ? 1 : 0)],
    ['StepLR, gamma 0', (o) => new lr.StepLR(o, { stepSize: 2, gamma: 0 }), (t) => (t < 2 ? 1 : 0)],
    ['CosineAnnealingLR, one epoch', (o) => new lr.CosineAnnealingLR(o, { TMax: 1 }), (t) => (t + 1) % 2],
  ];
  for (const [name, make, factor] of cases) {
    it(`${name}: the closed form`, () => {
      follow(make).forEach((rates, t) => {
        rates.forEach((rate, i) => {
          const want = table.lrs[i]! * factor(t);
          expect(Math.abs(rate - want), `epoch ${t}: ${rate}, ${want}`).at.most(1e-14);
        });
      });
    });
  }

  it('negative powers are refused when the scheduler is made', () => {
    const optimizer = makeOptimizer();
    expect(() => new lr.PolynomialLR(optimizer, { power: -1 })).throw(
      TorchClipError,
      '"power" must be a finite number >= 0, got -1',
    );
  });

  it('whatever options are accepted, a hundred steps give numbers', () => {
    const share = fc.oneof(
      fc.constantFrom(0, 1e-320, 1e-300, 1e-160, 1e-16, 1),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    const count = fc.integer({ min: 0, max: 6 });
    const make = fc.oneof(
      fc.tuple(share, count).map(
        ([factor, totalIters]) =>
          (o: optim.Optimizer) =>
            new lr.ConstantLR(o, { factor, totalIters }),
      ),
      fc
        .tuple(share, share, count)
        .filter(([start, , n]) => start > 0 && n > 0)
        .map(
          ([startFactor, endFactor, totalIters]) =>
            (o: optim.Optimizer) =>
              new lr.LinearLR(o, { startFactor, endFactor, totalIters }),
        ),
      fc
        .tuple(count, fc.constantFrom(0, 1e-300, 0.5, 1, 3))
        .filter(([n]) => n > 0)
        .map(
          ([totalIters, power]) =>
            (o: optim.Optimizer) =>
              new lr.PolynomialLR(o, { totalIters, power }),
        ),
      share.map((gamma) => (o: optim.Optimizer) => new lr.ExponentialLR(o, { gamma })),
      count.filter((n) => n > 0).map((TMax) => (o: optim.Optimizer) => new lr.CosineAnnealingLR(o, { TMax })),
      fc
        .tuple(share, fc.constantFrom(1, 2, 5))
        .filter(([pctStart]) => pctStart * 100 !== 1)
        .map(
          ([pctStart, maxLr]) =>
            (o: optim.Optimizer) =>
              new lr.OneCycleLR(o, { maxLr, totalSteps: 100, pctStart }),
        ),
      fc.tuple(fc.constantFrom(1e-300, 0.5, 3), fc.constantFrom(0, 1e-300, 4)).map(
        ([stepSizeUp, stepSizeDown]) =>
          (o: optim.Optimizer) =>
            new lr.CyclicLR(o, { baseLr: 0, maxLr: 1, stepSizeUp, stepSizeDown }),
      ),
    );
    fc.assert(
      fc.property(make, (of) => {
        for (const rates of follow(of as (o: optim.Optimizer) => Made, 100)) {
          for (const rate of rates) expect(rate).satisfy(Number.isFinite);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('optim.lrScheduler: whatever options are accepted, the run goes on', () => {
  // A number that an option may be, at the ends of what numbers are.
  const any = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: 0, max: 0.99, noNaN: true }) },
    fc.constantFrom(0, -0, 1, -1, 0.5, 1.5, 1e300, -1e300, 1e-300, 5e-324, 1.7e308, 0.999, 1 - 2 ** -53, 1 + 2 ** -52),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const count = fc.constantFrom(0, 1, 2, 3, 30, 50, 60, 1e15);
  const { constantFrom, record } = fc;
  const flag = fc.boolean();
  const options: Record<string, fc.Arbitrary<object>> = {
    StepLR: record({ stepSize: count, gamma: any }),
    MultiStepLR: record({ milestones: fc.array(count, { maxLength: 5 }), gamma: any }),
    ExponentialLR: record({ gamma: any }),
    ConstantLR: record({ factor: any, totalIters: count }),
    LinearLR: record({ startFactor: any, endFactor: any, totalIters: count }),
    PolynomialLR: record({ totalIters: count, power: any }),
    CosineAnnealingLR: record({ TMax: count, etaMin: any }),
    CosineAnnealingWarmRestarts: record({ T0: count, TMult: count, etaMin: any }),
    CyclicLR: record({
      baseLr: any,
      maxLr: any,
      stepSizeUp: any,
      stepSizeDown: any,
      mode: constantFrom('triangular', 'triangular2', 'exp_range'),
      gamma: any,
      cycleMomentum: flag,
      baseMomentum: any,
      maxMomentum: any,
    }),
    OneCycleLR: record({
      maxLr: any,
      totalSteps: constantFrom(60, 61, 100, 1e9),
      pctStart: any,
      annealStrategy: constantFrom('cos', 'linear'),
      divFactor: any,
      finalDivFactor: any,
      threePhase: flag,
      cycleMomentum: flag,
      baseMomentum: any,
      maxMomentum: any,
    }),
    SWALR: record({ swaLr: any, annealEpochs: count, annealStrategy: constantFrom('cos', 'linear') }),
  };
  const optimizers = [
    () => makeOptimizer({ momentum: 0.9 }),
    () => makeOptimizer({ optimizer: 'Adam' }),
    () => new optim.NormalizedSGD([torch.zeros([1], { requiresGrad: true })]) as unknown as optim.Optimizer,
  ];
  const named = { ...lr, SWALR: optim.swaUtils.SWALR } as unknown as Record<
    string,
    new (
      optimizer: optim.Optimizer,
      options: object,
    ) => Made
  >;
  for (const [name, given] of Object.entries(options)) {
    it(`${name}: sixty steps give rates and momenta that the optimizer takes, saves and loads`, () => {
      let accepted = 0;
      fc.assert(
        fc.property(given, constantFrom(...optimizers), (o, makeOne) => {
          const optimizer = makeOne();
          let scheduler: Made;
          try {
            scheduler = new named[name]!(optimizer, o);
          } catch (error) {
            expect(error).instanceOf(TorchClipError);
            return;
          }
          accepted++;
          for (let t = 0; t < 60; t++) {
            optimizer.step();
            try {
              scheduler.step();
            } catch (error) {
              // Cycles that grow lead out of what momentum and rates may be.
              expect((error as Error).message).match(/^CyclicLR must compute a (momentum|learning rate that)/);
              expect((o as { gamma: number }).gamma).above(1);
              break;
            }
            for (const rate of scheduler.getLastLr()) expect(rate).satisfy(Number.isFinite).at.least(-1e-12);
          }
          makeOne().loadStateDict(optimizer.stateDict());
          scheduler.loadStateDict(scheduler.stateDict());
        }),
        { numRuns: 150 },
      );
      expect(accepted).above(5);
    });
  }

  it('a rate that grows without end stays at the largest number, and one of 0 stays 0', () => {
    for (const make of [
      (o: optim.Optimizer) => new lr.ExponentialLR(o, { gamma: 1e300 }),
      (o: optim.Optimizer) => new lr.StepLR(o, { stepSize: 1, gamma: 1e300 }),
      (o: optim.Optimizer) => new lr.MultiStepLR(o, { milestones: [1, 2, 2, 3], gamma: 1e300 }),
    ]) {
      const optimizer = makeOptimizer();
      optimizer.paramGroups[1]!.lr = 0;
      const scheduler = make(optimizer);
      for (let t = 0; t < 5; t++) scheduler.step();
      expect(scheduler.getLastLr()).deep.equal([Number.MAX_VALUE, 0]);
      scheduler.step(7);
      expect(scheduler.getLastLr()).deep.equal([Number.MAX_VALUE, 0]);
    }
  });

  it('OneCycleLR, linear: the step after the last one stays where the cycle ends', () => {
    const optimizer = makeOptimizer({ momentum: 0.9 });
    const scheduler = new lr.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10, annealStrategy: 'linear' });
    for (let t = 0; t < 9; t++) scheduler.step();
    const end = scheduler.getLastLr();
    scheduler.step();
    expect(scheduler.getLastLr()).deep.equal(end);
  });
});

describe('optim.lrScheduler: ReduceLROnPlateau with metrics below 0', () => {
  for (const [mode, better, worse] of [
    ['min', -1.1, -0.99995],
    ['max', -0.9, -1.00005],
  ] as const) {
    it(`${mode}: a metric that is slightly worse is no improvement`, () => {
      const scheduler = new lr.ReduceLROnPlateau(makeOptimizer(), { mode, patience: 5 });
      scheduler.step(-1);
      scheduler.step(worse);
      expect([scheduler.best, scheduler.numBadEpochs]).deep.equal([-1, 1]);
      scheduler.step(better);
      expect([scheduler.best, scheduler.numBadEpochs]).deep.equal([better, 0]);
    });
  }

  it('from no metric at all, any is better', () => {
    for (const mode of ['min', 'max'] as const) {
      for (const metric of [-1e300, -1, 0, 1, 1e300]) {
        const scheduler = new lr.ReduceLROnPlateau(makeOptimizer(), { mode });
        scheduler.step(metric);
        expect(scheduler.best).equal(metric);
      }
    }
  });
});

describe('optim.lrScheduler: a step that throws changes nothing', () => {
  const boom = new Error('boom');
  const failing = (at: number) => {
    let calls = 0;
    return () => {
      if (++calls > at) throw boom;
      return 0.5;
    };
  };
  const cases: [string, (o: optim.Optimizer) => Made][] = [
    ['LambdaLR, the second function', (o) => new lr.LambdaLR(o, { lrLambda: [() => 0.5, failing(1)] })],
    ['MultiplicativeLR, the second function', (o) => new lr.MultiplicativeLR(o, { lrLambda: [() => 0.5, failing(0)] })],
    ['CyclicLR, scaleFn', (o) => new lr.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, scaleFn: failing(4) })],
    [
      'ChainedScheduler, its second part',
      (o) =>
        new lr.ChainedScheduler([
          new lr.ExponentialLR(o, { gamma: 0.5 }),
          new lr.CosineAnnealingWarmRestarts(o, { T0: 2 }),
          new lr.LambdaLR(o, { lrLambda: [() => 1, failing(1)] }),
        ]) as Made,
    ],
    [
      'SequentialLR, at the milestone',
      (o) => {
        const parts = [
          new lr.StepLR(o, { stepSize: 1, gamma: 0.5 }),
          new lr.LambdaLR(o, { lrLambda: [() => 1, failing(1)] }),
        ];
        return new lr.SequentialLR(o, { schedulers: parts, milestones: [1] }) as Made;
      },
    ],
  ];
  for (const [name, make] of cases) {
    it(name, () => {
      const optimizer = makeOptimizer({ momentum: 0.9 });
      const scheduler = make(optimizer);
      const seen = () => [optimizer.toString(), scheduler.stateDict(), scheduler.getLastLr()];
      const before = seen();
      expect(() => {
        for (let t = 0; t < 3; t++) {
          const now = JSON.stringify(seen());
          try {
            scheduler.step();
          } catch (error) {
            expect(JSON.stringify(seen())).equal(now);
            throw error;
          }
        }
      }).throw(boom);
      expect(before).length(3);
    });
  }

  it('nor does a scheduler that cannot be made', () => {
    const makes: ((o: optim.Optimizer) => unknown)[] = [
      (o) => new lr.OneCycleLR(o, { maxLr: 1, totalSteps: 9, divFactor: 1e-320 }),
      (o) => new lr.LambdaLR(o, { lrLambda: [() => 1, failing(0)] }),
      (o) => new lr.CyclicLR(o, { baseLr: 0.5, maxLr: 1, scaleFn: () => NaN }),
    ];
    for (const make of makes) {
      const optimizer = makeOptimizer({ momentum: 0.9 });
      const { step } = optimizer;
      const before = optimizer.toString();
      expect(() => make(optimizer)).throw();
      expect(optimizer.toString()).equal(before);
      expect(optimizer.step).equal(step);
    }
  });

  it('SequentialLR refuses to go on by lastEpoch, since each of its stages has an epoch of its own', () => {
    const optimizer = makeOptimizer();
    const schedulers = [new lr.StepLR(optimizer, { stepSize: 1 })];
    expect(() => new lr.SequentialLR(optimizer, { schedulers, milestones: [], lastEpoch: 3 })).throw(
      TorchClipError,
      '"lastEpoch" must be -1: a SequentialLR goes on from another run by loadStateDict(), got 3',
    );
  });
});
