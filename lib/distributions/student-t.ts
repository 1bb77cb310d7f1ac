import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Chi2 } from './chi2.js';
import { type Constraint, positive, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, common, named, type Parameter, parameter, standardNormal } from './parameters.js';

/** Where the distribution lies, and how wide it is. */
export interface StudentTOptions extends DistributionOptions {
  /** Default: 0. */
  loc?: Parameter;
  /** Default: 1. */
  scale?: Parameter;
}

const read = optionsOf('StudentT', { df: [parameter], loc: [parameter, 0], scale: [parameter, 1], ...common });

/** log Gamma(1/2). */
const logGammaOfHalf = 0.5 * Math.log(Math.PI);

/**
 * Student's t distribution of `df` degrees of freedom, moved by `loc` and stretched by `scale`.
 *
 * @example
 * new distributions.StudentT(2).sample();
 * new distributions.StudentT(2, { loc: 1, scale: 3 });
 */
export class StudentT extends Distribution {
  constructor(df: Parameter, loc?: Parameter, scale?: Parameter, options?: DistributionOptions);
  constructor(df: Parameter, options: StudentTOptions);
  constructor(df: Parameter, loc?: Parameter | StudentTOptions, scale?: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['df', 'loc', 'scale'], [df, loc, scale, options]));
    const [d, l, s] = broadcastAll(params.df, params.loc, params.scale) as [Tensor, Tensor, Tensor];
    const chi2 = new Chi2(d, { validateArgs: false });
    super({ batchShape: d.shape, given: { df: d, loc: l, scale: s }, parts: { chi2 }, validateArgs });
  }
  /** The degrees of freedom. */
  get df(): Tensor {
    return this.param('df');
  }
  get loc(): Tensor {
    return this.param('loc');
  }
  get scale(): Tensor {
    return this.param('scale');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { df: positive, loc: real, scale: positive };
  }
  override get support(): Constraint {
    return real;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc.maskedFill(this.df.le(1), Number.NaN);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    const { df, scale } = this;
    return scale.pow(2).mul(df).div(df.sub(2)).maskedFill(df.le(2), Infinity).maskedFill(df.le(1), Number.NaN);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = standardNormal(this.df, this.extendedShape(sampleShape));
    const chi2 = this.parts.chi2!.rsample(sampleShape);
    return this.loc.add(this.scale.mul(noise.mul(chi2.div(this.df).rsqrt())));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { df, scale } = this;
    const y = value.sub(this.loc).div(scale);
    const normalizer = scale
      .log()
      .add(df.log().mul(0.5))
      .add(0.5 * Math.log(Math.PI))
      .add(df.mul(0.5).lgamma())
      .sub(df.add(1).mul(0.5).lgamma());
    return df.add(1).mul(-0.5).mul(y.pow(2).div(df).log1p()).sub(normalizer);
  }
  override entropy(): Tensor {
    const { df } = this;
    const [half, next] = [df.mul(0.5), df.add(1).mul(0.5)];
    const logBeta = half.lgamma().add(logGammaOfHalf).sub(next.lgamma());
    return this.scale
      .log()
      .add(next.mul(next.digamma().sub(half.digamma())))
      .add(df.log().mul(0.5))
      .add(logBeta);
  }
}
