import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  blank,
  broadcastAll,
  common,
  from,
  limitsOf,
  named,
  type Parameter,
  parameter,
  tensorArgument,
} from './parameters.js';

const read = optionsOf('Laplace', { loc: [parameter], scale: [parameter], ...common });

/**
 * The Laplace distribution: exponential on both sides of `loc`, with mean distance `scale`.
 *
 * @example
 * new distributions.Laplace(0, 1).sample();
 */
export class Laplace extends Distribution {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const [l, s] = broadcastAll(params.loc, params.scale) as [Tensor, Tensor];
    super({ batchShape: l.shape, given: { loc: l, scale: s }, validateArgs });
  }
  /** The mean. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** The mean distance from it. */
  get scale(): Tensor {
    return this.param('scale');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, scale: positive };
  }
  override get support(): Constraint {
    return real;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale.mul(2 ** 0.5);
  }
  override get variance(): Tensor {
    return this.scale.pow(2).mul(2);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const { loc, scale } = this;
    const noise = blank(loc, this.extendedShape(sampleShape)).uniform_(limitsOf(loc).eps - 1, 1);
    return loc.sub(scale.mul(noise.sign()).mul(noise.abs().neg().log1p()));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.scale.mul(2).log().neg().sub(value.sub(this.loc).abs().div(this.scale));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = value.sub(this.loc);
    return from(0.5, distance.sign().mul(0.5).mul(distance.abs().neg().div(this.scale).expm1()));
  }
  override icdf(value: Tensor): Tensor {
    const centered = tensorArgument(value).sub(0.5);
    return this.loc.sub(this.scale.mul(centered.sign()).mul(centered.abs().mul(-2).log1p()));
  }
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1);
  }
}
