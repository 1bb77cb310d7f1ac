import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { boolean, type Constraint, real, unitInterval } from './constraints/index.js';
import type { DistributionOptions, EnumerateOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import {
  broadcastAll,
  coinCrossEntropy,
  common,
  from,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  probsToLogits,
} from './parameters.js';
import { outcomes } from './support.js';

/** A probability, or the logarithm of its odds. */
export interface BernoulliOptions extends DistributionOptions {
  /** In [0, 1]; default by `logits`. */
  probs?: Parameter;
  /** The logarithms of the odds; default by `probs`. */
  logits?: Parameter;
}

const read = optionsOf('Bernoulli', { probs: optional, logits: optional, ...common });

/**
 * 1 with probability `probs`, else 0; the probability may be given by its `logits`.
 *
 * @example
 * new distributions.Bernoulli(0.3).sample([4]);
 * new distributions.Bernoulli({ logits: torch.zeros([2]) });
 */
export class Bernoulli extends ExponentialFamily {
  constructor(probs: Parameter, options?: DistributionOptions);
  constructor(options: BernoulliOptions);
  constructor(probs: Parameter | BernoulliOptions, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['probs'], [probs, options]));
    const { name, value } = alternative('Bernoulli', params);
    const [param] = broadcastAll(value) as [Tensor];
    super({ batchShape: param.shape, given: { [name]: param }, validateArgs });
  }
  /** The probability of 1. */
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => logitsToProbs(this.logits, true));
  }
  /** The logarithm of the odds of 1. */
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
    return boolean;
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get mode(): Tensor {
    const { probs } = this;
    return probs.ge(0.5).to(probs).maskedFill(probs.eq(0.5), Number.NaN);
  }
  override get variance(): Tensor {
    return this.probs.mul(from(1, this.probs));
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => ops.bernoulli(this.probs.expand(shape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, target] = broadcastAll(this.logits, value) as [Tensor, Tensor];
    return coinCrossEntropy(logits, target).neg();
  }
  override entropy(): Tensor {
    return coinCrossEntropy(this.logits, this.probs);
  }
  override enumerateSupport(options?: EnumerateOptions): Tensor {
    return outcomes(2, this.given.probs ?? this.logits, this.batchShape, options);
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.probs.logit()];
  }
  /** @internal */
  override logNormalizer(x: Tensor): Tensor {
    return x.exp().log1p();
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }
}
