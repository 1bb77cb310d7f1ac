import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type Constraint, positive } from './constraints/index.js';
import { refuseOutside } from './constraints/outside.js';
import type { DistributionOptions } from './distribution.js';
import { Gamma } from './gamma.js';
import { common, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('Chi2', { df: [parameter], ...common });

/**
 * The sum of the squares of `df` independent standard normal variables: `Gamma(df / 2, 1 / 2)`.
 *
 * @example
 * new distributions.Chi2(3).sample();
 */
export class Chi2 extends Gamma {
  constructor(df: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['df'], [df, options]));
    const half = isTensor(params.df) ? params.df.mul(0.5) : params.df * 0.5;
    super(half, 0.5, { validateArgs });
    if (this.validates) refuseOutside('"df" of Chi2', this.df, positive);
  }
  /** The degrees of freedom. */
  get df(): Tensor {
    return this.concentration.mul(2);
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { df: positive };
  }
}
