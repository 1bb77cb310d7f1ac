import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, integerInterval, nonnegativeInteger, real, unitInterval } from './constraints/index.js';
import { Distribution, type DistributionOptions, type EnumerateOptions } from './distribution.js';
import {
  broadcastAll,
  common,
  from,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  parameter,
  probsToLogits,
} from './parameters.js';
import { outcomes } from './support.js';

/** The probability of a success, or the logarithm of its odds. */
export interface BinomialOptions extends DistributionOptions {
  /** In [0, 1]; default by `logits`. */
  probs?: Parameter;
  /** The logarithms of the odds; default by `probs`. */
  logits?: Parameter;
}

const read = optionsOf('Binomial', { totalCount: [parameter, 1], probs: optional, logits: optional, ...common });

/**
 * How many of `totalCount` independent trials succeed, each with probability `probs`.
 *
 * @example
 * new distributions.Binomial(100, torch.tensor([0, 0.2, 0.8, 1])).sample();
 * new distributions.Binomial(10, { logits: 0.5 });
 */
export class Binomial extends Distribution {
  constructor(totalCount: Parameter, probs: Parameter, options?: DistributionOptions);
  constructor(totalCount: Parameter, options: BinomialOptions);
  constructor(options: BinomialOptions & { totalCount?: Parameter });
  constructor(
    totalCount: Parameter | (BinomialOptions & { totalCount?: Parameter }),
    probs?: Parameter | BinomialOptions,
    options?: DistributionOptions,
  ) {
    const args = read(named(['totalCount', 'probs'], [totalCount, probs, options]));
    const { totalCount: given, validateArgs, ...params } = args;
    const { name, value } = alternative('Binomial', params);
    const [count, param] = broadcastAll(given, value) as [Tensor, Tensor];
    super({
      batchShape: param.shape,
      given: { totalCount: count.typeAs(param), [name]: param },
      validateArgs,
    });
  }
  /** How many trials there are. */
  get totalCount(): Tensor {
    return this.param('totalCount');
  }
  /** The probability of a success. */
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => logitsToProbs(this.logits, true));
  }
  /** The logarithm of the odds of a success. */
  get logits(): Tensor {
    return this.given.logits ?? this.lazy('logits', () => probsToLogits(this.probs, true));
  }
  /** The shape of `probs` and `logits`. */
  get paramShape(): number[] {
    return this.batchShape;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { totalCount: nonnegativeInteger, probs: unitInterval, logits: real };
  }
  override get support(): Constraint {
    return integerInterval(0, this.totalCount);
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.probs);
  }
  override get mode(): Tensor {
    return this.totalCount.add(1).mul(this.probs).floor().clamp({ max: this.totalCount });
  }
  override get variance(): Tensor {
    return this.totalCount.mul(this.probs).mul(from(1, this.probs));
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => ops.binomial(this.totalCount.expand(shape), this.probs.expand(shape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { totalCount, logits } = this;
    // log(1 + exp(logits)), exact for large logits; at 0 the gradient of clamping is that of both sides' mean.
    const positive = logits
      .clamp({ min: 0 })
      .add(logits)
      .sub(logits.clamp({ max: 0 }))
      .div(2);
    const normalizer = totalCount
      .mul(positive)
      .add(totalCount.mul(logits.abs().neg().exp().log1p()))
      .sub(totalCount.add(1).lgamma());
    return value.mul(logits).sub(value.add(1).lgamma()).sub(totalCount.sub(value).add(1).lgamma()).sub(normalizer);
  }
  override entropy(): Tensor {
    const logProb = this.logProb(this.enumerateSupport({ expand: false }));
    return logProb.exp().mul(logProb).sum(0).neg();
  }
  override enumerateSupport(options?: EnumerateOptions): Tensor {
    const count = this.totalCount.max().item();
    if (this.totalCount.min().item() !== count)
      throw this.lacks('values to enumerate where totalCount differs within the batch');
    return outcomes(count + 1, this.totalCount, this.batchShape, options);
  }
}
