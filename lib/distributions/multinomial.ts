import { integer } from '../check.js';
import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Binomial } from './binomial.js';
import { Categorical, type CategoricalOptions } from './categorical.js';
import { type Constraint, multinomial, realVector, simplex } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, common, from, named, optionalTensor, shapeOf } from './parameters.js';

const read = optionsOf('Multinomial', {
  totalCount: [integer(0), 1],
  probs: optionalTensor,
  logits: optionalTensor,
  ...common,
});

/**
 * How often each category is drawn in `totalCount` draws of a {@link Categorical}.
 *
 * @param totalCount an integer >= 0, the same for the whole batch; `logProb` takes counts with other sums where `validateArgs` is false.
 *
 * @example
 * new distributions.Multinomial(100, torch.tensor([1, 1, 1, 1])).sample();    // such as [21, 24, 30, 25]
 */
export class Multinomial extends Distribution {
  /** How many draws there are. */
  readonly totalCount: number;

  constructor(totalCount: number, probs: Tensor, options?: DistributionOptions);
  constructor(totalCount: number, options: CategoricalOptions);
  constructor(options: CategoricalOptions & { totalCount?: number });
  constructor(
    totalCount: number | (CategoricalOptions & { totalCount?: number }),
    probs?: Tensor | CategoricalOptions,
    options?: DistributionOptions,
  ) {
    const args = read(named(['totalCount', 'probs'], [totalCount, probs, options]));
    const { totalCount: count, validateArgs, ...params } = args;
    const { name, value } = alternative('Multinomial', params);
    const categorical = new Categorical({ [name]: value, validateArgs });
    super({
      batchShape: categorical.batchShape,
      eventShape: categorical.paramShape.slice(-1),
      parts: { categorical },
      validateArgs,
    });
    this.totalCount = count;
  }
  private get categorical(): Categorical {
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
    return multinomial(this.totalCount);
  }
  override get mean(): Tensor {
    return this.probs.mul(this.totalCount);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.totalCount).mul(from(1, this.probs));
  }
  override sample(sampleShape: readonly number[] = []): Tensor {
    const sizes = shapeOf('sampleShape', sampleShape);
    const draws = this.categorical.sample([this.totalCount, ...sizes]);
    const last = draws.permute([...Array(draws.ndim).keys()].slice(1).concat(0));
    const counts = draws.newZeros(this.extendedShape(sizes));
    return counts.scatterAdd_(-1, last, ops.onesLike(last)).typeAs(this.probs);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, counts] = broadcastAll(this.logits, value) as [Tensor, Tensor];
    // A category of probability 0 that is never drawn has the power 0.
    const never = counts.eq(0).logicalAnd(logits.eq(-Infinity));
    const powers = logits.maskedFill(never, 0).mul(counts).sum(-1);
    return counts.sum(-1).add(1).lgamma().sub(counts.add(1).lgamma().sum(-1)).add(powers);
  }
  override entropy(): Tensor {
    const n = this.totalCount;
    const { dtype, device } = this.probs;
    const binomial = new Binomial(n, this.probs, { validateArgs: false });
    const support = binomial.enumerateSupport({ expand: false }).narrow(0, 1, n);
    const weights = support.add(1).lgamma();
    const factorial = ops.arange(n + 1, n + 2, { dtype, device }).lgamma();
    const expected = binomial.logProb(support).exp().mul(weights).sum([0, -1]);
    return this.categorical.entropy().mul(n).sub(factorial.squeeze(0)).add(expected);
  }
}
