import { arrayOf, check, synchronous } from '../../check.js';
import type { Optimizer } from '../base/optimizer.js';
import { complete, type Group, shared } from './per-group.js';
import { EpochScheduler, forGroups, lastEpoch, type Point } from './scheduler.js';
import type { LRSchedulerStateDict } from './state.js';

/** A factor as a function of the epoch. */
export type LRLambda = (epoch: number) => number;

/** Options of {@link LambdaLR} and {@link MultiplicativeLR}. */
export interface LambdaLROptions {
  /** The factor as a function of the epoch, or an array with one for each parameter group. */
  lrLambda: LRLambda | readonly LRLambda[];
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

abstract class FunctionScheduler extends EpochScheduler {
  /** The functions, one for each parameter group. */
  declare lrLambdas: LRLambda[];
  declare protected lrLambda: LRLambda | readonly LRLambda[];

  constructor(optimizer: Optimizer, options: LambdaLROptions) {
    const table = { lrLambda: [shared(synchronous<LRLambda>())], lastEpoch } as const;
    const { lrLambda, lastEpoch: last } = complete(new.target.name, optimizer, table, options);
    super(optimizer, {}, { lrLambda, lrLambdas: [], lastEpoch: last } as { lastEpoch: number });
  }

  protected override adopt(groups: readonly Group[]): void {
    super.adopt(groups);
    check('lrLambdas', this.lrLambdas, arrayOf(synchronous()));
    if (this.lrLambdas.length !== groups.length) this.lrLambdas = forGroups(this, 'lrLambda', this.lrLambda, groups);
  }

  override stateDict(): LRSchedulerStateDict {
    const lambdas = check('lrLambdas', this.lrLambdas, arrayOf(synchronous()));
    return { ...super.stateDict(), lr_lambdas: lambdas.map(() => null) };
  }

  protected factor({ group, epoch }: Point): number {
    const i = this.optimizer.paramGroups.indexOf(group as never);
    return this.answer('lrLambda', this.lrLambdas[i]!(epoch), `paramGroups[${i}]`, epoch);
  }
}

/**
 * Sets the learning rate to the first one times a function of the epoch, as `torch.optim.lr_scheduler.LambdaLR`; the function
 * is not part of the state dict.
 *
 * @example
 * const scheduler = new optim.lrScheduler.LambdaLR(optimizer, { lrLambda: (epoch) => 0.95 ** epoch });
 */
export class LambdaLR extends FunctionScheduler {
  protected override next(point: Point): number {
    return point.baseLr * this.factor(point);
  }
}

/**
 * Multiplies the learning rate by a function of the epoch, as `torch.optim.lr_scheduler.MultiplicativeLR`; the function is not
 * part of the state dict.
 *
 * @example
 * const scheduler = new optim.lrScheduler.MultiplicativeLR(optimizer, { lrLambda: () => 0.95 });
 */
export class MultiplicativeLR extends FunctionScheduler {
  protected override next(point: Point): number {
    return point.initial ? point.lr : point.lr * this.factor(point);
  }
}
