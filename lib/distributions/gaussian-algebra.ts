// Linear algebra of covariances, which normal distributions and their divergences share.
import * as ops from '../ops/generated/functions.js';
import * as linalg from '../ops/generated/linalg.js';
import type { Tensor } from '../tensor.js';
import { batchMv, diagonalOf, elementsIn, logDiagonal } from './parameters.js';

export const solveLower = (tril: Tensor, b: Tensor): Tensor => linalg.solveTriangular(tril, b, { upper: false });

/**
 * The squared Mahalanobis distances `x' (L L')^-1 x`, where the batch of L may be smaller than that of x: dimensions that L repeats
 * along become columns of one solve.
 */
export function batchMahalanobis(tril: Tensor, x: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  const batch = x.shape.slice(0, -1);
  const inner = tril.ndim - 2;
  const outer = batch.length - inner;
  const shape = batch.slice(0, outer);
  for (const [i, size] of tril.shape.slice(0, -2).entries()) shape.push(Math.floor(batch[outer + i]! / size), size);
  const pairs = Array.from({ length: inner }, (_, i) => outer + 2 * i);
  const order = [...Array(outer).keys(), ...pairs, ...pairs.map((i) => i + 1), outer + 2 * inner];
  const moved = x.reshape([...shape, n]).permute(order);
  const flat = tril.reshape([-1, n, n]);
  const rows = elementsIn(moved.shape.slice(0, outer + inner));
  const columns = moved.reshape([rows, flat.shape[0]!, n]).permute([1, 2, 0]);
  const distances = solveLower(flat, columns).pow(2).sum(-2).t();
  const back = [...Array(outer).keys()];
  for (let i = 0; i < inner; i++) back.push(outer + i, outer + inner + i);
  return distances.reshape(moved.shape.slice(0, -1)).permute(back).reshape(batch);
}

/** The lower triangle L with `L L'` the inverse of a precision matrix. */
export function precisionToScaleTril(precision: Tensor): Tensor {
  const flipped = linalg.cholesky(precision.flip([-2, -1]));
  const inverse = flipped.flip([-2, -1]).mT;
  const { dtype, device } = precision;
  return solveLower(inverse, ops.eye(precision.shape.at(-1)!, { dtype, device }));
}

/** The sums of the squares of a batch of matrices: the traces of `X X'`. */
export const traceXXt = (x: Tensor): Tensor => x.flatten(-2).pow(2).sum(-1);

/** `1 + W' D^-1 W`, by its Cholesky factor. */
export function capacitanceTril(factor: Tensor, diagonal: Tensor): Tensor {
  const inner = factor.mT.div(diagonal.unsqueeze(-2)).matmul(factor).contiguous();
  diagonalOf(inner).add_(1);
  return linalg.cholesky(inner);
}

/** log det (W W' + D), by the matrix determinant lemma. */
export const lowRankLogdet = (diagonal: Tensor, capacitance: Tensor): Tensor =>
  logDiagonal(capacitance).mul(2).add(diagonal.log().sum(-1));

/** `x' (W W' + D)^-1 x`, by the Woodbury identity. */
export function lowRankMahalanobis(factor: Tensor, diagonal: Tensor, x: Tensor, capacitance: Tensor): Tensor {
  const projected = batchMv(factor.mT.div(diagonal.unsqueeze(-2)), x);
  return x.pow(2).div(diagonal).sum(-1).sub(batchMahalanobis(capacitance, projected));
}
