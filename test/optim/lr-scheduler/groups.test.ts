import { expect } from 'chai';
import torch, { optim, TorchClipError } from '../../../lib/index.js';
import { golden as read } from '../../support.js';
import { advance, begin, lrs, make, makeOptimizer, table } from './support.js';

const lr = optim.lrScheduler;
const param = () => torch.zeros([1], { requiresGrad: true });
const within = (got: number, want: number, where: string) =>
  expect(Math.abs(got - want), `${where}: ${got}, ${want}`).at.most(1e-15 * Math.abs(want) + 1e-30);

describe('optim.lrScheduler: a group that is added later', () => {
  const added = read<Record<string, number[] | null>>('lr-scheduler-added');
  for (const [name, want] of Object.entries(added)) {
    const spec = table.cases[name]!;
    const bounds = JSON.stringify(spec);
    // PyTorch's scheduler no longer steps where its list of rates is too short; ours does unless an option is given per group.
    const refused = /"(lrLambda|maxLr|baseLr|minLr|baseMomentum)":\[/.test(bounds);
    it(`${name}: ${want === null ? (refused ? 'is refused' : 'joins the schedule') : 'moves as in PyTorch'}`, () => {
      const run = begin(spec);
      for (let t = 1; t <= table.steps; t++) {
        if (t === table.added) run.optimizer.addParamGroup({ params: [param()], lr: table.addedLr });
        if (refused && t === table.added) {
          const seen = () => [run.optimizer.toString(), run.scheduler.getLastLr(), run.scheduler.stateDict()];
          const before = seen();
          expect(() => advance(spec, run, t)).throw(TorchClipError, '2 elements, the optimizer 3 parameter groups');
          expect(seen()).deep.equal(before);
          return;
        }
        advance(spec, run, t);
        if (want !== null && t >= table.added) within(lrs(run)[2]!, want[t - table.added]!, `step ${t}`);
        expect(lrs(run).every(Number.isFinite)).equal(true);
      }
      expect(run.scheduler.getLastLr()).deep.equal(lrs(run));
    });
  }

  it('starts from its own rate, and another run takes it over', () => {
    const grown = () => {
      const optimizer = makeOptimizer();
      optimizer.addParamGroup({ params: [param()], lr: 1 });
      return optimizer;
    };
    const optimizer = makeOptimizer();
    const scheduler = new lr.LambdaLR(optimizer, { lrLambda: (epoch) => 1 / (1 + epoch) });
    scheduler.step();
    optimizer.addParamGroup({ params: [param()], lr: 1 });
    scheduler.step();
    expect(optimizer.paramGroups[2]!.lr).equal(1 / 3);
    expect(scheduler.baseLrs).deep.equal([0.1, 0.03, 1]);

    const other = grown();
    const resumed = new lr.LambdaLR(other, { lrLambda: (epoch) => 1 / (1 + epoch) });
    other.loadStateDict(optimizer.stateDict());
    resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    resumed.step();
    expect(other.paramGroups.map(({ lr }) => lr)).deep.equal([0.1 / 4, 0.03 / 4, 1 / 4]);
  });

  it('has its place in the state dict before the next step', () => {
    const optimizer = makeOptimizer();
    const scheduler = new lr.StepLR(optimizer, { stepSize: 3 });
    optimizer.addParamGroup({ params: [param()], lr: 1 });
    expect(scheduler.stateDict().base_lrs).deep.equal([0.1, 0.03, 1]);
  });

  const first = (result: number, call: () => void): number => {
    call();
    return result;
  };
  const callbacks: Record<string, (o: optim.Optimizer, add: () => void) => optim.lrScheduler.LRScheduler> = {
    LambdaLR: (o, add) => new lr.LambdaLR(o, { lrLambda: (epoch) => first(1 / (1 + epoch), add) }),
    MultiplicativeLR: (o, add) => new lr.MultiplicativeLR(o, { lrLambda: () => first(0.5, add) }),
    CyclicLR: (o, add) =>
      new lr.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, scaleFn: (x) => first(1 / x, add) }),
  };
  for (const [name, make] of Object.entries(callbacks)) {
    for (const late of [false, true]) {
      it(`keeps its rate where ${name} adds it from its function, ${late ? 'in a step' : 'at once'}`, () => {
        const optimizer = makeOptimizer({ momentum: 0.9 });
        const own = new Set<number>();
        let adds = !late;
        const add = () => {
          if (!adds) return;
          adds = false;
          optimizer.addParamGroup({ params: [param()], lr: 7 });
          own.add(optimizer.paramGroups.length - 1);
        };
        const scheduler = make(optimizer, add);
        // The first rate of a MultiplicativeLR is that of the group, without its function.
        if (own.size === 0) {
          adds = true;
          scheduler.step();
        }
        const third = optimizer.paramGroups[2] as unknown as { lr: number; momentum: number };
        expect([third.lr, third.momentum]).deep.equal([7, 0.9]);
        scheduler.step();
        expect(lrs({ optimizer, scheduler }).every(Number.isFinite)).equal(true);
        expect(scheduler.getLastLr()).deep.equal(lrs({ optimizer, scheduler }));
        expect(optimizer.toString()).not.match(/undefined|NaN/);
      });
    }
  }

  it('keeps its rate where it comes between the schedulers and their sequence', () => {
    const optimizer = makeOptimizer();
    const first = new lr.StepLR(optimizer, { stepSize: 1 });
    optimizer.addParamGroup({ params: [param()], lr: 7 });
    new lr.SequentialLR(optimizer, { schedulers: [first], milestones: [] });
    expect(optimizer.paramGroups[2]!.lr).equal(7);
  });

  it('takes the bounds and momenta of the others in a cycle', () => {
    for (const cycle of [
      (o: optim.Optimizer) => new lr.OneCycleLR(o, { maxLr: 1, totalSteps: 20 }),
      (o: optim.Optimizer) => new lr.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 5 }),
    ]) {
      const optimizer = makeOptimizer({ momentum: 0.9 });
      const scheduler = cycle(optimizer);
      for (let t = 0; t < 4; t++) scheduler.step();
      optimizer.addParamGroup({ params: [param()], lr: 7 });
      scheduler.step();
      const [first, , third] = optimizer.paramGroups as unknown as { lr: number; momentum: number }[];
      expect([third!.lr, third!.momentum]).deep.equal([first!.lr, first!.momentum]);
    }
  });
});

describe('optim.lrScheduler: made for groups that have a first rate and another one now', () => {
  const reloaded = read<Record<string, number[][]>>('lr-scheduler-reloaded');
  for (const [name, want] of Object.entries(reloaded)) {
    const spec = table.cases[name]!;
    it(`${name}: as in PyTorch`, () => {
      const optimizer = makeOptimizer(spec);
      for (const group of optimizer.paramGroups) group.initialLr = 2 * group.lr;
      const run = { optimizer, scheduler: make(spec, optimizer) };
      optimizer.step();
      want.forEach((rates, t) => {
        if (t > 0) advance({ ...spec, change: false }, run, t);
        rates.forEach((rate, i) => {
          within(lrs(run)[i]!, rate, `step ${t}`);
        });
      });
    });
  }
});
