import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import {
  broadcastAll,
  common,
  named,
  type Parameter,
  parameter,
  standardNormal,
  tensorArgument,
} from './parameters.js';

const read = optionsOf('Normal', { loc: [parameter], scale: [parameter], ...common });

/**
 * The normal distribution of mean `loc` and standard deviation `scale`.
 *
 * @example
 * const d = new distributions.Normal(0, 1);
 * d.sample([3]);                       // three draws
 * d.logProb(torch.tensor([0.5]));
 */
export class Normal extends ExponentialFamily {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'scale'], [loc, scale, options]));
    const [l, s] = broadcastAll(params.loc, params.scale) as [Tensor, Tensor];
    super({ batchShape: l.shape, given: { loc: l, scale: s }, validateArgs });
  }
  /** The mean. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** The standard deviation. */
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
    return this.scale;
  }
  override get variance(): Tensor {
    return this.stddev.pow(2);
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => ops.normal(this.loc.expand(shape), this.scale.expand(shape)));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = standardNormal(this.loc, this.extendedShape(sampleShape));
    return this.loc.add(noise.mul(this.scale));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = value.sub(this.loc).pow(2).neg().div(this.scale.pow(2).mul(2));
    return distance.sub(this.scale.log()).sub(Math.log(Math.sqrt(2 * Math.PI)));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.sqrt(2)).erf().add(1).mul(0.5);
  }
  override icdf(value: Tensor): Tensor {
    return this.loc.add(this.scale.mul(tensorArgument(value).mul(2).sub(1).erfinv()).mul(Math.sqrt(2)));
  }
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI));
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    const variance = this.scale.pow(2);
    return [this.loc.div(variance), variance.reciprocal().mul(-0.5)];
  }
  /** @internal */
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.pow(2).mul(-0.25).div(y).add(y.reciprocal().mul(-Math.PI).log().mul(0.5));
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }
}
