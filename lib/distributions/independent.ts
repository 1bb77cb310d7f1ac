import { instance, integer } from '../check.js';
import { TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, independent } from './constraints/index.js';
import { Distribution, type DistributionOptions, type EnumerateOptions } from './distribution.js';
import { common, named, sumRightmost } from './parameters.js';

/** @internal */
export const distributionKind = instance<Distribution>(Distribution, 'a Distribution');

const read = optionsOf('Independent', {
  baseDistribution: [distributionKind],
  reinterpretedBatchNdims: [integer(0)],
  ...common,
});

/**
 * A distribution whose last few batch dimensions are dimensions of one event: their log-probabilities are added.
 *
 * @example
 * const d = new distributions.Normal(torch.zeros([3]), 1);    // three numbers
 * new distributions.Independent(d, 1);                        // one vector of three numbers
 */
export class Independent<D extends Distribution = Distribution> extends Distribution {
  /** How many of the base distribution's batch dimensions make an event. */
  readonly reinterpretedBatchNdims: number;

  constructor(baseDistribution: D, reinterpretedBatchNdims: number, options?: DistributionOptions) {
    const names = ['baseDistribution', 'reinterpretedBatchNdims'];
    const given = read(named(names, [baseDistribution, reinterpretedBatchNdims, options]));
    const { baseDistribution: base, reinterpretedBatchNdims: count, validateArgs } = given;
    const { batchShape } = base;
    if (count > batchShape.length) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"reinterpretedBatchNdims" must be at most the dimensions of the batch shape ${shapeText(batchShape)}, got ${count}`,
      );
    }
    const cut = batchShape.length - count;
    super({
      batchShape: batchShape.slice(0, cut),
      eventShape: [...batchShape.slice(cut), ...base.eventShape],
      parts: { base },
      validateArgs,
    });
    this.reinterpretedBatchNdims = count;
  }
  /** The distribution that this one is made of. */
  get baseDist(): D {
    return this.parts.base as D;
  }
  override get support(): Constraint {
    const { support } = this.baseDist;
    const { reinterpretedBatchNdims } = this;
    return reinterpretedBatchNdims === 0 ? support : independent(support, reinterpretedBatchNdims);
  }
  override get hasRsample(): boolean {
    return this.baseDist.hasRsample;
  }
  override get hasEnumerateSupport(): boolean {
    return this.reinterpretedBatchNdims === 0 && this.baseDist.hasEnumerateSupport;
  }
  override get mean(): Tensor {
    return this.baseDist.mean;
  }
  override get mode(): Tensor {
    return this.baseDist.mode;
  }
  override get variance(): Tensor {
    return this.baseDist.variance;
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    return this.baseDist.sample(sampleShape);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return this.baseDist.rsample(sampleShape);
  }
  override logProb(value: Tensor): Tensor {
    return sumRightmost(this.baseDist.logProb(value), this.reinterpretedBatchNdims);
  }
  override entropy(): Tensor {
    return sumRightmost(this.baseDist.entropy(), this.reinterpretedBatchNdims);
  }
  override enumerateSupport(options?: EnumerateOptions): Tensor {
    if (this.reinterpretedBatchNdims > 0) throw this.lacks('enumerateSupport() over several dimensions of an event');
    return this.baseDist.enumerateSupport(options);
  }
  override toString(): string {
    return `${this.constructor.name}(${this.baseDist}, ${this.reinterpretedBatchNdims})`;
  }
}
