import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { blank, broadcastAll, common, filled, named, type Parameter, parameter, tensorArgument } from './parameters.js';

const read = optionsOf('Cauchy', { loc: [parameter], scale: [parameter], ...common });

/**
 * The Cauchy or Lorentz distribution: the ratio of two standard normal variables, moved by `loc` and stretched by `scale`.
 *
 * @example
 * new distributions.Cauchy(0, 1).sample();
 */
export class Cauchy extends Distribution {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const [l, s] = broadcastAll(params.loc, params.scale) as [Tensor, Tensor];
    super({ batchShape: l.shape, given: { loc: l, scale: s }, validateArgs });
  }
  /** The mode and median. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** Half the width at half of the maximum. */
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
  /** NaN: it has no mean. */
  override get mean(): Tensor {
    return filled(this.loc, this.batchShape, Number.NaN);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return filled(this.loc, this.batchShape, Infinity);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = blank(this.loc, this.extendedShape(sampleShape)).cauchy_();
    return this.loc.add(noise.mul(this.scale));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = value.sub(this.loc).div(this.scale).pow(2).log1p();
    return this.scale.log().neg().sub(Math.log(Math.PI)).sub(distance);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.loc).div(this.scale).atan().div(Math.PI).add(0.5);
  }
  override icdf(value: Tensor): Tensor {
    return tensorArgument(value).sub(0.5).mul(Math.PI).tan().mul(this.scale).add(this.loc);
  }
  override entropy(): Tensor {
    return this.scale.log().add(Math.log(4 * Math.PI));
  }
}
