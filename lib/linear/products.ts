import { type Dtype, float16, float32, float64 } from '../dtype.js';
import { eigh, qr } from '../ops/generated/linalg.js';
import type { Tensor } from '../tensor.js';

/** `a b` of dense or sparse matrices; `b` where `a` is null, which stands for the identity. */
export const multiply = (a: Tensor | null, b: Tensor): Tensor => (a === null ? b : a.matmul(b));

/** `s^T a s`. */
export const quadratic = (a: Tensor | null, s: Tensor): Tensor => s.mT.matmul(multiply(a, s));

/** Orthonormal columns that span what those of `a` span. */
export const orthonormal = (a: Tensor): Tensor => qr(a)[0];

/** Eigenvalues and eigenvectors of a symmetric matrix, the largest first where `largest`, else the least. */
export function symmetricEigen(a: Tensor, largest: boolean): [values: Tensor, vectors: Tensor] {
  const [values, vectors] = eigh(a, 'U');
  return largest ? [values.flip([-1]), vectors.flip([-1])] : [values, vectors];
}

/** The dtype in which a matrix is decomposed: integers in float32. */
export const floatOf = ({ dtype }: Tensor): Dtype =>
  dtype === float64 || dtype === float16 || dtype === float32 ? dtype : float32;
