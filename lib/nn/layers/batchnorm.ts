import { check, finite, finiteNonNegative, flag, integer, orNull } from '../../check.js';
import { int64 } from '../../dtype.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty, ones, zeros } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { batchNorm } from '../functional/index.js';
import { ones_, zeros_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';

/** Options of a batch normalisation. */
export interface BatchNormOptions extends FactoryOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** How much of the running statistics a batch replaces, or null to average all batches alike; default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias; default true. */
  affine?: boolean;
  /** Whether to keep running statistics, for evaluation; default true. */
  trackRunningStats?: boolean;
  /** Whether there is a bias beside the weight; default true. */
  bias?: boolean;
}

/** @internal */
export const readBatchNorm = optionsOf('BatchNorm', {
  eps: [finiteNonNegative, 1e-5],
  momentum: [orNull(finite), 0.1],
  affine: [flag, true],
  trackRunningStats: [flag, true],
  bias: [flag, true],
  ...factoryTable,
});

/** What batch and instance normalisation share; the buffers keep PyTorch's names. */
export abstract class NormBase extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /** `[numFeatures]`, or null. */
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super();
    const { eps, momentum, affine, trackRunningStats, bias, device, dtype } = readBatchNorm(options, new.target.name);
    this.numFeatures = check('numFeatures', numFeatures, integer(1));
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    const make = () => new Parameter(empty([numFeatures], { device, dtype }));
    this.registerParameter('weight', affine ? make() : null);
    this.registerParameter('bias', affine && bias ? make() : null);
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

  override extraRepr(): string {
    const momentum = this.momentum === null ? 'None' : print.float(this.momentum);
    return (
      `${this.numFeatures}, eps=${print.float(this.eps)}, momentum=${momentum}, affine=${print.bool(this.affine)}, ` +
      `bias=${print.bool(this.bias !== null)}, track_running_stats=${print.bool(this.trackRunningStats)}`
    );
  }
}

/** Batch normalisation over every dimension but the channels'. */
export abstract class BatchNorm extends NormBase {
  protected abstract get dims(): readonly number[];

  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    if (!this.dims.includes(shape.length)) {
      throw mustHave('input', `${this.dims.join(' or ')} dimensions`, shape);
    }
    const { weight, bias, running_mean, running_var, eps } = this;
    const counter = this.training ? this.num_batches_tracked : null;
    const momentum = this.momentum ?? (counter ? 1 / (counter.item<number>() + 1) : 0);
    const training = this.training || running_mean === null;
    const output = batchNorm(input, running_mean, running_var, { weight, bias, training, momentum, eps });
    // A batch that is refused does not count.
    counter?.add_(1);
    return output;
  }
}

/**
 * Centres and scales each channel over a batch `[n, channels]` or `[n, channels, length]` (Ioffe and Szegedy 2015).
 *
 * @example
 * new nn.BatchNorm1d(64).forward(torch.randn([8, 64]));
 */
export class BatchNorm1d extends BatchNorm {
  protected get dims(): readonly number[] {
    return [2, 3];
  }
}

/**
 * Centres and scales each channel over a batch `[n, channels, height, width]` (Ioffe and Szegedy 2015).
 *
 * @example
 * new nn.BatchNorm2d(16).forward(torch.randn([8, 16, 32, 32]));
 */
export class BatchNorm2d extends BatchNorm {
  protected get dims(): readonly number[] {
    return [4];
  }
}

/**
 * Centres and scales each channel over a batch `[n, channels, depth, height, width]` (Ioffe and Szegedy 2015).
 *
 * @example
 * new nn.BatchNorm3d(4).forward(torch.randn([2, 4, 3, 3, 3]));
 */
export class BatchNorm3d extends BatchNorm {
  protected get dims(): readonly number[] {
    return [5];
  }
}
