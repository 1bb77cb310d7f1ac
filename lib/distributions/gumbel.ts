import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { broadcastAll, common, eulerConstant, limitsOf, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AffineTransform, ExpTransform } from './transforms/index.js';
import { Uniform } from './uniform.js';

const read = optionsOf('Gumbel', { loc: [parameter], scale: [parameter], ...common });

/**
 * The Gumbel distribution: of the largest among many draws.
 *
 * @example
 * new distributions.Gumbel(1, 2).sample();
 */
export class Gumbel extends TransformedDistribution<Uniform> {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const [l, s] = broadcastAll(params.loc, params.scale) as [Tensor, Tensor];
    const { tiny, eps } = limitsOf(l);
    const base = new Uniform(ops.fullLike(l, tiny), ops.fullLike(l, 1 - eps), { validateArgs });
    const log = new ExpTransform().inv;
    const transforms = [
      log,
      new AffineTransform(0, ops.onesLike(s).neg()),
      new ExpTransform().inv,
      new AffineTransform(params.loc, s.neg()),
    ];
    super(base, transforms, { validateArgs }, { given: { loc: l, scale: s } });
  }
  /** The mode. */
  get loc(): Tensor {
    return this.param('loc');
  }
  get scale(): Tensor {
    return this.param('scale');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, scale: positive };
  }
  override get support(): Constraint {
    return real;
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.mul(eulerConstant));
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.PI / Math.sqrt(6));
  }
  override get variance(): Tensor {
    return this.stddev.pow(2);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const y = this.loc.sub(value).div(this.scale);
    return y.sub(y.exp()).sub(this.scale.log());
  }
  override entropy(): Tensor {
    return this.scale.log().add(1 + eulerConstant);
  }
}
