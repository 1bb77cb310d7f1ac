import * as ops from '../ops/generated/functions.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Categorical, type CategoricalOptions } from './categorical.js';
import { type Constraint, realVector, simplex } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  broadcastAll,
  clampProbs,
  common,
  named,
  optionalTensor,
  type Parameter,
  parameter,
  standardUniform,
} from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { ExpTransform } from './transforms/index.js';

const table = { temperature: [parameter], probs: optionalTensor, logits: optionalTensor, ...common } as const;
const readExp = optionsOf('ExpRelaxedCategorical', table);
const read = optionsOf('RelaxedOneHotCategorical', table);
const names = ['temperature', 'probs'];

/**
 * The logarithms of a {@link RelaxedOneHotCategorical}.
 *
 * @example
 * const y = new distributions.ExpRelaxedCategorical(0.5, { logits }).rsample();
 * @see Maddison et al. 2017, The Concrete distribution: a continuous relaxation of discrete random variables.
 */
export class ExpRelaxedCategorical extends Distribution {
  readonly temperature: Tensor;

  constructor(temperature: Parameter, probs: Tensor, options?: DistributionOptions);
  constructor(temperature: Parameter, options: CategoricalOptions);
  constructor(temperature: Parameter, probs: Tensor | CategoricalOptions, options?: DistributionOptions) {
    const { temperature: t, validateArgs, ...params } = readExp(named(names, [temperature, probs, options]));
    const { name, value } = alternative('ExpRelaxedCategorical', params);
    const categorical = new Categorical({ [name]: value, validateArgs });
    super({
      batchShape: categorical.batchShape,
      eventShape: categorical.paramShape.slice(-1),
      parts: { categorical },
      validateArgs,
    });
    [this.temperature] = broadcastAll(t) as [Tensor];
  }
  private get categorical(): Categorical {
    return this.parts.categorical as Categorical;
  }
  /** The probabilities of the categories at temperature 0. */
  get probs(): Tensor {
    return this.categorical.probs;
  }
  /** Their logarithms. */
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
    return realVector;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = clampProbs(standardUniform(this.logits, this.extendedShape(sampleShape)));
    const gumbels = noise.log().neg().log().neg();
    const scores = this.logits.add(gumbels).div(this.temperature);
    return scores.sub(scores.logsumexp(-1, true));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const count = this.categorical.numEvents;
    const [logits, x] = broadcastAll(this.logits, value) as [Tensor, Tensor];
    const scale = ops
      .fullLike(this.temperature, count)
      .lgamma()
      .sub(this.temperature.log().mul(-(count - 1)));
    const score = logits.sub(x.mul(this.temperature));
    return score.sub(score.logsumexp(-1, true)).sum(-1).add(scale);
  }
}

/**
 * Points of the simplex that approach draws of a one-hot categorical distribution as the temperature falls, and can be differentiated.
 *
 * @example
 * new distributions.RelaxedOneHotCategorical(2.2, torch.tensor([0.1, 0.2, 0.3, 0.4])).rsample();
 * @see Maddison et al. 2017, The Concrete distribution; Jang et al. 2017, Categorical reparameterization with Gumbel-softmax.
 */
export class RelaxedOneHotCategorical extends TransformedDistribution<ExpRelaxedCategorical> {
  constructor(temperature: Parameter, probs: Tensor, options?: DistributionOptions);
  constructor(temperature: Parameter, options: CategoricalOptions);
  constructor(temperature: Parameter, probs: Tensor | CategoricalOptions, options?: DistributionOptions) {
    const { temperature: t, validateArgs, ...params } = read(named(names, [temperature, probs, options]));
    const { name, value } = alternative('RelaxedOneHotCategorical', params);
    const base = new ExpRelaxedCategorical(t, { [name]: value, validateArgs });
    super(base, new ExpTransform(), { validateArgs });
  }
  get temperature(): Tensor {
    return this.baseDist.temperature;
  }
  /** The probabilities of the categories at temperature 0. */
  get probs(): Tensor {
    return this.baseDist.probs;
  }
  /** Their logarithms. */
  get logits(): Tensor {
    return this.baseDist.logits;
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { probs: simplex, logits: realVector };
  }
  override get support(): Constraint {
    return simplex;
  }
  override get hasRsample(): boolean {
    return true;
  }
}
