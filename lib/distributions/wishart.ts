import { integer } from '../check.js';
import { tensor } from '../creation/tensor.js';
import { TorchClipError } from '../errors.js';
import * as ops from '../ops/generated/functions.js';
import * as linalg from '../ops/generated/linalg.js';
import { alternative, optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { Chi2 } from './chi2.js';
import { type Constraint, greaterThan, lowerCholesky, positiveDefinite } from './constraints/index.js';
import { refuseOutside } from './constraints/outside.js';
import type { DistributionOptions } from './distribution.js';
import { ExponentialFamily } from './exponential-family.js';
import { type CovarianceOptions, covarianceTable, scaleTrilOf } from './multivariate-normal.js';
import {
  broadcastShapes,
  common,
  diagonalOf,
  elementsIn,
  limitsOf,
  logDiagonal,
  named,
  type Parameter,
  parameter,
  shapeOf,
  withDims,
} from './parameters.js';

const read = optionsOf('Wishart', { df: [parameter], ...covarianceTable, ...common });
const tries = integer(0);

/** The derivative of log mvlgamma. */
function mvdigamma(x: Tensor, p: number): Tensor {
  const halves = ops.arange(p, { dtype: x.dtype, device: x.device }).div(2);
  return x.unsqueeze(-1).sub(halves).digamma().sum(-1);
}

/**
 * The Wishart distribution: covariance matrices of `df` normal vectors, times `df`.
 *
 * @param df more than the rows of the matrix less 1; below the number of rows, draws are likely to be singular.
 *
 * @example
 * new distributions.Wishart(2, { covarianceMatrix: torch.eye(2) }).sample();
 * @see Sawyer 2007, Wishart distributions and inverse-Wishart sampling; Anderson 2003, An introduction to multivariate statistical
 * analysis.
 */
export class Wishart extends ExponentialFamily {
  /** @internal The Cholesky factor without the dimensions that it was broadcast to. */
  readonly factor: Tensor;

  constructor(df: Parameter, covarianceMatrix: Tensor, options?: DistributionOptions);
  constructor(df: Parameter, options: CovarianceOptions);
  constructor(df: Parameter, covarianceMatrix: Tensor | CovarianceOptions, options?: DistributionOptions) {
    const args = read(named(['df', 'covarianceMatrix'], [df, covarianceMatrix, options]));
    const { df: given, validateArgs, ...forms } = args;
    const { name, value } = alternative('Wishart', forms);
    withDims(name, value, 2);
    const { dtype, device } = value;
    const degrees = isTensor(given) ? given : tensor(given, { dtype, device });
    const batchShape = broadcastShapes(value.shape.slice(0, -2), degrees.shape);
    const eventShape = value.shape.slice(-2);
    const p = eventShape.at(-1)!;
    refuseOutside('"df" of Wishart', degrees, greaterThan(p - 1));
    const nu = degrees.expand(batchShape);
    const each = nu.unsqueeze(-1).sub(ops.arange(p, { dtype, device }).expand([...batchShape, p]));
    super({
      batchShape,
      eventShape,
      given: { df: nu, [name]: value.expand([...batchShape, ...eventShape]) },
      parts: { chi2: new Chi2(each, { validateArgs: false }) },
      validateArgs,
    });
    this.factor = scaleTrilOf(name, value);
    if (degrees.lt(p).any().item<boolean>()) {
      process.emitWarning(`Wishart has "df" below ${p}: its draws are likely to be singular`);
    }
  }
  /** The degrees of freedom. */
  get df(): Tensor {
    return this.param('df');
  }
  /** The Cholesky factor of the covariance. */
  get scaleTril(): Tensor {
    return this.given.scaleTril ?? this.lazy('scaleTril', () => this.whole(this.factor));
  }
  /** The covariance of the normal vectors. */
  get covarianceMatrix(): Tensor {
    const compute = () => this.whole(this.factor.matmul(this.factor.mT));
    return this.given.covarianceMatrix ?? this.lazy('covarianceMatrix', compute);
  }
  /** The inverse of the covariance. */
  get precisionMatrix(): Tensor {
    const compute = () => {
      const { dtype, device } = this.factor;
      return this.whole(ops.choleskySolve(ops.eye(this.rows, { dtype, device }), this.factor));
    };
    return this.given.precisionMatrix ?? this.lazy('precisionMatrix', compute);
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return {
      covarianceMatrix: positiveDefinite,
      precisionMatrix: positiveDefinite,
      scaleTril: lowerCholesky,
      df: greaterThan(this.rows - 1),
    };
  }
  override get support(): Constraint {
    return positiveDefinite;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.df.unsqueeze(-1).unsqueeze(-1).mul(this.covarianceMatrix);
  }
  override get mode(): Tensor {
    const factor = this.df.sub(this.rows).sub(1);
    return factor.maskedFill(factor.le(0), Number.NaN).unsqueeze(-1).unsqueeze(-1).mul(this.covarianceMatrix);
  }
  override get variance(): Tensor {
    const covariance = this.covarianceMatrix;
    const diagonal = diagonalOf(covariance);
    const products = diagonal.unsqueeze(-1).mul(diagonal.unsqueeze(-2));
    return this.df.unsqueeze(-1).unsqueeze(-1).mul(covariance.pow(2).add(products));
  }
  /**
   * Draws; those that are singular in the precision of the dtype are drawn again.
   *
   * @param maxTryCorrection how often. Default: 10.
   */
  override rsample(sampleShape: readonly number[] = [], maxTryCorrection = 10): Tensor {
    const sizes = shapeOf('sampleShape', sampleShape);
    if (!tries.accepts(maxTryCorrection)) {
      throw new TorchClipError('ERR_ARGUMENT', `"maxTryCorrection" must be ${tries.expected}, got ${maxTryCorrection}`);
    }
    const shape = this.extendedShape(sizes);
    let sample = this.bartlett(sizes);
    const count = elementsIn(sizes);
    const each = elementsIn(this.batchShape);
    // PyTorch draws once more what is not singular: without that draw, the numbers after it would not be the same.
    if (maxTryCorrection > 0 && count > 0) sample = this.bartlett([count]).reshape(shape);
    for (let i = 1; i < maxTryCorrection; i++) {
      const singular = this.support.check(sample).logicalNot().reshape([count, each]).any(-1);
      const again = singular.sum().item();
      if (again === 0) break;
      const flat = sample.reshape([count, ...this.batchShape, ...this.eventShape]);
      sample = flat.indexPut([singular], this.bartlett([again])).reshape(shape);
    }
    return sample;
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { df, rows: p } = this;
    const scale = logDiagonal(this.factor).add((p * Math.log(2)) / 2);
    const excess = df.sub(p).sub(1).div(2);
    return df
      .neg()
      .mul(scale)
      .sub(df.div(2).mvlgamma(p))
      .add(excess.mul(linalg.slogdet(value).logabsdet))
      .sub(diagonalOf(ops.choleskySolve(value, this.factor)).sum(-1).div(2));
  }
  override entropy(): Tensor {
    const { df, rows: p } = this;
    const half = df.div(2);
    return logDiagonal(this.factor)
      .add((p * Math.log(2)) / 2)
      .mul(p + 1)
      .add(half.mvlgamma(p))
      .sub(df.sub(p).sub(1).div(2).mul(mvdigamma(half, p)))
      .add(df.mul(p).div(2));
  }
  /** @internal */
  override get naturalParams(): readonly Tensor[] {
    return [this.precisionMatrix.neg().div(2), this.df.sub(this.rows).sub(1).div(2)];
  }
  /** @internal */
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    const p = this.rows;
    const half = y.add((p + 1) / 2);
    const logdet = linalg.slogdet(x.mul(-2)).logabsdet;
    return half.mul(logdet.neg().add(Math.log(2) * p)).add(half.mvlgamma(p));
  }
  /** @internal */
  override get meanCarrierMeasure(): number {
    return 0;
  }

  private get rows(): number {
    return this.eventShape.at(-1)!;
  }
  private whole(matrix: Tensor): Tensor {
    return matrix.expand([...this.batchShape, ...this.eventShape]);
  }
  /** Draws by Bartlett's decomposition: chi variables on the diagonal, normal ones below. */
  private bartlett(sizes: readonly number[]): Tensor {
    const p = this.rows;
    const chi = this.parts.chi2!.rsample(sizes).sqrt();
    const noise = chi.clamp({ min: limitsOf(chi).eps }).diagEmbed();
    const { dtype, device } = noise;
    const [i, j] = ops.trilIndices(p, p, -1, { device }).unbind(0) as [Tensor, Tensor];
    const below = ops.randn([...sizes, ...this.batchShape, (p * (p - 1)) / 2], { dtype, device });
    const root = this.factor.matmul(noise.indexPut_(['...', i, j], below));
    return root.matmul(root.mT);
  }
}
