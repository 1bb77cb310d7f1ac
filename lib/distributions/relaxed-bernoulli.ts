import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import type { BernoulliOptions } from './bernoulli.js';
import { type Constraint, real, unitInterval } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  broadcastAll,
  clampProbs,
  common,
  logitsToProbs,
  named,
  optional,
  type Parameter,
  parameter,
  probsToLogits,
  standardUniform,
} from './parameters.js';
import { TransformedDistribution } from './transformed.js';
import { SigmoidTransform } from './transforms/index.js';

const table = { temperature: [parameter], probs: optional, logits: optional, ...common } as const;
const readLogit = optionsOf('LogitRelaxedBernoulli', table);
const read = optionsOf('RelaxedBernoulli', table);
const names = ['temperature', 'probs'];

/**
 * The logits of a {@link RelaxedBernoulli}.
 *
 * @example
 * const y = new distributions.LogitRelaxedBernoulli(0.5, { logits }).rsample();
 * @see Maddison et al. 2017, The Concrete distribution: a continuous relaxation of discrete random variables.
 */
export class LogitRelaxedBernoulli extends Distribution {
  readonly temperature: Tensor;

  constructor(temperature: Parameter, probs: Parameter, options?: DistributionOptions);
  constructor(temperature: Parameter, options: BernoulliOptions);
  constructor(temperature: Parameter, probs: Parameter | BernoulliOptions, options?: DistributionOptions) {
    const { temperature: t, validateArgs, ...params } = readLogit(named(names, [temperature, probs, options]));
    const { name, value } = alternative('LogitRelaxedBernoulli', params);
    const [param] = broadcastAll(value) as [Tensor];
    super({ batchShape: param.shape, given: { [name]: param }, validateArgs });
    [this.temperature] = broadcastAll(t) as [Tensor];
  }
  /** The probability of 1 at temperature 0. */
  get probs(): Tensor {
    return this.given.probs ?? this.lazy('probs', () => logitsToProbs(this.logits, true));
  }
  /** The logarithm of its odds. */
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
    return real;
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    const probs = clampProbs(this.probs.expand(shape));
    const noise = clampProbs(standardUniform(probs, shape));
    return noise.log().sub(noise.neg().log1p()).add(probs.log()).sub(probs.neg().log1p()).div(this.temperature);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, x] = broadcastAll(this.logits, value) as [Tensor, Tensor];
    const diff = logits.sub(x.mul(this.temperature));
    return this.temperature.log().add(diff).sub(diff.exp().log1p().mul(2));
  }
}

/**
 * Numbers in (0, 1) that approach draws of a Bernoulli distribution as the temperature falls, and can be differentiated.
 *
 * @example
 * new distributions.RelaxedBernoulli(2.2, torch.tensor([0.1, 0.2, 0.3, 0.99])).rsample();
 * @see Maddison et al. 2017, The Concrete distribution; Jang et al. 2017, Categorical reparameterization with Gumbel-softmax.
 */
export class RelaxedBernoulli extends TransformedDistribution<LogitRelaxedBernoulli> {
  constructor(temperature: Parameter, probs: Parameter, options?: DistributionOptions);
  constructor(temperature: Parameter, options: BernoulliOptions);
  constructor(temperature: Parameter, probs: Parameter | BernoulliOptions, options?: DistributionOptions) {
    const { temperature: t, validateArgs, ...params } = read(named(names, [temperature, probs, options]));
    const { name, value } = alternative('RelaxedBernoulli', params);
    const base = new LogitRelaxedBernoulli(t, { [name]: value, validateArgs: false });
    super(base, new SigmoidTransform(), { validateArgs }, { checks: base.given });
  }
  get temperature(): Tensor {
    return this.baseDist.temperature;
  }
  /** The probability of 1 at temperature 0. */
  get probs(): Tensor {
    return this.baseDist.probs;
  }
  /** The logarithm of its odds. */
  get logits(): Tensor {
    return this.baseDist.logits;
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
}
