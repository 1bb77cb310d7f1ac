import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, nonnegative, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { blank, broadcastAll, common, from, named, type Parameter, parameter, tensorArgument } from './parameters.js';

const read = optionsOf('Exponential', { rate: [parameter], ...common });

/**
 * The time to the next event, where events happen at a `rate`.
 *
 * @example
 * new distributions.Exponential(1).sample();
 */
export class Exponential extends ExponentialFamily {
  constructor(rate: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['rate'], [rate, options]));
    const [r] = broadcastAll(params.rate) as [Tensor];
    super({ batchShape: r.shape, given: { rate: r }, validateArgs });
  }
  /** One over the mean. */
  get rate(): Tensor {
    return this.param('rate');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { rate: positive };
  }
  override get support(): Constraint {
    return nonnegative;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.rate.reciprocal();
  }
  override get mode(): Tensor {
    return ops.zerosLike(this.rate);
  }
  override get stddev(): Tensor {
    return this.rate.reciprocal();
  }
  override get variance(): Tensor {
    return this.rate.pow(-2);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return blank(this.rate, this.extendedShape(sampleShape)).exponential_().div(this.rate);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.rate.log().sub(this.rate.mul(value));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return from(1, this.rate.neg().mul(value).exp());
  }
  override icdf(value: Tensor): Tensor {
    return tensorArgument(value).neg().log1p().neg().div(this.rate);
  }
  override entropy(): Tensor {
    return from(1, this.rate.log());
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.rate.neg()];
  }
  /** @internal */
  override logNormalizer(x: Tensor): Tensor {
    return x.neg().log().neg();
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }
}
