import { noGrad } from '../autograd/modes.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, greaterThan, nonnegativeInteger, real, unitInterval } from './constraints/index.js';
import { refuseOutside } from './constraints/outside.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  blank,
  broadcastAll,
  coinCrossEntropy,
  common,
  limitsOf,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  probsToLogits,
} from './parameters.js';

/** The probability of a success, or the logarithm of its odds. */
export interface GeometricOptions extends DistributionOptions {
  /** In (0, 1]; default by `logits`. */
  probs?: Parameter;
  /** The logarithms of the odds; default by `probs`. */
  logits?: Parameter;
}

const read = optionsOf('Geometric', { probs: optional, logits: optional, ...common });

/**
 * How many trials fail before the first one that succeeds, each with probability `probs`.
 *
 * @example
 * new distributions.Geometric(0.3).sample();
 */
export class Geometric extends Distribution {
  constructor(probs: Parameter, options?: DistributionOptions);
  constructor(options: GeometricOptions);
  constructor(probs: Parameter | GeometricOptions, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['probs'], [probs, options]));
    const { name, value } = alternative('Geometric', params);
    const [param] = broadcastAll(value) as [Tensor];
    super({ batchShape: param.shape, given: { [name]: param }, validateArgs });
    if (this.validates && name === 'probs') refuseOutside('"probs" of Geometric', param, greaterThan(0));
  }
  /** The probability of a success. */
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => logitsToProbs(this.logits, true));
  }
  /** The logarithm of the odds of a success. */
  get logits(): Tensor {
    return this.given.logits ?? this.lazy('logits', () => probsToLogits(this.probs, true));
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { probs: unitInterval, logits: real };
  }
  override get support(): Constraint {
    return nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.probs.reciprocal().sub(1);
  }
  override get mode(): Tensor {
    return ops.zerosLike(this.probs);
  }
  override get variance(): Tensor {
    return this.probs.reciprocal().sub(1).div(this.probs);
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => {
      const noise = blank(this.probs, shape).uniform_(limitsOf(this.probs).tiny, 1);
      return noise.log().div(this.probs.neg().log1p()).floor();
    });
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [count, probs] = broadcastAll(value, this.probs) as [Tensor, Tensor];
    // 0 failures have the logarithm 0 also where a failure has -inf.
    const certain = probs.eq(1).logicalAnd(count.eq(0));
    return count.mul(probs.maskedFill(certain, 0).neg().log1p()).add(this.probs.log());
  }
  override entropy(): Tensor {
    return coinCrossEntropy(this.logits, this.probs).div(this.probs);
  }
}
