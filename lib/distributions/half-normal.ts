import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, nonnegative, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { Normal } from './normal.js';
import { common, named, type Parameter, parameter, tensorArgument } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AbsTransform } from './transforms/index.js';

const read = optionsOf('HalfNormal', { scale: [parameter], ...common });

/**
 * The absolute value of a normal variable of mean 0 and standard deviation `scale`.
 *
 * @example
 * new distributions.HalfNormal(1).sample();
 */
export class HalfNormal extends TransformedDistribution<Normal> {
  constructor(scale: Parameter, options?: DistributionOptions) {
    const { scale: given, validateArgs } = read(named(['scale'], [scale, options]));
    const base = new Normal(0, given, { validateArgs: false });
    super(base, new AbsTransform(), { validateArgs }, { checks: { scale: base.scale } });
  }
  /** The standard deviation of the normal variable. */
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
    return this.scale.mul(Math.sqrt(2 / Math.PI));
  }
  override get mode(): Tensor {
    return ops.zerosLike(this.scale);
  }
  override get variance(): Tensor {
    return this.scale.pow(2).mul(1 - 2 / Math.PI);
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
