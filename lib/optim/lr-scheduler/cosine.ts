import { check, finite, finiteNonNegative, integer, positive } from '../../check.js';
import type { Optimizer } from '../base/optimizer.js';
import { roundedZero } from '../engine/definition.js';
import { cos } from './exact.js';
import { complete } from './per-group.js';
import { allOrNothing } from './restore.js';
import { EpochScheduler, lastEpoch, type Point } from './scheduler.js';

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions {
  /** The epochs from the highest rate to the lowest. */
  TMax: number;
  /** The lowest rate, >= 0; default 0. */
  etaMin?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Moves the learning rate along a cosine down to `etaMin` and up again, as `torch.optim.lr_scheduler.CosineAnnealingLR`.
 *
 * @see Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017; without the restarts.
 *
 * @example
 * const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, { TMax: epochs });
 */
export class CosineAnnealingLR extends EpochScheduler {
  declare TMax: number;
  declare etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    const table = { TMax: [integer(1)], etaMin: [finiteNonNegative, 0], lastEpoch } as const;
    const fields = { TMax: integer(1), etaMin: finiteNonNegative };
    super(optimizer, fields, complete('CosineAnnealingLR', optimizer, table, options));
  }

  protected override next(point: Point): number {
    const rate = this.recurrence(point);
    // Beside a lowest rate that is far above the highest one, rounding takes away more than there is.
    return rate <= roundedZero ? Math.max(0, this.closedForm(point)) : rate;
  }

  private recurrence({ lr, baseLr, epoch, initial }: Point): number {
    const { TMax, etaMin } = this;
    if (initial) return lr;
    if ((epoch - 1 - TMax) % (2 * TMax) === 0) return lr + ((baseLr - etaMin) * (1 - cos(Math.PI / TMax))) / 2;
    const ratio = (1 + cos((Math.PI * epoch) / TMax)) / (1 + cos((Math.PI * (epoch - 1)) / TMax));
    return ratio * (lr - etaMin) + etaMin;
  }

  protected override closedForm({ baseLr, epoch }: Point): number {
    return this.etaMin + ((baseLr - this.etaMin) * (1 + cos((Math.PI * epoch) / this.TMax))) / 2;
  }
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions {
  /** The epochs until the first restart. */
  T0: number;
  /** How many times as long each round is as the one before, an integer; default 1. */
  TMult?: number;
  /** The lowest rate, >= 0; default 0. */
  etaMin?: number;
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

/**
 * Moves the learning rate along a cosine down to `etaMin` and then start again, as
 * `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
 *
 * @see Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.
 *
 * @example
 * const scheduler = new optim.lrScheduler.CosineAnnealingWarmRestarts(optimizer, { T0: 10, TMult: 2 });
 * for (const [i, batch] of [...loader].entries()) {
 *   train(batch);
 *   scheduler.step(epoch + i / loader.length);
 * }
 */
export class CosineAnnealingWarmRestarts extends EpochScheduler {
  declare T0: number;
  /** The epochs of the present round. */
  declare TI: number;
  declare TMult: number;
  declare etaMin: number;
  /** The epochs since the last restart. */
  declare TCur: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    const table = { T0: [integer(1)], TMult: [integer(1), 1], etaMin: [finiteNonNegative, 0], lastEpoch } as const;
    const values = complete('CosineAnnealingWarmRestarts', optimizer, table, options);
    const fields = {
      T0: integer(1),
      TI: positive,
      TMult: integer(1),
      etaMin: finiteNonNegative,
      TCur: finite,
    };
    super(optimizer, fields, { ...values, TI: values.T0, TCur: values.lastEpoch } as { lastEpoch: number });
  }

  /** @param epoch the epoch whose rates to set, which may be a fraction; default one more than the last. */
  override step(epoch?: number): void {
    if (epoch !== undefined) check('epoch', epoch, finiteNonNegative);
    allOrNothing(this.optimizer, [this], () => this.take(epoch));
  }

  private take(epoch: number | undefined): void {
    this.checkFields();
    const at = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    const TCur = this.TCur + 1;
    if (at !== undefined) this.move(at, ...this.round(at));
    else if (TCur < this.TI) this.move(this.lastEpoch + 1, TCur, this.TI);
    else this.move(this.lastEpoch + 1, TCur % this.TI, this.TI * this.TMult);
  }

  /** @internal */
  override advance(): void {
    this.step();
  }

  /** @internal */
  override begin(): void {
    this.step();
  }

  /** @internal */
  override restart(): void {
    this.move(0, this.TCur, this.TI);
  }

  protected override next({ baseLr }: Point): number {
    return this.etaMin + ((baseLr - this.etaMin) * (1 + cos((Math.PI * this.TCur) / this.TI))) / 2;
  }

  // PyTorch finds the round by logarithms, whose rounding takes some restarts for the end of the round before.
  private round(epoch: number): [TCur: number, TI: number] {
    if (this.TMult === 1) return [epoch % this.T0, this.T0];
    let [TCur, TI] = [epoch, this.T0];
    while (TCur >= TI) {
      TCur -= TI;
      TI *= this.TMult;
    }
    return [TCur, TI];
  }

  private move(epoch: number, TCur: number, TI: number): void {
    this.TCur = TCur;
    this.TI = TI;
    this.set(epoch, false, (point) => this.next(point));
  }
}
