import { int64 } from '../../dtype.js';
import { invalidArgument } from '../../errors.js';
import { batchNorm, empty, ones, zeros } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { ones_, zeros_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';

/** Options of a batch normalisation. */
export interface BatchNormOptions extends FactoryOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Share of a batch in the running statistics, or null for their plain mean; default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias; default true. */
  affine?: boolean;
  /** Whether to keep running statistics, for evaluation; default true. */
  trackRunningStats?: boolean;
  /** Whether there is a bias beside the weight; default true. */
  bias?: boolean;
}

/** Batch normalisation over every dimension but the channels'; its buffers keep PyTorch's names. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /** `[numFeatures]`, or null. */
  weight: Parameter | null;
  bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;
  protected abstract get dims(): readonly number[];

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    check.given(options);
    super();
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      bias = true,
      device,
      dtype,
      ...unknown
    } = options;
    check.noUnknown(unknown);
    this.numFeatures = check.positiveInt('numFeatures', numFeatures);
    this.eps = check.nonNegative('eps', eps);
    this.momentum = momentum === null ? null : check.finite('momentum', momentum);
    this.affine = check.bool('affine', affine);
    this.trackRunningStats = check.bool('trackRunningStats', trackRunningStats);
    const make = () => new Parameter(empty([numFeatures], { device, dtype }));
    this.weight = affine ? make() : null;
    this.bias = affine && check.bool('bias', bias) ? make() : null;
    this.registerBuffer('running_mean', trackRunningStats ? zeros([numFeatures], { device, dtype }) : null);
    this.registerBuffer('running_var', trackRunningStats ? ones([numFeatures], { device, dtype }) : null);
    this.registerBuffer('num_batches_tracked', trackRunningStats ? zeros([], { device, dtype: int64 }) : null);
    this.resetParameters();
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    this.running_mean?.zero_();
    this.running_var?.fill_(1);
    this.num_batches_tracked?.zero_();
  }

  /** Sets the weight to 1 and the bias to 0, and forgets the running statistics. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    const { shape } = check.tensor('input', input);
    if (!this.dims.includes(shape.length)) {
      throw invalidArgument('input', `of ${this.dims.join(' or ')} dimensions`, shape, 'ERR_SHAPE');
    }
    const batchStatistics = this.training || this.running_mean === null;
    if (batchStatistics && shape.reduce((a, b) => a * b, 1) === shape[1]) {
      throw invalidArgument('input', 'of more than 1 value per channel when training', shape, 'ERR_SHAPE');
    }
    let share = this.momentum ?? 0;
    if (this.training && this.num_batches_tracked) {
      this.num_batches_tracked.add_(1);
      if (this.momentum === null) share = 1 / this.num_batches_tracked.item();
    }
    return batchNorm(
      input,
      this.weight,
      this.bias,
      this.running_mean,
      this.running_var,
      batchStatistics,
      share,
      this.eps,
      true,
    );
  }

  override extraRepr(): string {
    const momentum = this.momentum === null ? 'None' : print.float(this.momentum);
    return (
      `${this.numFeatures}, eps=${print.float(this.eps)}, momentum=${momentum}, affine=${print.bool(this.affine)}, ` +
      `bias=${print.bool(this.bias !== null)}, track_running_stats=${print.bool(this.trackRunningStats)}`
    );
  }
}

/** Centres and scales each channel over a batch `[n, channels]` or `[n, channels, length]` (Ioffe and Szegedy 2015). */
export class BatchNorm1d extends BatchNorm {
  protected get dims(): readonly number[] {
    return [2, 3];
  }
}

/** Centres and scales each channel over a batch `[n, channels, height, width]` (Ioffe and Szegedy 2015). */
export class BatchNorm2d extends BatchNorm {
  protected get dims(): readonly number[] {
    return [4];
  }
}
