import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor } from '../../../lib/index.js';
import { bits, snapshot } from '../support.js';

const { StepLR, ReduceLROnPlateau, LinearLR, SequentialLR, CosineAnnealingLR } = optim.lrScheduler;
const target = torch.tensor([3, -1, 2], { dtype: torch.float64 });
const start = () => torch.zeros([3], { dtype: torch.float64, requiresGrad: true });
const distance = (param: Tensor) => param.detach().sub(target).norm().item() as number;
const descend = (param: Tensor) => {
  // Two curvatures, and heavy tails by the step.
  param.grad = param
    .detach()
    .sub(target)
    .mul(torch.tensor([1, 4, 2], { dtype: torch.float64 }));
};
const sstm = (params: Tensor[], options: optim.ClippedSSTMOptions = {}) =>
  new optim.ClippedSSTM(params, { lr: 1, L: 4, clippingType: 'norm', clippingLevel: 1, ...options });

describe('optim: schedulers, Restarter, compare and ClippedSSTM together', () => {
  it('a scheduler drives the rate of ClippedSSTM, with which each of its steps is taken', () => {
    const [scheduled, byHand] = [start(), start()];
    const [optimizer, twin] = [sstm([scheduled]), sstm([byHand])];
    const warmup = new LinearLR(optimizer, { startFactor: 0.5, totalIters: 4 });
    const decay = new CosineAnnealingLR(optimizer, { TMax: 20 });
    const scheduler = new SequentialLR(optimizer, { schedulers: [warmup, decay], milestones: [4] });
    for (let t = 0; t < 20; t++) {
      descend(scheduled);
      descend(byHand);
      twin.paramGroups[0]!.lr = scheduler.getLastLr()[0]!;
      optimizer.step();
      twin.step();
      scheduler.step();
    }
    optimizer.eval();
    twin.eval();
    expect(bits(scheduled)).equal(bits(byHand));
    expect(distance(scheduled)).below(distance(start()));
  });

  it('Restarter starts ClippedSSTM and its schedule anew, from the mean', () => {
    const param = start();
    const restarts: number[] = [];
    const optimizer = sstm([param]);
    const schedule = () => new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    let scheduler = schedule();
    const begun = scheduler.stateDict();
    const restarter = new optim.Restarter(optimizer, {
      firstStretch: 4,
      onRestart: () => {
        optimizer.paramGroups[0]!.lr = 1;
        scheduler = schedule();
        scheduler.loadStateDict(begun);
      },
    });
    const rates: number[] = [];
    for (let t = 0; t < 10; t++) {
      descend(param);
      rates.push(optimizer.paramGroups[0]!.lr!);
      const before = restarter.restarts;
      restarter.step();
      restarts.push(restarter.restarts);
      // After a restart the schedule is a new one, which has not taken a step.
      if (restarter.restarts === before) scheduler.step();
    }
    expect(restarts).deep.equal([0, 0, 0, 1, 1, 1, 1, 1, 1, 2]);
    expect(rates).deep.equal([1, 1, 0.5, 0.5, 1, 1, 0.5, 0.5, 0.25, 0.25]);
    expect(distance(param)).below(distance(start()));
  });

  it('Restarter with a scheduled ClippedSSTM resumes bit for bit', () => {
    const run = (param: Tensor) => {
      const optimizer = sstm([param], { clippingType: 'linearRandNorm', beta: 0.5 });
      const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
      const restarter = new optim.Restarter(optimizer, { firstStretch: 4 });
      const step = () => {
        descend(param);
        restarter.step();
        scheduler.step();
      };
      return { restarter, step, schedule: () => scheduler };
    };
    const param = start();
    const whole = run(param);
    for (let t = 0; t < 7; t++) whole.step();
    const copy = param.detach().clone().requiresGrad_();
    const [state, schedule] = [whole.restarter.stateDict(), whole.schedule().stateDict()];
    for (let t = 0; t < 9; t++) whole.step();

    const resumed = run(copy);
    resumed.restarter.loadStateDict(state);
    resumed.schedule().loadStateDict(schedule);
    for (let t = 0; t < 9; t++) resumed.step();
    expect(bits(copy)).equal(bits(param));
    expect(snapshot(resumed.restarter.optimizer)).deep.equal(snapshot(whole.restarter.optimizer));
    expect(resumed.schedule().stateDict()).deep.equal(whole.schedule().stateDict());
  });

  it('compare measures ClippedSSTM by its answer, and schedules by epoch', () => {
    const x = torch.randn([16, 3], { generator: new torch.Generator().manualSeed(2) });
    const y = x.sum({ dim: 1, keepdim: true });
    const error = (model: nn.Linear, batch: readonly [Tensor, Tensor]) =>
      model.forward(batch[0]).sub(batch[1]).pow(2).mean();
    const schedulers = new Map<optim.Optimizer, { step(metric: number): void }>();
    const rates: number[] = [];
    let running: optim.Optimizer | undefined;
    const scheduled = (params: Tensor[]) => {
      const optimizer = new optim.SGD(params, { lr: 0.2, clip: clip.norm(1) });
      schedulers.set(
        optimizer,
        new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 2, threshold: 0.01, thresholdMode: 'abs' }),
      );
      running = optimizer;
      return optimizer;
    };
    const averaging: boolean[] = [];
    let average: optim.ClippedSSTM | undefined;
    const runs = optim.compare({
      model: () => new nn.Linear(3, 1),
      optimizers: {
        scheduled,
        sstm: (params) => {
          running = average = sstm(params, { lr: 0.5, L: 2 });
          return average;
        },
      },
      data: [[x.narrow(0, 0, 8), y.narrow(0, 0, 8)] as const, [x.narrow(0, 8, 8), y.narrow(0, 8, 8)] as const],
      loss: error,
      epochs: 30,
      metric: (model) => {
        const value = error(model, [x, y]).item() as number;
        averaging.push(average?.evaluating ?? false);
        schedulers.get(running!)?.step(value);
        rates.push(running!.paramGroups[0]!.lr!);
        return value;
      },
    });
    expect(averaging).deep.equal([...new Array(30).fill(false), ...new Array(30).fill(true)]);
    expect(average!.evaluating).equal(false);
    expect(rates[0]).equal(0.2);
    expect(rates[29]).below(0.2);
    expect(rates.slice(30)).deep.equal(new Array(30).fill(0.5));
    for (const run of [runs.scheduled, runs.sstm]) {
      expect(run.metrics.at(-1)).below(run.losses[0]! / 10);
    }
    expect(runs.sstm.losses[0]).equal(runs.scheduled.losses[0]);
  });
});
