import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, nonnegative, nonnegativeInteger } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { broadcastAll, common, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('Poisson', { rate: [parameter], ...common });

/**
 * How many events happen in a unit of time, at a `rate`. On the CPU, `sample` takes rates up to 2^62.
 *
 * @example
 * new distributions.Poisson(4).sample([3]);
 */
export class Poisson extends ExponentialFamily {
  constructor(rate: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['rate'], [rate, options]));
    const [r] = broadcastAll(params.rate) as [Tensor];
    super({ batchShape: r.shape, given: { rate: r }, validateArgs });
  }
  /** The mean. */
  get rate(): Tensor {
    return this.param('rate');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { rate: nonnegative };
  }
  override get support(): Constraint {
    return nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.rate;
  }
  override get mode(): Tensor {
    return this.rate.floor();
  }
  override get variance(): Tensor {
    return this.rate;
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => ops.poisson(this.rate.expand(shape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [rate, count] = broadcastAll(this.rate, value) as [Tensor, Tensor];
    return count.xlogy(rate).sub(rate).sub(count.add(1).lgamma());
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.rate.log()];
  }
  /** @internal */
  override logNormalizer(x: Tensor): Tensor {
    return x.exp();
  }
}
