import { check, instance } from '../../check.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { type Constraint, unitInterval } from '../constraints/index.js';
import { Distribution } from '../distribution.js';
import { Transform, type TransformOptions, transformTable } from './transform.js';

const read = optionsOf('CumulativeDistributionTransform', transformTable);
const kind = instance<Distribution>(Distribution, 'a Distribution');

/**
 * Numbers to their probabilities under the `cdf` of a distribution, which makes its draws uniform.
 *
 * @example
 * const t = new distributions.CumulativeDistributionTransform(new distributions.Normal(0, 1));
 */
export class CumulativeDistributionTransform extends Transform {
  readonly distribution: Distribution;

  constructor(distribution: Distribution, options?: TransformOptions) {
    const { cacheSize } = read(options) as { cacheSize: 0 | 1 };
    super({ cacheSize });
    this.distribution = check('distribution', distribution, kind);
  }
  get domain(): Constraint {
    return this.distribution.support;
  }
  get codomain(): Constraint {
    return unitInterval;
  }
  override get bijective(): boolean {
    return true;
  }
  override get sign(): number {
    return 1;
  }
  protected override compute(x: Tensor): Tensor {
    return this.distribution.cdf(x);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return this.distribution.icdf(y);
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return this.distribution.logProb(x);
  }
}
