import * as ops from '../ops/generated/functions.js';
import * as special from '../ops/generated/special.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, nonnegative, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { broadcastAll, common, from, limitsOf, named, type Parameter, parameter } from './parameters.js';
import { standardGamma } from './samplers.js';

const read = optionsOf('Gamma', { concentration: [parameter], rate: [parameter], ...common });

/**
 * The gamma distribution of shape `concentration` and `rate`.
 *
 * @example
 * new distributions.Gamma(1, 1).rsample();
 */
export class Gamma extends ExponentialFamily {
  constructor(concentration: Parameter, rate: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['concentration', 'rate'], [concentration, rate, options]));
    const [c, r] = broadcastAll(params.concentration, params.rate) as [Tensor, Tensor];
    super({ batchShape: c.shape, given: { concentration: c, rate: r }, validateArgs });
  }
  /** The shape parameter, often alpha. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  /** One over the scale, often beta. */
  get rate(): Tensor {
    return this.param('rate');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration: positive, rate: positive };
  }
  override get support(): Constraint {
    return nonnegative;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.concentration.div(this.rate);
  }
  override get mode(): Tensor {
    return this.concentration.sub(1).div(this.rate).clamp({ min: 0 });
  }
  override get variance(): Tensor {
    return this.concentration.div(this.rate.pow(2));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    const value = standardGamma(this.concentration.expand(shape)).div(this.rate.expand(shape));
    // Outside of the graph: a draw of 0, which has no logarithm, moves by what no gradient sees.
    value.detach().clamp_({ min: limitsOf(value).tiny });
    return value;
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const x = value.to({ dtype: this.rate.dtype, device: this.rate.device });
    const { concentration, rate } = this;
    return ops
      .xlogy(concentration, rate)
      .add(ops.xlogy(concentration.sub(1), x))
      .sub(rate.mul(x))
      .sub(concentration.lgamma());
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return special.gammainc(this.concentration, this.rate.mul(value));
  }
  override entropy(): Tensor {
    const { concentration, rate } = this;
    return concentration
      .sub(rate.log())
      .add(concentration.lgamma())
      .add(from(1, concentration).mul(concentration.digamma()));
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.concentration.sub(1), this.rate.neg()];
  }
  /** @internal */
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.add(1).lgamma().add(x.add(1).mul(y.reciprocal().neg().log()));
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }
}
