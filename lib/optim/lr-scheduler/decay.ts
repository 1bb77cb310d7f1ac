import { finiteNonNegative, integer } from '../../check.js';
import type { Optimizer } from '../base/optimizer.js';
import { pow } from './exact.js';
import { complete } from './per-group.js';
import { EpochScheduler, grown, lastEpoch, type Point } from './scheduler.js';

/** Options of {@link ExponentialLR}. */
export interface ExponentialLROptions {
  /** What the rate is multiplied by, >= 0. */
  gamma: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Multiplies the learning rate by `gamma` every epoch, as `torch.optim.lr_scheduler.ExponentialLR`.
 *
 * @example
 * const scheduler = new optim.lrScheduler.ExponentialLR(optimizer, { gamma: 0.99 });
 */
export class ExponentialLR extends EpochScheduler {
  declare gamma: number;

  constructor(optimizer: Optimizer, options: ExponentialLROptions) {
    const table = { gamma: [finiteNonNegative], lastEpoch } as const;
    super(optimizer, { gamma: finiteNonNegative }, complete('ExponentialLR', optimizer, table, options));
  }

  protected override next({ lr, initial }: Point): number {
    return initial ? lr : grown(lr, this.gamma);
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return grown(baseLr, pow(this.gamma, epoch));
  }
}

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions {
  /** The epochs until the rate is 0; default 5. */
  totalIters?: number;
  /** The power of the fraction of epochs that is left, >= 0; default 1. */
  power?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Decays the learning rate to 0 as (1 - epoch / totalIters)^power, as `torch.optim.lr_scheduler.PolynomialLR`.
 *
 * @example
 * const scheduler = new optim.lrScheduler.PolynomialLR(optimizer, { totalIters: 100, power: 0.9 });
 */
export class PolynomialLR extends EpochScheduler {
  declare totalIters: number;
  declare power: number;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    const table = { totalIters: [integer(1), 5], power: [finiteNonNegative, 1], lastEpoch } as const;
    const fields = { totalIters: integer(1), power: finiteNonNegative };
    super(optimizer, fields, complete('PolynomialLR', optimizer, table, options));
  }

  protected override next({ lr, epoch, initial }: Point): number {
    const total = this.totalIters;
    if (initial || epoch > total) return lr;
    return lr * pow((1 - epoch / total) / (1 - (epoch - 1) / total), this.power);
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return baseLr * pow(1 - Math.min(this.totalIters, epoch) / this.totalIters, this.power);
  }
}
