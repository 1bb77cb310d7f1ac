import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { Normal } from './normal.js';
import { common, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { ExpTransform } from './transforms/index.js';

const read = optionsOf('LogNormal', { loc: [parameter], scale: [parameter], ...common });

/**
 * The exponential of a normal variable of mean `loc` and standard deviation `scale`.
 *
 * @example
 * new distributions.LogNormal(0, 1).sample();
 */
export class LogNormal extends TransformedDistribution<Normal> {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const base = new Normal(params.loc, params.scale, { validateArgs: false });
    super(base, new ExpTransform(), { validateArgs }, { checks: base.given });
  }
  /** The mean of the logarithm. */
  get loc(): Tensor {
    return this.baseDist.loc;
  }
  /** The standard deviation of the logarithm. */
  get scale(): Tensor {
    return this.baseDist.scale;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, scale: positive };
  }
  override get support(): Constraint {
    return positive;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.pow(2).div(2)).exp();
  }
  override get mode(): Tensor {
    return this.loc.sub(this.scale.square()).exp();
  }
  override get variance(): Tensor {
    const square = this.scale.pow(2);
    return square.expm1().mul(this.loc.mul(2).add(square).exp());
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().add(this.loc);
  }
}
