import { tensor as tensorKind } from '../kinds.js';
import { choleskyInverse } from '../ops/generated/functions.js';
import * as linalg from '../ops/generated/linalg.js';
import { alternative, optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, lowerCholesky, positiveDefinite, realVector } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { batchMahalanobis, precisionToScaleTril } from './gaussian-algebra.js';
import {
  batchMv,
  broadcastShapes,
  common,
  logDiagonal,
  named,
  optionalTensor,
  standardNormal,
  withDims,
} from './parameters.js';

/** The spread of a multivariate distribution, in exactly one of three forms. */
export interface CovarianceOptions extends DistributionOptions {
  /** A positive-definite matrix; default none, and one of the other two is given. */
  covarianceMatrix?: Tensor;
  /** The inverse of the covariance; default none. */
  precisionMatrix?: Tensor;
  /** The Cholesky factor of the covariance: a lower triangle with a positive diagonal. The cheapest form. Default: none. */
  scaleTril?: Tensor;
}

/** @internal */
export const covarianceTable = {
  covarianceMatrix: optionalTensor,
  precisionMatrix: optionalTensor,
  scaleTril: optionalTensor,
} as const;
const read = optionsOf('MultivariateNormal', { loc: [tensorKind], ...covarianceTable, ...common });

/** @internal The Cholesky factor of a covariance in any of its forms. */
export function scaleTrilOf(name: keyof typeof covarianceTable, value: Tensor): Tensor {
  if (name === 'scaleTril') return value;
  return name === 'covarianceMatrix' ? linalg.cholesky(value) : precisionToScaleTril(value);
}

/**
 * Normal vectors of mean `loc` and a covariance, which is given by itself, its inverse or its Cholesky factor.
 *
 * @example
 * new distributions.MultivariateNormal(torch.zeros([2]), { covarianceMatrix: torch.eye(2) }).sample();
 */
export class MultivariateNormal extends Distribution {
  /** @internal The Cholesky factor without the dimensions that it was broadcast to. */
  readonly factor: Tensor;

  constructor(loc: Tensor, covarianceMatrix: Tensor, options?: DistributionOptions);
  constructor(loc: Tensor, options: CovarianceOptions);
  constructor(loc: Tensor, covarianceMatrix: Tensor | CovarianceOptions, options?: DistributionOptions) {
    const args = read(named(['loc', 'covarianceMatrix'], [loc, covarianceMatrix, options]));
    const { loc: center, validateArgs, ...forms } = args;
    withDims('loc', center, 1);
    const { name, value } = alternative('MultivariateNormal', forms);
    withDims(name, value, 2);
    const batchShape = broadcastShapes(value.shape.slice(0, -2), center.shape.slice(0, -1));
    const matrix = value.expand([...batchShape, ...value.shape.slice(-2)]);
    const l = center.expand([...batchShape, center.shape.at(-1)!]);
    super({ batchShape, eventShape: l.shape.slice(-1), given: { loc: l, [name]: matrix }, validateArgs });
    this.factor = scaleTrilOf(name, value);
  }
  /** The mean. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** The Cholesky factor of the covariance. */
  get scaleTril(): Tensor {
    return this.given.scaleTril ?? this.lazy('scaleTril', () => this.whole(this.factor));
  }
  get covarianceMatrix(): Tensor {
    const compute = () => this.whole(this.factor.matmul(this.factor.mT));
    return this.given.covarianceMatrix ?? this.lazy('covarianceMatrix', compute);
  }
  /** The inverse of the covariance. */
  get precisionMatrix(): Tensor {
    const compute = () => this.whole(choleskyInverse(this.factor));
    return this.given.precisionMatrix ?? this.lazy('precisionMatrix', compute);
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return {
      loc: realVector,
      covarianceMatrix: positiveDefinite,
      precisionMatrix: positiveDefinite,
      scaleTril: lowerCholesky,
    };
  }
  override get support(): Constraint {
    return realVector;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return this.factor
      .pow(2)
      .sum(-1)
      .expand([...this.batchShape, ...this.eventShape]);
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const noise = standardNormal(this.loc, this.extendedShape(sampleShape));
    return this.loc.add(batchMv(this.factor, noise));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = batchMahalanobis(this.factor, value.sub(this.loc));
    const constant = this.eventShape[0]! * Math.log(2 * Math.PI);
    return distance.add(constant).mul(-0.5).sub(logDiagonal(this.factor));
  }
  override entropy(): Tensor {
    const constant = 0.5 * this.eventShape[0]! * (1 + Math.log(2 * Math.PI));
    return logDiagonal(this.factor).add(constant).expand(this.batchShape);
  }

  private whole(matrix: Tensor): Tensor {
    return matrix.expand([...this.batchShape, ...this.eventShape, ...this.eventShape]);
  }
}
