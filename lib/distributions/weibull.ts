import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { Exponential } from './exponential.js';
import { broadcastAll, common, eulerConstant, from, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AffineTransform, PowerTransform } from './transforms/index.js';

const read = optionsOf('Weibull', { scale: [parameter], concentration: [parameter], ...common });

/**
 * The Weibull distribution of `scale` and shape `concentration`: lifetimes whose rate of failure changes as a power of time.
 *
 * @example
 * new distributions.Weibull(1, 1).sample();
 */
export class Weibull extends TransformedDistribution<Exponential> {
  constructor(scale: Parameter, concentration: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['scale', 'concentration'], [scale, concentration, options]));
    const [s, c] = broadcastAll(params.scale, params.concentration) as [Tensor, Tensor];
    const base = new Exponential(ops.onesLike(s), { validateArgs: false });
    const transforms = [new PowerTransform(c.reciprocal()), new AffineTransform(0, s)];
    super(base, transforms, { validateArgs }, { given: { scale: s, concentration: c } });
  }
  /** Often lambda. */
  get scale(): Tensor {
    return this.param('scale');
  }
  /** The shape, often k. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { scale: positive, concentration: positive };
  }
  override get support(): Constraint {
    return positive;
  }
  override get mean(): Tensor {
    return this.scale.mul(this.concentration.reciprocal().add(1).lgamma().exp());
  }
  override get mode(): Tensor {
    const { scale, concentration } = this;
    return scale.mul(concentration.sub(1).div(concentration).pow(concentration.reciprocal()));
  }
  override get variance(): Tensor {
    const inverse = this.concentration.reciprocal();
    const square = inverse.mul(2).add(1).lgamma().exp();
    return this.scale.pow(2).mul(square.sub(inverse.add(1).lgamma().mul(2).exp()));
  }
  override entropy(): Tensor {
    const inverse = this.concentration.reciprocal();
    return from(1, inverse).mul(eulerConstant).add(this.scale.mul(inverse).log()).add(1);
  }
}
