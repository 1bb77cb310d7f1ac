import { integer } from '../check.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Beta } from './beta.js';
import { type Constraint, corrCholesky, positive } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, common, diagonalOf, from, limitsOf, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('LKJCholesky', { dim: [integer(2)], concentration: [parameter, 1], ...common });

/**
 * Lower Cholesky factors of correlation matrices, whose density is proportional to the determinant to the power of
 * `concentration - 1`: at 1, the default, all correlation matrices are equally likely.
 *
 * @example
 * const L = new distributions.LKJCholesky(3, 0.5).sample();
 * L.matmul(L.mT);    // a correlation matrix
 * @see Lewandowski, Kurowicka and Joe 2009, Generating random correlation matrices based on vines and extended onion method.
 */
export class LKJCholesky extends Distribution {
  /** The number of rows. */
  readonly dim: number;

  constructor(dim: number, concentration?: Parameter, options?: DistributionOptions);
  constructor(dim: number, options: DistributionOptions & { concentration?: Parameter });
  constructor(dim: number, concentration?: Parameter | DistributionOptions, options?: DistributionOptions) {
    const args = read(named(['dim', 'concentration'], [dim, concentration, options]));
    const { dim: size, validateArgs } = args;
    const [c] = broadcastAll(args.concentration) as [Tensor];
    const offset = ops.cat([c.newZeros([1]), ops.arange(size - 1, { dtype: c.dtype, device: c.device })]);
    const marginal = c.add(0.5 * (size - 2));
    const beta = new Beta(offset.add(0.5), marginal.unsqueeze(-1).sub(offset.mul(0.5)), { validateArgs: false });
    super({
      batchShape: c.shape,
      eventShape: [size, size],
      given: { concentration: c },
      parts: { beta },
      validateArgs,
    });
    this.dim = size;
  }
  /** Often eta. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration: positive };
  }
  override get support(): Constraint {
    return corrCholesky;
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    // The onion method: each row is a point on a sphere, scaled to a length that is drawn first.
    const y = this.parts.beta!.sample(sampleShape).unsqueeze(-1);
    const { dtype, device } = y;
    const normal = ops.randn(this.extendedShape(sampleShape), { dtype, device }).tril(-1);
    const sphere = normal.div(normal.norm(2, -1, true));
    sphere.select(-2, 0).fill_(0);
    const w = y.detach().sqrt().mul(sphere);
    const rest = from(1, w.pow(2).sum(-1)).clamp({ min: limitsOf(w).tiny });
    return w.add(rest.sqrt().diagEmbed());
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { concentration, dim } = this;
    const diagonal = diagonalOf(value).narrow(-1, 1, dim - 1);
    const positions = ops.arange(2, dim + 1, { device: concentration.device });
    const order = concentration.sub(1).mul(2).unsqueeze(-1).add(dim).sub(positions);
    const unnormalized = order.mul(diagonal.log()).sum(-1);
    const last = dim - 1;
    const alpha = concentration.add(0.5 * last);
    const numerator = alpha.sub(0.5).mvlgamma(last);
    const normalizer = numerator.add(0.5 * last * Math.log(Math.PI)).sub(alpha.lgamma().mul(last));
    return unnormalized.sub(normalizer);
  }
}
