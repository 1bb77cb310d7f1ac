import { tensor } from '../creation/tensor.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type Constraint, positive, unitInterval } from './constraints/index.js';
import { Dirichlet } from './dirichlet.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { broadcastAll, common, from, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('Beta', { concentration1: [parameter], concentration0: [parameter], ...common });

function stacked(one: Parameter, zero: Parameter): Tensor {
  if (!isTensor(one) && !isTensor(zero)) return tensor([one, zero]);
  return ops.stack(broadcastAll(one, zero), -1);
}

/**
 * The beta distribution over [0, 1], of the exponents `concentration1 - 1` and `concentration0 - 1`.
 *
 * @example
 * new distributions.Beta(0.5, 0.5).sample();
 */
export class Beta extends ExponentialFamily {
  constructor(concentration1: Parameter, concentration0: Parameter, options?: DistributionOptions) {
    const names = ['concentration1', 'concentration0'];
    const { validateArgs, ...params } = read(named(names, [concentration1, concentration0, options]));
    const concentration = stacked(params.concentration1, params.concentration0);
    const dirichlet = new Dirichlet(concentration, { validateArgs: false });
    super({
      batchShape: dirichlet.batchShape,
      parts: { dirichlet },
      checks: { concentration1: concentration.select(-1, 0), concentration0: concentration.select(-1, 1) },
      validateArgs,
    });
  }
  private get dirichlet(): Dirichlet {
    return this.parts.dirichlet as Dirichlet;
  }
  /** Often alpha. */
  get concentration1(): Tensor {
    return this.dirichlet.concentration.select(-1, 0);
  }
  /** Often beta. */
  get concentration0(): Tensor {
    return this.dirichlet.concentration.select(-1, 1);
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration1: positive, concentration0: positive };
  }
  override get support(): Constraint {
    return unitInterval;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }
  override get mode(): Tensor {
    return this.dirichlet.mode.select(-1, 0);
  }
  override get variance(): Tensor {
    const total = this.concentration1.add(this.concentration0);
    return this.concentration1.mul(this.concentration0).div(total.pow(2).mul(total.add(1)));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return this.dirichlet.rsample(sampleShape).select(-1, 0);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.dirichlet.logProb(ops.stack([value, from(1, value)], -1));
  }
  override entropy(): Tensor {
    return this.dirichlet.entropy();
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.concentration1, this.concentration0];
  }
  /** @internal */
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.lgamma().add(y.lgamma()).sub(x.add(y).lgamma());
  }
}
