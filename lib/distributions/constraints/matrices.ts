import { full } from '../../creation/full.js';
import * as linalg from '../../ops/generated/linalg.js';
import type { Tensor } from '../../tensor.js';
import { diagonalOf, limitsOf } from '../parameters.js';
import { Constraint } from './constraint.js';

abstract class OfMatrices extends Constraint {
  override get eventDim(): number {
    return 2;
  }
}

const isLowerTriangular = (value: Tensor): Tensor => value.tril().eq(value).flatten(-2).all(-1);
const isLowerCholesky = (value: Tensor): Tensor => isLowerTriangular(value).logicalAnd(diagonalOf(value).gt(0).all(-1));
const holds = (valid: Tensor): boolean => valid.all().item<boolean>();

/**
 * Lower triangles.
 *
 * @example
 * distributions.constraints.lowerTriangular.check(torch.eye(2)).item(); // true
 */
export class LowerTriangular extends OfMatrices {
  protected override inside(value: Tensor): Tensor {
    return isLowerTriangular(value);
  }
}

/**
 * Lower triangles with a positive diagonal.
 *
 * @example
 * distributions.constraints.lowerCholesky.check(torch.eye(2)).item(); // true
 */
export class LowerCholesky extends OfMatrices {
  protected override inside(value: Tensor): Tensor {
    return isLowerCholesky(value);
  }
}

/**
 * Lower triangles with a positive diagonal and rows of length 1: Cholesky factors of correlation matrices.
 *
 * @example
 * distributions.constraints.corrCholesky.check(torch.eye(2)).item(); // true
 */
export class CorrCholesky extends OfMatrices {
  protected override inside(value: Tensor): Tensor {
    const tolerance = limitsOf(value).eps * value.shape.at(-1)! * 10;
    const length = linalg.norm(value.detach(), { dim: -1 });
    return isLowerCholesky(value).logicalAnd(length.sub(1).abs().le(tolerance).all(-1));
  }
}

/**
 * Matrices with as many rows as columns.
 *
 * @example
 * distributions.constraints.square.check(torch.eye(2)).item(); // true
 */
export class Square extends OfMatrices {
  protected override inside(value: Tensor): Tensor {
    const [rows, columns] = value.shape.slice(-2);
    return full(value.shape.slice(0, -2), rows === columns, { device: value.device });
  }
}

/**
 * Matrices equal to their transposes, within 1e-6.
 *
 * @example
 * distributions.constraints.symmetric.check(torch.eye(2)).item(); // true
 */
export class Symmetric extends Square {
  protected override inside(value: Tensor): Tensor {
    const square = super.inside(value);
    if (!holds(square)) return square;
    return value.isclose(value.mT, { atol: 1e-6 }).all(-2).all(-1);
  }
}

/**
 * Symmetric matrices without a negative eigenvalue.
 *
 * @example
 * distributions.constraints.positiveSemidefinite.check(torch.eye(2)).item(); // true
 */
export class PositiveSemidefinite extends Symmetric {
  protected override inside(value: Tensor): Tensor {
    const symmetric = super.inside(value);
    if (!holds(symmetric)) return symmetric;
    return linalg.eigvalsh(value).ge(0).all(-1);
  }
}

/**
 * Symmetric matrices with positive eigenvalues alone.
 *
 * @example
 * distributions.constraints.positiveDefinite.check(torch.eye(2)).item(); // true
 */
export class PositiveDefinite extends Symmetric {
  protected override inside(value: Tensor): Tensor {
    const symmetric = super.inside(value);
    if (!holds(symmetric)) return symmetric;
    return linalg.choleskyEx(value).info.eq(0);
  }
}
