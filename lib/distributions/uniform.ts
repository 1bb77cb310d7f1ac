import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, greaterThan, interval, lessThan } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  broadcastAll,
  common,
  named,
  type Parameter,
  parameter,
  standardUniform,
  tensorArgument,
} from './parameters.js';

const read = optionsOf('Uniform', { low: [parameter], high: [parameter], ...common });

/**
 * Evenly over [low, high).
 *
 * @example
 * new distributions.Uniform(0, 5).sample();
 */
export class Uniform extends Distribution {
  constructor(low: Parameter, high: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['low', 'high'], [low, high, options]));
    const [l, h] = broadcastAll(params.low, params.high) as [Tensor, Tensor];
    super({ batchShape: l.shape, given: { low: l, high: h }, validateArgs });
  }
  get low(): Tensor {
    return this.param('low');
  }
  get high(): Tensor {
    return this.param('high');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { low: lessThan(this.high), high: greaterThan(this.low) };
  }
  override get support(): Constraint {
    return interval(this.low, this.high);
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.high.add(this.low).div(2);
  }
  /** NaN: no value is likelier than another. */
  override get mode(): Tensor {
    return this.high.mul(Number.NaN);
  }
  override get stddev(): Tensor {
    return this.high.sub(this.low).div(12 ** 0.5);
  }
  override get variance(): Tensor {
    return this.high.sub(this.low).pow(2).div(12);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = standardUniform(this.low, this.extendedShape(sampleShape));
    return this.low.add(noise.mul(this.high.sub(this.low)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const above = this.low.le(value).typeAs(this.low);
    const below = this.high.gt(value).typeAs(this.low);
    return above.mul(below).log().sub(this.high.sub(this.low).log());
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.low).div(this.high.sub(this.low)).clamp(0, 1);
  }
  override icdf(value: Tensor): Tensor {
    return tensorArgument(value).mul(this.high.sub(this.low)).add(this.low);
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log();
  }
}
