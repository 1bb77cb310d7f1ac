import { noGrad } from '../autograd/modes.js';
import { instance } from '../check.js';
import { TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Categorical } from './categorical.js';
import { type Constraint, MixtureSameFamilyConstraint } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { distributionKind } from './independent.js';
import { common, commonShape, named, tensorArgument } from './parameters.js';

const read = optionsOf('MixtureSameFamily', {
  mixtureDistribution: [instance<Categorical>(Categorical, 'a Categorical')],
  componentDistribution: [distributionKind],
  ...common,
});

/**
 * A mixture of distributions of one family: the components are the last dimension of the component distribution's batch, and their
 * weights those of a {@link Categorical}.
 *
 * @example
 * const mix = new distributions.Categorical(torch.ones([5]));
 * const components = new distributions.Normal(torch.randn([5]), torch.rand([5]));
 * new distributions.MixtureSameFamily(mix, components).logProb(torch.tensor([0.5]));
 */
export class MixtureSameFamily<D extends Distribution = Distribution> extends Distribution {
  constructor(mixtureDistribution: Categorical, componentDistribution: D, options?: DistributionOptions) {
    const names = ['mixtureDistribution', 'componentDistribution'];
    const args = read(named(names, [mixtureDistribution, componentDistribution, options]));
    const { mixtureDistribution: mixture, componentDistribution: components, validateArgs } = args;
    const { batchShape } = components;
    const count = mixture.logits.shape.at(-1)!;
    const rest = batchShape.slice(0, -1);
    if (batchShape.at(-1) !== count || commonShape(mixture.batchShape, rest) === undefined) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"componentDistribution" must have a batch of ${shapeText([...mixture.batchShape, count])}, as the mixture has weights, ` +
          `got ${shapeText(batchShape)}`,
      );
    }
    super({ batchShape: rest, eventShape: components.eventShape, parts: { mixture, components }, validateArgs });
  }
  /** The weights. */
  get mixtureDistribution(): Categorical {
    return this.parts.mixture as Categorical;
  }
  /** The components, along the last dimension of its batch. */
  get componentDistribution(): D {
    return this.parts.components as D;
  }
  override get support(): Constraint {
    return new MixtureSameFamilyConstraint(this.componentDistribution.support);
  }
  override get mean(): Tensor {
    return this.weighted(this.componentDistribution.mean);
  }
  override get variance(): Tensor {
    const { componentDistribution: components } = this;
    const within = this.weighted(components.variance);
    return within.add(this.weighted(components.mean.sub(this.padded(this.mean)).pow(2)));
  }
  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => {
      const chosen = this.mixtureDistribution.sample(sampleShape);
      const all = this.componentDistribution.sample(sampleShape);
      const event = this.eventShape;
      const dim = all.ndim - event.length - 1;
      const index = chosen
        .reshape([...chosen.shape, 1, ...event.map(() => 1)])
        .repeat([...chosen.shape.map(() => 1), 1, ...event]);
      return all.gather(dim, index).squeeze(dim);
    });
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const ofComponents = this.componentDistribution.logProb(this.padded(value));
    const weights = this.mixtureDistribution.logits.logSoftmax(-1);
    return ofComponents.add(weights).logsumexp(-1);
  }
  override cdf(value: Tensor): Tensor {
    const ofComponents = this.componentDistribution.cdf(this.padded(tensorArgument(value)));
    return ofComponents.mul(this.mixtureDistribution.probs).sum(-1);
  }
  override toString(): string {
    return `MixtureSameFamily(\n  ${this.mixtureDistribution},\n  ${this.componentDistribution})`;
  }

  /** With a dimension for the components before the event's. */
  private padded(value: Tensor): Tensor {
    return value.unsqueeze(-1 - this.eventShape.length);
  }
  /** The mean over the components. */
  private weighted(ofComponents: Tensor): Tensor {
    const { probs } = this.mixtureDistribution;
    const event = this.eventShape.map(() => 1);
    const padding = Math.max(0, this.batchShape.length - (probs.ndim - 1));
    // A batch of one dimension lines up from the right, as PyTorch has it.
    const extra = probs.ndim === 2 ? [] : new Array<number>(padding).fill(1);
    const weights = probs.reshape([...probs.shape.slice(0, -1), ...extra, probs.shape.at(-1)!, ...event]);
    return weights.mul(ofComponents).sum(-1 - event.length);
  }
}
