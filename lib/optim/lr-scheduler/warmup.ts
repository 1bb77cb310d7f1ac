import type { Optimizer } from '../base/optimizer.js';
import { complete, integer, lastEpoch, number } from './options.js';
import { EpochScheduler, type Point } from './scheduler.js';

const between0And1 = number('a number from 0 to 1', (x) => x >= 0 && x <= 1);
const above0 = number('a number greater than 0 and at most 1', (x) => x > 0 && x <= 1);

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** What the rate is multiplied by at first, from 0 to 1; default 1/3. */
  factor?: number;
  /** The epochs until the rate is the full one; default 5. */
  totalIters?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Multiplies the learning rate by `factor` for `totalIters` epochs, as `torch.optim.lr_scheduler.ConstantLR`.
 *
 * @example
 * const scheduler = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.5, totalIters: 4 });
 */
export class ConstantLR extends EpochScheduler {
  declare factor: number;
  declare totalIters: number;

  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    const table = { factor: [between0And1, 1 / 3], totalIters: [integer(0), 5], lastEpoch } as const;
    const fields = { factor: between0And1, totalIters: integer(0) };
    super(optimizer, fields, complete('ConstantLR', optimizer, table, options));
  }

  protected override next({ lr, epoch }: Point): number {
    if (epoch === 0) return lr * this.factor;
    return epoch === this.totalIters ? lr * (1 / this.factor) : lr;
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return baseLr * (this.factor + Number(epoch >= this.totalIters) * (1 - this.factor));
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** What the rate is multiplied by at first, above 0 and at most 1; default 1/3. */
  startFactor?: number;
  /** What it is multiplied by in the end, from 0 to 1; default 1. */
  endFactor?: number;
  /** The epochs from the first factor to the last; default 5. */
  totalIters?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Moves the factor of the learning rate from `startFactor` to `endFactor` in equal steps, as
 * `torch.optim.lr_scheduler.LinearLR`.
 *
 * @example
 * const warmup = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.01, totalIters: 1000 });
 */
export class LinearLR extends EpochScheduler {
  declare startFactor: number;
  declare endFactor: number;
  declare totalIters: number;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    const table = {
      startFactor: [above0, 1 / 3],
      endFactor: [between0And1, 1],
      totalIters: [integer(1), 5],
      lastEpoch,
    } as const;
    const fields = { startFactor: above0, endFactor: between0And1, totalIters: integer(1) };
    super(optimizer, fields, complete('LinearLR', optimizer, table, options));
  }

  protected override next({ lr, epoch, initial }: Point): number {
    const { startFactor: start, endFactor: end, totalIters: total } = this;
    if (epoch === 0) return lr * start;
    if (initial || epoch > total) return lr;
    return lr * (1 + (end - start) / (total * start + (epoch - 1) * (end - start)));
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    const { startFactor: start, endFactor: end, totalIters: total } = this;
    return baseLr * (start + ((end - start) * Math.min(total, epoch)) / total);
  }
}
