import { invalidArgument } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { diagEmbed } from '../ops/generated/functions.js';
import * as linalg from '../ops/generated/linalg.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, independent, positive, real, realVector } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { capacitanceTril, lowRankLogdet, lowRankMahalanobis, solveLower } from './gaussian-algebra.js';
import { batchMv, broadcastShapes, common, diagonalOf, named, standardNormal, withDims } from './parameters.js';

const read = optionsOf('LowRankMultivariateNormal', {
  loc: [tensorKind],
  covFactor: [tensorKind],
  covDiag: [tensorKind],
  ...common,
});

/**
 * Normal vectors of mean `loc` and covariance `covFactor covFactor' + diag(covDiag)`: with a factor of few columns, cheap for long
 * vectors.
 *
 * @example
 * const loc = torch.zeros([2]);
 * new distributions.LowRankMultivariateNormal(loc, torch.tensor([[1], [0]]), torch.ones([2])).sample();
 */
export class LowRankMultivariateNormal extends Distribution {
  /** @internal The covariance without the dimensions that it was broadcast to. */
  readonly factor: Tensor;
  /** @internal */
  readonly diagonal: Tensor;
  /** @internal The Cholesky factor of `1 + factor' diagonal^-1 factor`. */
  readonly capacitance: Tensor;

  constructor(loc: Tensor, covFactor: Tensor, covDiag: Tensor, options?: DistributionOptions) {
    const args = read(named(['loc', 'covFactor', 'covDiag'], [loc, covFactor, covDiag, options]));
    const { loc: center, covFactor: factor, covDiag: diagonal, validateArgs } = args;
    const size = withDims('loc', center, 1).shape.at(-1)!;
    if (withDims('covFactor', factor, 2).shape.at(-2) !== size) {
      throw invalidArgument(
        'covFactor',
        `a Tensor of matrices with ${size} rows, as loc has entries`,
        factor.shape,
        'ERR_SHAPE',
      );
    }
    if (withDims('covDiag', diagonal, 1).shape.at(-1) !== size) {
      throw invalidArgument(
        'covDiag',
        `a Tensor of vectors of ${size} entries, as loc has`,
        diagonal.shape,
        'ERR_SHAPE',
      );
    }
    const batchShape = broadcastShapes(
      center.shape.slice(0, -1),
      factor.shape.slice(0, -2),
      diagonal.shape.slice(0, -1),
    );
    const vector = [...batchShape, size];
    const given = {
      loc: center.expand(vector),
      covFactor: factor.expand([...vector, factor.shape.at(-1)!]),
      covDiag: diagonal.expand(vector),
    };
    super({ batchShape, eventShape: [size], given, validateArgs });
    this.factor = factor;
    this.diagonal = diagonal;
    this.capacitance = capacitanceTril(factor, diagonal);
  }
  /** The mean. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** W, of as many rows as an event has entries. */
  get covFactor(): Tensor {
    return this.param('covFactor');
  }
  /** D. */
  get covDiag(): Tensor {
    return this.param('covDiag');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: realVector, covFactor: independent(real, 2), covDiag: independent(positive, 1) };
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
    const compute = () =>
      this.factor
        .pow(2)
        .sum(-1)
        .add(this.diagonal)
        .expand([...this.batchShape, ...this.eventShape]);
    return this.lazy('variance', compute);
  }
  /** The Cholesky factor of the covariance. */
  get scaleTril(): Tensor {
    return this.lazy('scaleTril', () => {
      const root = this.diagonal.sqrt().unsqueeze(-1);
      const scaled = this.factor.div(root);
      const inner = scaled.matmul(scaled.mT).contiguous();
      diagonalOf(inner).add_(1);
      return this.whole(root.mul(linalg.cholesky(inner)));
    });
  }
  get covarianceMatrix(): Tensor {
    return this.lazy('covarianceMatrix', () =>
      this.whole(this.factor.matmul(this.factor.mT).add(diagEmbed(this.diagonal))),
    );
  }
  /** The inverse of the covariance. */
  get precisionMatrix(): Tensor {
    return this.lazy('precisionMatrix', () => {
      const a = solveLower(this.capacitance, this.factor.mT.div(this.diagonal.unsqueeze(-2)));
      return this.whole(diagEmbed(this.diagonal.reciprocal()).sub(a.mT.matmul(a)));
    });
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    const ofFactor = standardNormal(this.loc, [...shape.slice(0, -1), this.covFactor.shape.at(-1)!]);
    const ofDiagonal = standardNormal(this.loc, shape);
    return this.loc.add(batchMv(this.factor, ofFactor)).add(this.diagonal.sqrt().mul(ofDiagonal));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = lowRankMahalanobis(this.factor, this.diagonal, value.sub(this.loc), this.capacitance);
    const logdet = lowRankLogdet(this.diagonal, this.capacitance);
    const constant = this.eventShape[0]! * Math.log(2 * Math.PI);
    return logdet.add(constant).add(distance).mul(-0.5);
  }
  override entropy(): Tensor {
    const constant = this.eventShape[0]! * (1 + Math.log(2 * Math.PI));
    return lowRankLogdet(this.diagonal, this.capacitance).add(constant).mul(0.5).expand(this.batchShape);
  }

  private whole(matrix: Tensor): Tensor {
    return matrix.expand([...this.batchShape, ...this.eventShape, ...this.eventShape]);
  }
}
