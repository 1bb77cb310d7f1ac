import { integer, numberIn } from '../../check.js';
import type { Optimizer } from '../base/optimizer.js';
import { complete } from './per-group.js';
import { EpochScheduler, lastEpoch, type Point } from './scheduler.js';

const factor = numberIn('[0, 1]');
const aboveZero = numberIn('(0, 1]');

// What a smaller factor leaves of a rate holds too few of its bits to find the way back.
const tiny = 2 ** -500;

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** What the rate is multiplied by at first, in [0, 1]; default 1/3. */
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
    const table = { factor: [factor, 1 / 3], totalIters: [integer(0), 5], lastEpoch } as const;
    const fields = { factor: factor, totalIters: integer(0) };
    super(optimizer, fields, complete('ConstantLR', optimizer, table, options));
  }

  protected override next(point: Point): number {
    const { lr, epoch } = point;
    const { factor, totalIters } = this;
    if (epoch === 0) return totalIters === 0 ? lr : lr * factor;
    if (epoch !== totalIters) return lr;
    return factor < tiny ? this.closedForm(point) : lr * (1 / factor);
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return baseLr * (this.factor + Number(epoch >= this.totalIters) * (1 - this.factor));
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** What the rate is multiplied by at first, in (0, 1]; default 1/3. */
  startFactor?: number;
  /** What it is multiplied by in the end, in [0, 1]; default 1. */
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
      startFactor: [aboveZero, 1 / 3],
      endFactor: [factor, 1],
      totalIters: [integer(1), 5],
      lastEpoch,
    } as const;
    const fields = { startFactor: aboveZero, endFactor: factor, totalIters: integer(1) };
    super(optimizer, fields, complete('LinearLR', optimizer, table, options));
  }

  protected override next(point: Point): number {
    const { lr, epoch, initial } = point;
    const { startFactor: start, endFactor: end, totalIters: total } = this;
    if (epoch === 0) return lr * start;
    if (initial || epoch > total) return lr;
    if (epoch === 1 && start < tiny) return this.closedForm(point);
    return lr * (1 + (end - start) / (total * start + (epoch - 1) * (end - start)));
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    const { startFactor: start, endFactor: end, totalIters: total } = this;
    return baseLr * (start + ((end - start) * Math.min(total, epoch)) / total);
  }
}
