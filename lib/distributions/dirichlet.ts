import { tensor as tensorKind } from '../kinds.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, independent, positive, simplex } from './constraints/index.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { common, from, named, withDims } from './parameters.js';
import { sampleDirichlet } from './samplers.js';

const read = optionsOf('Dirichlet', { concentration: [tensorKind], ...common });

/**
 * The Dirichlet distribution over the simplex, of the exponents `concentration - 1` along the last dimension.
 *
 * @example
 * new distributions.Dirichlet(torch.tensor([0.5, 0.5])).sample();
 */
export class Dirichlet extends ExponentialFamily {
  constructor(concentration: Tensor, options?: DistributionOptions) {
    const { concentration: c, validateArgs } = read(named(['concentration'], [concentration, options]));
    const { shape } = withDims('concentration', c, 1);
    super({ batchShape: shape.slice(0, -1), eventShape: shape.slice(-1), given: { concentration: c }, validateArgs });
  }
  /** Often alpha. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration: independent(positive, 1) };
  }
  override get support(): Constraint {
    return simplex;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, true));
  }
  override get mode(): Tensor {
    const excess = this.concentration.sub(1).clamp({ min: 0 });
    const inside = excess.div(excess.sum(-1, true));
    // Where every density grows towards the edge, a corner.
    const outside = this.concentration.lt(1).all(-1).unsqueeze(-1);
    return ops.where(outside, ops.oneHot(inside.argmax(-1), inside.shape.at(-1)!).to(inside), inside);
  }
  override get variance(): Tensor {
    const total = this.concentration.sum(-1, true);
    return this.concentration.mul(total.sub(this.concentration)).div(total.pow(2).mul(total.add(1)));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return sampleDirichlet(this.concentration.expand(this.extendedShape(sampleShape)));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { concentration } = this;
    return ops
      .xlogy(concentration.sub(1), value)
      .sum(-1)
      .add(concentration.sum(-1).lgamma())
      .sub(concentration.lgamma().sum(-1));
  }
  override entropy(): Tensor {
    const { concentration } = this;
    const total = concentration.sum(-1);
    return concentration
      .lgamma()
      .sum(-1)
      .sub(total.lgamma())
      .sub(from(concentration.shape.at(-1)!, total).mul(total.digamma()))
      .sub(concentration.sub(1).mul(concentration.digamma()).sum(-1));
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.concentration];
  }
  /** @internal */
  override logNormalizer(x: Tensor): Tensor {
    return x.lgamma().sum(-1).sub(x.sum(-1).lgamma());
  }
}
