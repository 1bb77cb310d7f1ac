import { int64 } from '../dtype.js';
import * as ops from '../ops/generated/functions.js';
import { broadcastTensors } from '../ops/variadic.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, integerInterval, realVector, simplex } from './constraints/index.js';
import { Distribution, type DistributionOptions, type EnumerateOptions } from './distribution.js';
import {
  common,
  elementsIn,
  filled,
  limitsOf,
  logitsToProbs,
  named,
  optionalTensor,
  probsToLogits,
  shapeOf,
  withDims,
} from './parameters.js';
import { outcomes } from './support.js';

/** Weights of categories along the last dimension, or their logarithms up to a constant. */
export interface CategoricalOptions extends DistributionOptions {
  /** Numbers >= 0 whose sum is not 0; they are divided by it. Default: by `logits`. */
  probs?: Tensor;
  /** Logarithms of the probabilities, to within a constant; default by `probs`. */
  logits?: Tensor;
}

const read = optionsOf('Categorical', { probs: optionalTensor, logits: optionalTensor, ...common });

/**
 * An index 0, ..., K - 1 with the probabilities `probs` along the last dimension, of size K.
 *
 * @example
 * new distributions.Categorical(torch.tensor([0.1, 0.2, 0.7])).sample([5]);
 * new distributions.Categorical({ logits: torch.randn([8, 3]) });
 */
export class Categorical extends Distribution {
  /** @internal K. */
  readonly numEvents: number;

  constructor(probs: Tensor, options?: DistributionOptions);
  constructor(options: CategoricalOptions);
  constructor(probs: Tensor | CategoricalOptions, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['probs'], [probs, options]));
    const { name, value } = alternative('Categorical', params);
    withDims(name, value, 1);
    const param = name === 'probs' ? value.div(value.sum(-1, true)) : value.sub(value.logsumexp(-1, true));
    super({ batchShape: param.shape.slice(0, -1), given: { [name]: param }, validateArgs });
    this.numEvents = param.shape.at(-1)!;
  }
  /** The probabilities; they add up to 1 along the last dimension. */
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => logitsToProbs(this.logits));
  }
  /** The logarithms of the probabilities. */
  get logits(): Tensor {
    return this.given.logits ?? this.lazy('logits', () => probsToLogits(this.probs));
  }
  /** The shape of `probs` and `logits`. */
  get paramShape(): number[] {
    return [...this.batchShape, this.numEvents];
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { probs: simplex, logits: realVector };
  }
  override get support(): Constraint {
    return integerInterval(0, this.numEvents - 1);
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  /** NaN: indices have no mean. */
  override get mean(): Tensor {
    return filled(this.probs, this.batchShape, Number.NaN);
  }
  override get mode(): Tensor {
    return this.probs.argmax(-1);
  }
  /** NaN: indices have no variance. */
  override get variance(): Tensor {
    return filled(this.probs, this.batchShape, Number.NaN);
  }
  override sample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extendedShape(sampleShape);
    if (shape.includes(0)) return ops.empty(shape, { dtype: int64, device: this.probs.device });
    const count = elementsIn(shapeOf('sampleShape', sampleShape));
    const rows = this.probs.detach().reshape([-1, this.numEvents]);
    return ops.multinomial(rows, count, true).t().reshape(shape);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [index, logits] = broadcastTensors([value.to(int64).unsqueeze(-1), this.logits]) as [Tensor, Tensor];
    return logits.gather(-1, index.narrow(-1, 0, 1)).squeeze(-1);
  }
  override entropy(): Tensor {
    const logits = this.logits.clamp({ min: -limitsOf(this.logits).max });
    return logits.mul(this.probs).sum(-1).neg();
  }
  override enumerateSupport(options?: EnumerateOptions): Tensor {
    const { device } = this.given.probs ?? this.logits;
    return outcomes(this.numEvents, { dtype: int64, device }, this.batchShape, options);
  }
}
