import { invalidArgument } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import * as linalg from '../../ops/generated/linalg.js';
import type { Tensor } from '../../tensor.js';
import {
  type Constraint,
  corrCholesky,
  independent,
  lowerCholesky,
  positiveDefinite,
  real,
  realVector,
  simplex,
} from '../constraints/index.js';
import { diagonalOf, from, limitsOf, trilMatrixToVec, vecToTrilMatrix } from '../parameters.js';
import { clippedSigmoid } from './numbers.js';
import { Transform } from './transform.js';

const matrices = independent(real, 2);

function dims(shape: readonly number[], least: number): readonly number[] {
  if (shape.length >= least) return shape;
  throw invalidArgument('shape', `of at least ${least} dimensions`, shape, 'ERR_SHAPE');
}

/** 1 before the first along the last dimension, and the last one left out. */
const shifted = (x: Tensor): Tensor => ops.constantPadNd(x.narrow(-1, 0, x.shape.at(-1)! - 1), [1, 0], 1);

/**
 * Vectors of D (D - 1) / 2 numbers to Cholesky factors of D x D correlation matrices, row by row through tanh and stick breaking.
 *
 * @example
 * new distributions.transforms.CorrCholeskyTransform().call(torch.zeros([3])).shape; // [3, 3]
 */
export class CorrCholeskyTransform extends Transform {
  get domain(): Constraint {
    return realVector;
  }
  get codomain(): Constraint {
    return corrCholesky;
  }
  override get bijective(): boolean {
    return true;
  }
  protected override compute(x: Tensor): Tensor {
    const { eps } = limitsOf(x);
    const r = vecToTrilMatrix(x.tanh().clamp(-1 + eps, 1 - eps), -1);
    const left = from(1, r.pow(2)).sqrt().cumprod(-1);
    const eye = ops.eye(r.shape.at(-1)!, { dtype: r.dtype, device: r.device });
    return r.add(eye).mul(shifted(left));
  }
  protected override computeInverse(y: Tensor): Tensor {
    const left = shifted(from(1, y.mul(y).cumsum(-1)));
    const t = trilMatrixToVec(y, -1).div(trilMatrixToVec(left, -1).sqrt());
    return t.log1p().sub(t.neg().log1p()).div(2);
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    // The squares of each row up to and without the diagonal: the last entries before it are what tanh was scaled by.
    const left = trilMatrixToVec(from(1, y.mul(y).cumsum(-1)), -2);
    const sticks = left.log().sum(-1).mul(0.5);
    const tanh = x
      .add(ops.softplus(x.mul(-2)))
      .sub(Math.log(2))
      .sum(-1)
      .mul(-2);
    return sticks.add(tanh);
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    const n = dims(shape, 1).at(-1)!;
    const d = Math.round((0.25 + 2 * n) ** 0.5 + 0.5);
    if ((d * (d - 1)) / 2 !== n) {
      throw invalidArgument('shape', 'one that ends in D (D - 1) / 2, the size of a triangle', shape, 'ERR_SHAPE');
    }
    return [...shape.slice(0, -1), d, d];
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    const [rows, columns] = dims(shape, 2).slice(-2) as [number, number];
    if (rows !== columns) throw invalidArgument('shape', 'that of square matrices', shape, 'ERR_SHAPE');
    return [...shape.slice(0, -2), (rows * (rows - 1)) / 2];
  }
}

abstract class OfVectors extends Transform {
  get domain(): Constraint {
    return realVector;
  }
  get codomain(): Constraint {
    return simplex;
  }
  protected override isSame(other: Transform): boolean {
    return other.constructor === this.constructor;
  }
}

/**
 * `y = exp(x)` divided by its sum, along the last dimension. It is not bijective: {@link StickBreakingTransform} is.
 *
 * @example
 * new distributions.transforms.SoftmaxTransform().call(torch.zeros([2])); // [0.5, 0.5]
 */
export class SoftmaxTransform extends OfVectors {
  protected override compute(x: Tensor): Tensor {
    const probs = x.sub(x.max(-1, true).values).exp();
    return probs.div(probs.sum(-1, true));
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.log();
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return [...dims(shape, 1)];
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return [...dims(shape, 1)];
  }
}

/**
 * Vectors of K - 1 numbers to points of the simplex with K entries: each breaks its share off what is left of a stick.
 *
 * @example
 * new distributions.transforms.StickBreakingTransform().call(torch.zeros([2])).shape; // [3]
 */
export class StickBreakingTransform extends OfVectors {
  override get bijective(): boolean {
    return true;
  }
  protected override compute(x: Tensor): Tensor {
    const z = clippedSigmoid(x.sub(offsets(x, x.shape.at(-1)!).log()));
    const left = from(1, z).cumprod(-1);
    return ops.constantPadNd(z, [0, 1], 1).mul(ops.constantPadNd(left, [1, 0], 1));
  }
  protected override computeInverse(y: Tensor): Tensor {
    const count = y.shape.at(-1)! - 1;
    const cut = y.narrow(-1, 0, count);
    const left = from(1, cut.cumsum(-1)).clamp({ min: limitsOf(y).tiny });
    return cut.log().sub(left.log()).add(offsets(y, count).log());
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    const count = x.shape.at(-1)!;
    const z = x.sub(offsets(x, count).log());
    return z
      .neg()
      .add(ops.logSigmoid(z))
      .add(y.narrow(-1, 0, count).log())
      .sum(-1);
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return [...dims(shape, 1).slice(0, -1), shape.at(-1)! + 1];
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return [...dims(shape, 1).slice(0, -1), shape.at(-1)! - 1];
  }
}

/** How many parts of the stick are left at each break. */
const offsets = (like: Tensor, count: number): Tensor => from(count + 1, like.newOnes([count]).cumsum(-1));

abstract class OfMatrices extends Transform {
  get domain(): Constraint {
    return matrices;
  }
  protected override isSame(other: Transform): boolean {
    return other.constructor === this.constructor;
  }
}

const toCholesky = (x: Tensor): Tensor => x.tril(-1).add(diagonalOf(x).exp().diagEmbed());
const fromCholesky = (y: Tensor): Tensor => y.tril(-1).add(diagonalOf(y).log().diagEmbed());

/**
 * Matrices to lower triangles with a positive diagonal: it becomes its exponential.
 *
 * @example
 * new distributions.transforms.LowerCholeskyTransform().call(torch.randn([3, 3]));
 */
export class LowerCholeskyTransform extends OfMatrices {
  get codomain(): Constraint {
    return lowerCholesky;
  }
  protected override compute(x: Tensor): Tensor {
    return toCholesky(x);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return fromCholesky(y);
  }
}

/**
 * Matrices to positive-definite ones: the product of {@link LowerCholeskyTransform} with its transpose.
 *
 * @example
 * new distributions.transforms.PositiveDefiniteTransform().call(torch.randn([3, 3]));
 */
export class PositiveDefiniteTransform extends OfMatrices {
  get codomain(): Constraint {
    return positiveDefinite;
  }
  protected override compute(x: Tensor): Tensor {
    const tril = toCholesky(x);
    return tril.matmul(tril.mT);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return fromCholesky(linalg.cholesky(y));
  }
}
