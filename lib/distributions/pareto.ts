import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, greaterThanEq, positive } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { Exponential } from './exponential.js';
import { broadcastAll, common, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AffineTransform, ExpTransform } from './transforms/index.js';

const read = optionsOf('Pareto', { scale: [parameter], alpha: [parameter], ...common });

/**
 * The Pareto distribution of type 1: numbers from `scale` on, whose tail falls with the power `alpha`.
 *
 * @example
 * new distributions.Pareto(1, 1).sample();
 */
export class Pareto extends TransformedDistribution<Exponential> {
  constructor(scale: Parameter, alpha: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['scale', 'alpha'], [scale, alpha, options]));
    const [s, a] = broadcastAll(params.scale, params.alpha) as [Tensor, Tensor];
    const base = new Exponential(a, { validateArgs: false });
    const transforms = [new ExpTransform(), new AffineTransform(0, s)];
    super(base, transforms, { validateArgs }, { given: { scale: s, alpha: a } });
  }
  /** The least value. */
  get scale(): Tensor {
    return this.param('scale');
  }
  /** The power of the tail. */
  get alpha(): Tensor {
    return this.param('alpha');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { alpha: positive, scale: positive };
  }
  override get support(): Constraint {
    return greaterThanEq(this.scale);
  }
  override get mean(): Tensor {
    // Infinite where alpha is at most 1.
    const a = this.alpha.clamp({ min: 1 });
    return a.mul(this.scale).div(a.sub(1));
  }
  override get mode(): Tensor {
    return this.scale;
  }
  override get variance(): Tensor {
    const a = this.alpha.clamp({ min: 2 });
    return this.scale
      .pow(2)
      .mul(a)
      .div(a.sub(1).pow(2).mul(a.sub(2)));
  }
  override entropy(): Tensor {
    return this.scale.div(this.alpha).log().add(this.alpha.reciprocal().add(1));
  }
}
