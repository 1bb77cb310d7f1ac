import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Categorical, type CategoricalOptions } from './categorical.js';
import { type Constraint, oneHot, realVector, simplex } from './constraints/index.js';
import { Distribution, type DistributionOptions, type EnumerateOptions } from './distribution.js';
import { common, from, named, optionalTensor } from './parameters.js';
import { overBatch } from './support.js';

const read = optionsOf('OneHotCategorical', { probs: optionalTensor, logits: optionalTensor, ...common });

/**
 * A vector with a 1 at an index that a {@link Categorical} draws, and zeros elsewhere.
 *
 * @example
 * new distributions.OneHotCategorical(torch.tensor([0.1, 0.2, 0.7])).sample();
 */
export class OneHotCategorical extends Distribution {
  constructor(probs: Tensor, options?: DistributionOptions);
  constructor(options: CategoricalOptions);
  constructor(probs: Tensor | CategoricalOptions, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['probs'], [probs, options]));
    const { name, value } = alternative('OneHotCategorical', params);
    const categorical = new Categorical({ [name]: value, validateArgs });
    super({
      batchShape: categorical.batchShape,
      eventShape: categorical.paramShape.slice(-1),
      parts: { categorical },
      validateArgs,
    });
  }
  /** @internal */
  get categorical(): Categorical {
    return this.parts.categorical as Categorical;
  }
  /** The probabilities; they add up to 1 along the last dimension. */
  get probs(): Tensor {
    return this.categorical.probs;
  }
  /** The logarithms of the probabilities. */
  get logits(): Tensor {
    return this.categorical.logits;
  }
  /** The shape of `probs` and `logits`. */
  get paramShape(): number[] {
    return this.categorical.paramShape;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { probs: simplex, logits: realVector };
  }
  override get support(): Constraint {
    return oneHot;
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get mode(): Tensor {
    const { probs } = this;
    return ops.oneHot(probs.argmax(-1), probs.shape.at(-1)!).to(probs);
  }
  override get variance(): Tensor {
    return this.probs.mul(from(1, this.probs));
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const indices = this.categorical.sample(sampleShape);
    return ops.oneHot(indices, this.categorical.numEvents).to(this.probs);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.categorical.logProb(value.argmax(-1));
  }
  override entropy(): Tensor {
    return this.categorical.entropy();
  }
  override enumerateSupport(options?: EnumerateOptions): Tensor {
    const { dtype, device } = this.probs;
    return overBatch(ops.eye(this.categorical.numEvents, { dtype, device }), this.batchShape, options);
  }
}

/**
 * A {@link OneHotCategorical} whose draws pass gradients straight through to the probabilities.
 *
 * @example
 * const choice = new distributions.OneHotCategoricalStraightThrough({ logits }).rsample();
 * @see Bengio et al. 2013, Estimating or propagating gradients through stochastic neurons for conditional computation.
 */
export class OneHotCategoricalStraightThrough extends OneHotCategorical {
  override get hasRsample(): boolean {
    return true;
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const { probs } = this;
    return this.sample(sampleShape).add(probs.sub(probs.detach()));
  }
}
