import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real, simplex } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import type { Independent } from './independent.js';
import { Normal } from './normal.js';
import { common, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { StickBreakingTransform } from './transforms/index.js';

const read = optionsOf('LogisticNormal', { loc: [parameter], scale: [parameter], ...common });

/**
 * Points of the simplex that {@link StickBreakingTransform} makes of normal variables along the last dimension: one entry more than
 * `loc` and `scale` have.
 *
 * @example
 * new distributions.LogisticNormal(torch.zeros([3]), torch.ones([3])).sample();    // of 4 entries
 */
export class LogisticNormal extends TransformedDistribution<Independent<Normal>> {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const normal = new Normal(params.loc, params.scale, { validateArgs: false });
    const base = normal.batchShape.length === 0 ? normal.expand([1]) : normal;
    super(base, new StickBreakingTransform(), { validateArgs }, { checks: base.given });
  }
  /** The means of the normal variables. */
  get loc(): Tensor {
    return this.baseDist.baseDist.loc;
  }
  /** Their standard deviations. */
  get scale(): Tensor {
    return this.baseDist.baseDist.scale;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, scale: positive };
  }
  override get support(): Constraint {
    return simplex;
  }
  override get hasRsample(): boolean {
    return true;
  }
}
