import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { Gamma } from './gamma.js';
import { common, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { PowerTransform } from './transforms/index.js';

const read = optionsOf('InverseGamma', { concentration: [parameter], rate: [parameter], ...common });

/**
 * One over a {@link Gamma} variable of shape `concentration` and `rate`.
 *
 * @example
 * new distributions.InverseGamma(2, 3).sample();
 */
export class InverseGamma extends TransformedDistribution<Gamma> {
  constructor(concentration: Parameter, rate: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['concentration', 'rate'], [concentration, rate, options]));
    const base = new Gamma(params.concentration, params.rate, { validateArgs: false });
    const checks = { concentration: base.concentration, rate: base.rate };
    super(base, new PowerTransform(base.rate.newOnes([]).neg()), { validateArgs }, { checks });
  }
  /** Often alpha. */
  get concentration(): Tensor {
    return this.baseDist.concentration;
  }
  /** The rate of the gamma variable, often beta. */
  get rate(): Tensor {
    return this.baseDist.rate;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration: positive, rate: positive };
  }
  override get support(): Constraint {
    return positive;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    const { concentration, rate } = this;
    return ops.where(concentration.gt(1), rate.div(concentration.sub(1)), Infinity);
  }
  override get mode(): Tensor {
    return this.rate.div(this.concentration.add(1));
  }
  override get variance(): Tensor {
    const { concentration, rate } = this;
    const variance = rate.square().div(concentration.sub(1).square().mul(concentration.sub(2)));
    return ops.where(concentration.gt(2), variance, Infinity);
  }
  override entropy(): Tensor {
    const { concentration, rate } = this;
    return concentration
      .add(rate.log())
      .add(concentration.lgamma())
      .sub(concentration.add(1).mul(concentration.digamma()));
  }
}
