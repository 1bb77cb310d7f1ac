import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Cauchy } from './cauchy.js';
import { type Constraint, nonnegative, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { common, filled, named, type Parameter, parameter, tensorArgument } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AbsTransform } from './transforms/index.js';

const read = optionsOf('HalfCauchy', { scale: [parameter], ...common });

/**
 * The absolute value of a Cauchy variable around 0.
 *
 * @example
 * new distributions.HalfCauchy(1).sample();
 */
export class HalfCauchy extends TransformedDistribution<Cauchy> {
  constructor(scale: Parameter, options?: DistributionOptions) {
    const { scale: given, validateArgs } = read(named(['scale'], [scale, options]));
    const base = new Cauchy(0, given, { validateArgs: false });
    super(base, new AbsTransform(), { validateArgs }, { checks: { scale: base.scale } });
  }
  /** Half the width of the Cauchy density at half of its maximum. */
  get scale(): Tensor {
    return this.baseDist.scale;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { scale: positive };
  }
  override get support(): Constraint {
    return nonnegative;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return filled(this.scale, this.batchShape, Infinity);
  }
  override get mode(): Tensor {
    return ops.zerosLike(this.scale);
  }
  override get variance(): Tensor {
    return this.baseDist.variance;
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return ops.where(value.ge(0), this.baseDist.logProb(value).add(Math.log(2)), -Infinity);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return this.baseDist.cdf(value).mul(2).sub(1);
  }
  override icdf(value: Tensor): Tensor {
    return this.baseDist.icdf(tensorArgument(value).add(1).div(2));
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().sub(Math.log(2));
  }
}
