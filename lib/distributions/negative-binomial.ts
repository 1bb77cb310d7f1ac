import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, greaterThanEq, halfOpenInterval, nonnegativeInteger, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { Gamma } from './gamma.js';
import {
  broadcastAll,
  common,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  parameter,
  probsToLogits,
} from './parameters.js';

/** The probability of a success, or the logarithm of its odds. */
export interface NegativeBinomialOptions extends DistributionOptions {
  /** In [0, 1); default by `logits`. */
  probs?: Parameter;
  /** The logarithms of the odds; default by `probs`. */
  logits?: Parameter;
}

const read = optionsOf('NegativeBinomial', { totalCount: [parameter], probs: optional, logits: optional, ...common });

/**
 * How many trials succeed before `totalCount` of them fail, each succeeding with probability `probs`.
 *
 * @example
 * new distributions.NegativeBinomial(5, 0.3).sample();
 */
export class NegativeBinomial extends Distribution {
  constructor(totalCount: Parameter, probs: Parameter, options?: DistributionOptions);
  constructor(totalCount: Parameter, options: NegativeBinomialOptions);
  constructor(totalCount: Parameter, probs: Parameter | NegativeBinomialOptions, options?: DistributionOptions) {
    const args = read(named(['totalCount', 'probs'], [totalCount, probs, options]));
    const { totalCount: given, validateArgs, ...params } = args;
    const { name, value } = alternative('NegativeBinomial', params);
    const [count, param] = broadcastAll(given, value) as [Tensor, Tensor];
    super({ batchShape: param.shape, given: { totalCount: count.typeAs(param), [name]: param }, validateArgs });
  }
  /** How many failures end the trials; it need not be an integer. */
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
    return { totalCount: greaterThanEq(0), probs: halfOpenInterval(0, 1), logits: real };
  }
  override get support(): Constraint {
    return nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.logits.exp());
  }
  override get mode(): Tensor {
    return this.totalCount.sub(1).mul(this.logits.exp()).floor().clamp({ min: 0 });
  }
  override get variance(): Tensor {
    return this.mean.div(this.logits.neg().sigmoid());
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    return noGrad(() => {
      const rates = new Gamma(this.totalCount, this.logits.neg().exp(), { validateArgs: false });
      return ops.poisson(rates.sample(sampleShape));
    });
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { totalCount, logits } = this;
    const total = totalCount.add(value);
    const unnormalized = totalCount.mul(ops.logSigmoid(logits.neg())).add(value.mul(ops.logSigmoid(logits)));
    const normalizer = total
      .lgamma()
      .neg()
      .add(value.add(1).lgamma())
      .add(totalCount.lgamma())
      // Without a trial there is one outcome.
      .maskedFill(total.eq(0), 0);
    return unnormalized.sub(normalizer);
  }
}
