import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { Gamma } from './gamma.js';
import { broadcastAll, common, limitsOf, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('FisherSnedecor', { df1: [parameter], df2: [parameter], ...common });

/**
 * The F distribution: the ratio of two independent chi-squared variables, each divided by its degrees of freedom.
 *
 * @example
 * new distributions.FisherSnedecor(1, 2).sample();
 */
export class FisherSnedecor extends Distribution {
  constructor(df1: Parameter, df2: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['df1', 'df2'], [df1, df2, options]));
    const [one, two] = broadcastAll(params.df1, params.df2) as [Tensor, Tensor];
    const chi2 = (df: Tensor) => new Gamma(df.mul(0.5), df, { validateArgs: false });
    super({
      batchShape: one.shape,
      given: { df1: one, df2: two },
      parts: { numerator: chi2(one), denominator: chi2(two) },
      validateArgs,
    });
  }
  /** The degrees of freedom of the numerator. */
  get df1(): Tensor {
    return this.param('df1');
  }
  /** The degrees of freedom of the denominator. */
  get df2(): Tensor {
    return this.param('df2');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { df1: positive, df2: positive };
  }
  override get support(): Constraint {
    return positive;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    const df2 = this.df2.maskedFill(this.df2.le(2), Number.NaN);
    return df2.div(df2.sub(2));
  }
  override get mode(): Tensor {
    const { df1, df2 } = this;
    const mode = df1.sub(2).div(df1).mul(df2).div(df2.add(2));
    return mode.maskedFill(df1.le(2), Number.NaN);
  }
  override get variance(): Tensor {
    const { df1 } = this;
    const df2 = this.df2.maskedFill(this.df2.le(4), Number.NaN);
    const rest = df2.sub(2);
    return df2
      .pow(2)
      .mul(2)
      .mul(df1.add(df2).sub(2))
      .div(df1.mul(rest.pow(2)).mul(df2.sub(4)));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const numerator = this.parts.numerator!.rsample(sampleShape);
    const denominator = this.parts.denominator!.rsample(sampleShape);
    const { tiny } = limitsOf(denominator);
    return numerator.div(denominator.clamp({ min: tiny })).clamp({ min: tiny });
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [half1, half2] = [this.df1.mul(0.5), this.df2.mul(0.5)];
    const ratio = this.df1.div(this.df2);
    const both = half1.add(half2);
    return both
      .lgamma()
      .sub(half1.lgamma())
      .sub(half2.lgamma())
      .add(half1.mul(ratio.log()).add(half1.sub(1).mul(value.log())))
      .sub(both.mul(ratio.mul(value).log1p()));
  }
}
