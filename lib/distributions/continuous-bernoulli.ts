import { arrayOf, probability } from '../check.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, real, unitInterval } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import {
  broadcastAll,
  clampProbs,
  coinCrossEntropy,
  common,
  from,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  probsToLogits,
  standardUniform,
  tensorArgument,
} from './parameters.js';

/** The parameter of a continuous Bernoulli distribution, or the logarithm of its odds. */
export interface ContinuousBernoulliOptions extends DistributionOptions {
  /** In [0, 1]; kept away from both by the precision of the dtype; default by `logits`. */
  probs?: Parameter;
  /** The logarithms of the odds; default by `probs`. */
  logits?: Parameter;
  /** Between these, formulas that divide by `1 - 2 probs` give way to their Taylor series. Default: [0.499, 0.501]. */
  lims?: readonly [number, number];
}

const read = optionsOf('ContinuousBernoulli', {
  probs: optional,
  logits: optional,
  lims: [arrayOf(probability, 2), [0.499, 0.501]],
  ...common,
});

/**
 * The distribution over [0, 1] with a density that is proportional to `probs ** x * (1 - probs) ** (1 - x)`.
 *
 * @example
 * new distributions.ContinuousBernoulli(0.3).sample();
 * @see Loaiza-Ganem and Cunningham 2019, The continuous Bernoulli: fixing a pervasive error in variational autoencoders.
 */
export class ContinuousBernoulli extends ExponentialFamily {
  private readonly lims: readonly [number, number];

  constructor(probs: Parameter, options?: Omit<ContinuousBernoulliOptions, 'probs' | 'logits'>);
  constructor(options: ContinuousBernoulliOptions);
  constructor(probs: Parameter | ContinuousBernoulliOptions, options?: ContinuousBernoulliOptions) {
    const { validateArgs, lims, ...params } = read(named(['probs'], [probs, options]));
    const { name, value } = alternative('ContinuousBernoulli', params);
    const [given] = broadcastAll(value) as [Tensor];
    const param = name === 'probs' ? clampProbs(given) : given;
    super({ batchShape: param.shape, given: { [name]: param }, checks: { [name]: given }, validateArgs });
    this.lims = lims as readonly [number, number];
  }
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => clampProbs(logitsToProbs(this.logits, true)));
  }
  get logits(): Tensor {
    return this.given.logits ?? this.lazy('logits', () => probsToLogits(this.probs, true));
  }
  /** The shape of `probs` and `logits`. */
  get paramShape(): number[] {
    return this.batchShape;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { probs: unitInterval, logits: real };
  }
  override get support(): Constraint {
    return unitInterval;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    const { stable, cut } = this.regions();
    const means = cut.div(cut.mul(2).sub(1)).add(logOdds(cut).reciprocal());
    const x = this.probs.sub(0.5);
    const taylor = x
      .pow(2)
      .mul(16 / 45)
      .add(1 / 3)
      .mul(x)
      .add(0.5);
    return ops.where(stable, means, taylor);
  }
  override get variance(): Tensor {
    const { stable, cut } = this.regions();
    const variances = cut
      .mul(cut.sub(1))
      .div(from(1, cut.mul(2)).pow(2))
      .add(logOdds(cut).pow(2).reciprocal());
    const x = this.probs.sub(0.5).pow(2);
    const taylor = from(1 / 12, from(1 / 15, x.mul(128 / 945)).mul(x));
    return ops.where(stable, variances, taylor);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return this.icdf(standardUniform(this.probs, this.extendedShape(sampleShape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, target] = broadcastAll(this.logits, value) as [Tensor, Tensor];
    return coinCrossEntropy(logits, target).neg().add(this.logNorm());
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    const { stable, cut } = this.regions();
    const inside = ops
      .pow(cut, value)
      .mul(ops.pow(from(1, cut), from(1, value)))
      .add(cut)
      .sub(1)
      .div(cut.mul(2).sub(1));
    const unbounded = ops.where(stable, inside, value);
    const atMostOne = ops.where(value.ge(1), ops.onesLike(value), unbounded);
    return ops.where(value.le(0), ops.zerosLike(value), atMostOne);
  }
  override icdf(value: Tensor): Tensor {
    tensorArgument(value);
    const { stable, cut } = this.regions();
    const rest = cut.neg();
    const inside = rest
      .add(value.mul(cut.mul(2).sub(1)))
      .log1p()
      .sub(rest.log1p())
      .div(cut.log().sub(rest.log1p()));
    return ops.where(stable, inside, value);
  }
  override entropy(): Tensor {
    const zero = this.probs.neg().log1p();
    const one = this.probs.log();
    return this.mean.mul(zero.sub(one)).sub(this.logNorm()).sub(zero);
  }
  /** @internal The logarithm of what the density is divided by. */
  logNorm(): Tensor {
    const { stable, cut } = this.regions();
    const low = cut.le(0.5);
    const below = ops.where(low, cut, ops.zerosLike(cut));
    const above = ops.where(cut.ge(0.5), cut, ops.onesLike(cut));
    const twice = ops.where(low, below.mul(-2).log1p(), above.mul(2).sub(1).log());
    const norm = logOdds(cut).abs().log().sub(twice);
    const x = this.probs.sub(0.5).pow(2);
    const taylor = x
      .mul(104 / 45)
      .add(4 / 3)
      .mul(x)
      .add(Math.log(2));
    return ops.where(stable, norm, taylor);
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.logits];
  }
  /** @internal */
  override logNormalizer(x: Tensor): Tensor {
    const [low, high] = [this.lims[0] - 0.5, this.lims[1] - 0.5];
    const stable = x.le(low).logicalOr(x.gt(high));
    const cut = ops.where(stable, x, ops.onesLike(x).mul(low));
    const norm = cut.expm1().abs().log().sub(cut.abs().log());
    const taylor = x.mul(0.5).add(x.pow(2).div(24)).sub(x.pow(4).div(2880));
    return ops.where(stable, norm, taylor);
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }

  /** Where the formulas are stable, and probabilities that are so everywhere. */
  private regions(): { stable: Tensor; cut: Tensor } {
    const { probs } = this;
    const [low, high] = this.lims;
    const stable = probs.le(low).logicalOr(probs.gt(high));
    return { stable, cut: ops.where(stable, probs, ops.onesLike(probs).mul(low)) };
  }
}

/** log(1 - p) - log(p). */
const logOdds = (p: Tensor): Tensor => p.neg().log1p().sub(p.log());
