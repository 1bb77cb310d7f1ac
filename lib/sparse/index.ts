// torch.sparse: operators for which autograd knows sparse derivatives.
import { arrayOf, check, finite, flag, integer, kind, oneOf, orNull } from '../check.js';
import type { Dtype } from '../dtype.js';
import { TorchClipError } from '../errors.js';
import { dtype as dtypeKind, tensor as tensorKind } from '../kinds.js';
import { sparseSampledAddmm } from '../ops/generated/functions.js';
import { nativeOp } from '../ops/overload.js';
import { optionsOf } from '../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';

const call = (name: string, overload: string, ...args: unknown[]): Tensor =>
  wrap(nativeOp(name, overload)(...args.map((arg) => (isTensor(arg) ? arg.handle : arg))) as Handle);

/**
 * `input` and `options.mask` of the sampled product; see `torch.sparseSampledAddmm`.
 *
 * @example
 * torch.sparse.sampledAddmm(pattern.toSparseCsr(), a, b);
 */
export const sampledAddmm: typeof sparseSampledAddmm = sparseSampledAddmm;

const readMm = optionsOf('sparse.mm()', { reduce: [orNull(oneOf('sum', 'mean', 'amax', 'amin')), null] });

/**
 * The product of a sparse matrix and a sparse or dense one; unlike `torch.mm`, its derivative by a sparse matrix is sparse.
 *
 * @param mat1 of shape `[n, m]`.
 * @param mat2 of shape `[m, p]`.
 * @param options.reduce how the products of a row are put together, for a `mat1` in CSR layout and a dense `mat2`; default null, the sum.
 *
 * @example
 * torch.sparse.mm(adjacency, features);
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.mm.html
 */
export function mm(
  mat1: Tensor,
  mat2: Tensor,
  options: { reduce?: 'sum' | 'mean' | 'amax' | 'amin' | null } = {},
): Tensor {
  const { reduce } = readMm(options);
  check('mat1', mat1, tensorKind);
  check('mat2', mat2, tensorKind);
  return reduce === null ? call('_sparse_mm', '', mat1, mat2) : call('_sparse_mm', 'reduce', mat1, mat2, reduce);
}

const readAddmm = optionsOf('sparse.addmm()', { beta: [finite, 1], alpha: [finite, 1] });

/**
 * `beta * input + alpha * (mat1 mat2)` of a sparse `mat1` and dense others; its derivative by `mat1` is sparse.
 *
 * @example
 * torch.sparse.addmm(bias, adjacency, features);
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.addmm.html
 */
export function addmm(
  input: Tensor,
  mat1: Tensor,
  mat2: Tensor,
  options: { beta?: number; alpha?: number } = {},
): Tensor {
  const { beta, alpha } = readAddmm(options);
  for (const [name, t] of Object.entries({ input, mat1, mat2 })) check(name, t, tensorKind);
  return call('_sparse_addmm', '', input, mat1, mat2, beta, alpha);
}

const dims = kind<number | readonly number[]>('an integer or an array of integers', (value) =>
  Array.isArray(value) ? arrayOf(integer()).accepts(value) : integer().accepts(value),
);
const readSum = optionsOf('sparse.sum()', { dim: [orNull(dims), null], dtype: [orNull(dtypeKind), null] });

/**
 * The sum of a sparse tensor's elements, all of them or along dimensions; its derivative is sparse.
 *
 * @param options.dim one dimension or several; default null, all of them.
 * @param options.dtype in which to add; default that of the input.
 *
 * @example
 * torch.sparse.sum(x, { dim: 0 });
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.sum.html
 */
export function sum(
  input: Tensor,
  options: { dim?: number | readonly number[] | null; dtype?: Dtype | null } = {},
): Tensor {
  const { dim, dtype } = readSum(options);
  if (check('input', input, tensorKind).layout.name !== 'sparse_coo') {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"input" must be a Tensor of layout torch.sparse_coo, got one of layout ${input.layout}`,
    );
  }
  const along = typeof dim === 'number' ? [dim] : dim;
  if (along === null)
    return dtype === null ? call('_sparse_sum', '', input) : call('_sparse_sum', 'dtype', input, dtype.code);
  return dtype === null
    ? call('_sparse_sum', 'dim', input, along)
    : call('_sparse_sum', 'dim_dtype', input, along, dtype.code);
}

const readSolve = optionsOf('sparse.solve()', { left: [flag, true] });

const softmaxTable = { dtype: [orNull(dtypeKind), null] } as const;
const readSoftmax = optionsOf('sparse.softmax()', softmaxTable);
const readLogSoftmax = optionsOf('sparse.logSoftmax()', softmaxTable);

function exponential(name: string, input: Tensor, dim: number, dtype: Dtype | null): Tensor {
  check('input', input, tensorKind);
  check('dim', dim, integer());
  return call(name, 'int', input, dim, dtype?.code ?? null);
}

/**
 * The softmax of a sparse tensor along a dimension, in which elements that are not there count as minus infinity.
 *
 * @param options.dtype what the input is converted to before; default its own.
 *
 * @example
 * torch.sparse.softmax(scores, 1);
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.softmax.html
 */
export function softmax(input: Tensor, dim: number, options: { dtype?: Dtype | null } = {}): Tensor {
  return exponential('_sparse_softmax', input, dim, readSoftmax(options).dtype);
}

/**
 * The logarithm of {@link softmax}.
 *
 * @example
 * torch.sparse.logSoftmax(scores, 1);
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.log_softmax.html
 */
export function logSoftmax(input: Tensor, dim: number, options: { dtype?: Dtype | null } = {}): Tensor {
  return exponential('_sparse_log_softmax', input, dim, readLogSoftmax(options).dtype);
}

/**
 * The solution of `input x = other` for a sparse square matrix in CSR layout and a dense vector, on a GPU alone.
 *
 * @example
 * const x = torch.sparse.solve(A.toSparseCsr(), b);
 * @see https://pytorch.org/docs/stable/generated/torch.sparse.spsolve.html
 */
export function solve(input: Tensor, other: Tensor, options: { left?: boolean } = {}): Tensor {
  const { left } = readSolve(options);
  check('input', input, tensorKind);
  check('other', other, tensorKind);
  return call('_spsolve', '', input, other, left);
}
