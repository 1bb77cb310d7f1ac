import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, unitInterval } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { broadcastAll, common, eulerConstant, from, named, type Parameter, parameter } from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { AffineTransform, PowerTransform } from './transforms/index.js';
import { Uniform } from './uniform.js';

const read = optionsOf('Kumaraswamy', { concentration1: [parameter], concentration0: [parameter], ...common });

/**
 * The Kumaraswamy distribution over [0, 1], much like a beta distribution, with a cdf in closed form.
 *
 * @example
 * new distributions.Kumaraswamy(1, 1).sample();
 */
export class Kumaraswamy extends TransformedDistribution<Uniform> {
  constructor(concentration1: Parameter, concentration0: Parameter, options?: DistributionOptions) {
    const names = ['concentration1', 'concentration0'];
    const { validateArgs, ...params } = read(named(names, [concentration1, concentration0, options]));
    const [one, zero] = broadcastAll(params.concentration1, params.concentration0) as [Tensor, Tensor];
    const base = new Uniform(ops.fullLike(zero, 0), ops.fullLike(zero, 1), { validateArgs });
    const transforms = [
      new PowerTransform(zero.reciprocal()),
      new AffineTransform(1, -1),
      new PowerTransform(one.reciprocal()),
    ];
    super(base, transforms, { validateArgs }, { given: { concentration1: one, concentration0: zero } });
  }
  /** Often a. */
  get concentration1(): Tensor {
    return this.param('concentration1');
  }
  /** Often b. */
  get concentration0(): Tensor {
    return this.param('concentration0');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration1: positive, concentration0: positive };
  }
  override get support(): Constraint {
    return unitInterval;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.moment(1);
  }
  override get mode(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const log = b.reciprocal().mul(b.neg().log1p()).sub(b.neg().mul(a).log1p());
    return log.maskedFill(b.lt(1).logicalOr(a.lt(1)), Number.NaN).exp();
  }
  override get variance(): Tensor {
    return this.moment(2).sub(this.mean.pow(2));
  }
  override entropy(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const harmonic = b.add(1).digamma().add(eulerConstant);
    return from(1, b.reciprocal()).add(from(1, a.reciprocal()).mul(harmonic)).sub(a.log()).sub(b.log());
  }

  /** The expectation of the n-th power. */
  private moment(n: number): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const arg = a.reciprocal().mul(n).add(1);
    return b.mul(arg.lgamma().add(b.lgamma()).sub(arg.add(b).lgamma()).exp());
  }
}
