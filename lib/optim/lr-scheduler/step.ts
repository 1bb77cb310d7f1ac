import { arrayOf, finiteNonNegative, integer, type Kind, kind } from '../../check.js';
import { isPlainObject } from '../../options.js';
import type { Optimizer } from '../base/optimizer.js';
import { pow } from './exact.js';
import { complete } from './per-group.js';
import { EpochScheduler, grown, lastEpoch, type Point } from './scheduler.js';

/** Options of {@link StepLR}. */
export interface StepLROptions {
  /** Epochs between two decays. */
  stepSize: number;
  /** What the rate is multiplied by, >= 0; default 0.1. */
  gamma?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Multiplies the learning rate by `gamma` every `stepSize` epochs, as `torch.optim.lr_scheduler.StepLR`.
 *
 * @example
 * const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 30, gamma: 0.1 });
 * for (let epoch = 0; epoch < 100; epoch++) {
 *   train();
 *   scheduler.step();
 * }
 */
export class StepLR extends EpochScheduler {
  declare stepSize: number;
  declare gamma: number;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    const table = { stepSize: [integer(1)], gamma: [finiteNonNegative, 0.1], lastEpoch } as const;
    const fields = { stepSize: integer(1), gamma: finiteNonNegative };
    super(optimizer, fields, complete('StepLR', optimizer, table, options));
  }

  protected override next({ lr, epoch }: Point): number {
    return epoch === 0 || epoch % this.stepSize !== 0 ? lr : grown(lr, this.gamma);
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return grown(baseLr, pow(this.gamma, Math.floor(epoch / this.stepSize)));
  }
}

/** Options of {@link MultiStepLR}. */
export interface MultiStepLROptions {
  /** The epochs at which the rate decays; one that is named twice counts twice. */
  milestones: readonly number[];
  /** What the rate is multiplied by, >= 0; default 0.1. */
  gamma?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

const counts: Kind = kind(
  'a plain object of how often each epoch is a milestone',
  (value) => isPlainObject(value) && Object.values(value).every(Number.isSafeInteger),
);

/**
 * Multiplies the learning rate by `gamma` at each milestone, as `torch.optim.lr_scheduler.MultiStepLR`.
 *
 * @example
 * const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, { milestones: [30, 80] });
 */
export class MultiStepLR extends EpochScheduler {
  /** How often each epoch is a milestone. */
  declare milestones: Record<number, number>;
  declare gamma: number;

  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    const table = { milestones: [arrayOf(integer(0))], gamma: [finiteNonNegative, 0.1], lastEpoch } as const;
    const values = complete('MultiStepLR', optimizer, table, options);
    const milestones: Record<number, number> = {};
    for (const epoch of values.milestones) milestones[epoch] = (milestones[epoch] ?? 0) + 1;
    super(optimizer, { milestones: counts, gamma: finiteNonNegative }, { ...values, milestones } as {
      lastEpoch: number;
    });
  }

  protected override next({ lr, epoch }: Point): number {
    const count = this.milestones[epoch];
    return count === undefined ? lr : grown(lr, pow(this.gamma, count));
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    const passed = Object.entries(this.milestones).filter(([milestone]) => +milestone <= epoch);
    const count = passed.reduce((sum, [, count]) => sum + count, 0);
    return grown(baseLr, pow(this.gamma, count));
  }
}
