import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, interval, positive, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  broadcastAll,
  common,
  from,
  named,
  type Parameter,
  parameter,
  standardUniform,
  tensorArgument,
} from './parameters.js';

const read = optionsOf('GeneralizedPareto', {
  loc: [parameter],
  scale: [parameter],
  concentration: [parameter],
  ...common,
});

/**
 * The generalized Pareto distribution, which the excess over a high threshold approaches.
 *
 * Its cases are the exponential (`concentration` 0), the Pareto (`loc = scale / concentration`) and the uniform one
 * (`concentration` -1).
 *
 * @example
 * new distributions.GeneralizedPareto(0, 1, 0.1).sample();
 */
export class GeneralizedPareto extends Distribution {
  constructor(loc: Parameter, scale: Parameter, concentration: Parameter, options?: DistributionOptions) {
    const names = ['loc', 'scale', 'concentration'];
    const { validateArgs, ...params } = read(named(names, [loc, scale, concentration, options]));
    const [l, s, c] = broadcastAll(params.loc, params.scale, params.concentration) as [Tensor, Tensor, Tensor];
    super({ batchShape: l.shape, given: { loc: l, scale: s, concentration: c }, validateArgs });
  }
  /** The least value. */
  get loc(): Tensor {
    return this.param('loc');
  }
  get scale(): Tensor {
    return this.param('scale');
  }
  /** How heavy the tail is. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, scale: positive, concentration: real };
  }
  override get support(): Constraint {
    const { loc, scale, concentration } = this;
    const end = loc.sub(scale.div(concentration));
    return interval(loc, ops.where(concentration.lt(0), end, Infinity));
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    const { loc, scale, concentration } = this;
    const valid = concentration.lt(1);
    const safe = ops.where(valid, concentration, 0.5);
    return ops.where(valid, loc.add(scale.div(from(1, safe))), Number.NaN);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    const { scale, concentration } = this;
    const valid = concentration.lt(0.5);
    const safe = ops.where(valid, concentration, 0.25);
    const variance = scale.pow(2).div(
      from(1, safe)
        .pow(2)
        .mul(from(1, safe.mul(2))),
    );
    return ops.where(valid, variance, Number.NaN);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return this.icdf(standardUniform(this.loc, this.extendedShape(sampleShape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { z, zero, safe } = this.standardized(value);
    const y = safe.reciprocal().add(ops.onesLike(z));
    const density = ops.where(y.eq(0), y, y.mul(safe.mul(z).log1p()));
    return this.scale
      .log()
      .neg()
      .sub(ops.where(zero, z, density));
  }
  /** The logarithm of the probability of a draw above `value`. */
  logSurvivalFunction(value: Tensor): Tensor {
    this.checkValue(value);
    const { z, zero, safe } = this.standardized(value);
    return ops.where(zero, z.neg(), safe.mul(z).log1p().neg().div(safe));
  }
  /** The logarithm of {@link cdf}. */
  logCdf(value: Tensor): Tensor {
    return this.logSurvivalFunction(value).exp().neg().log1p();
  }
  override cdf(value: Tensor): Tensor {
    return this.logCdf(value).exp();
  }
  override icdf(value: Tensor): Tensor {
    const { loc, scale } = this;
    const { zero, safe } = this.cases();
    const logu = tensorArgument(value).neg().log1p();
    const general = loc.add(scale.div(safe).mul(safe.neg().mul(logu).expm1()));
    return ops.where(zero, loc.sub(scale.mul(logu)), general);
  }
  override entropy(): Tensor {
    return this.scale.log().add(this.concentration).add(1);
  }

  /** Where the distribution is exponential, and a concentration that is never 0. */
  private cases(): { zero: Tensor; safe: Tensor } {
    const { concentration } = this;
    const zero = concentration.isclose(ops.zerosLike(concentration));
    return { zero, safe: ops.where(zero, ops.onesLike(concentration), concentration) };
  }
  private standardized(value: Tensor): { z: Tensor; zero: Tensor; safe: Tensor } {
    return { z: value.sub(this.loc).div(this.scale), ...this.cases() };
  }
}
