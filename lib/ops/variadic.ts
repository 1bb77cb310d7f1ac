// What PyTorch writes in Python before it calls an operator: tensors one by one, words for numbers.
import { arrayOf, check, integer, oneOf, orNull } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { isPlainObject, readOnce } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { define } from './define.js';

type Raw = (...args: unknown[]) => unknown;
const raw = {
  atleast1d: define<Raw>('atleast_1d'),
  atleast2d: define<Raw>('atleast_2d'),
  atleast3d: define<Raw>('atleast_3d'),
  blockDiag: define<Raw>('block_diag'),
  broadcastTensors: define<Raw>('broadcast_tensors'),
  cartesianProd: define<Raw>('cartesian_prod'),
  cdist: define<Raw>('cdist'),
  chainMatmul: define<Raw>('chain_matmul'),
  einsum: define<Raw>('einsum'),
  meshgrid: define<Raw>('meshgrid'),
  tensordot: define<Raw>('tensordot'),
};

/** Tensors one by one or in an array, and options behind them. */
export type TensorsThen<O extends object = { out?: Tensor }> =
  | readonly [tensors: readonly Tensor[], options?: O]
  | readonly Tensor[]
  | readonly [...tensors: Tensor[], options: O];

/** The tensors of a call, and the options behind them. */
function split(args: readonly unknown[]): [tensors: readonly Tensor[], options: readonly unknown[]] {
  const last = args.at(-1);
  const options = isPlainObject(last) ? [last] : [];
  const given = isPlainObject(last) ? args.slice(0, -1) : args;
  const list: unknown = given.length === 1 && !isTensor(given[0]) ? given[0] : given;
  if (!Array.isArray(list)) throw invalidArgument('tensors', 'Tensors or an array of them', list);
  const tensors: Tensor[] = [];
  for (let i = 0; i < list.length; i++) tensors.push(check(`tensors[${i}]`, list[i], tensorKind));
  return [tensors, options];
}

const several =
  <R>(name: keyof typeof raw) =>
  (...args: readonly unknown[]): R => {
    const [tensors, options] = split(args);
    return raw[name](tensors, ...options) as R;
  };

/**
 * Views of the tensors in the shape that they have together.
 *
 * @throws {TorchClipError} `ERR_SHAPE` where they do not broadcast.
 *
 * @example
 * const [a, b] = torch.broadcastTensors(torch.ones([2, 1]), torch.ones([3])); // of the shape [2, 3]
 * @see https://pytorch.org/docs/stable/generated/torch.broadcast_tensors.html
 */
export const broadcastTensors: (...args: TensorsThen<never>) => Tensor[] = several('broadcastTensors');

/**
 * All combinations of the elements of tensors of one dimension, a row each; of a single tensor itself.
 *
 * @example
 * torch.cartesianProd(torch.tensor([1, 2]), torch.tensor([3, 4])); // [[1, 3], [1, 4], [2, 3], [2, 4]]
 * @see https://pytorch.org/docs/stable/generated/torch.cartesian_prod.html
 */
export const cartesianProd: (...args: TensorsThen<never>) => Tensor = several('cartesianProd');

/**
 * A matrix with the given ones along its diagonal, and zeros elsewhere.
 *
 * @example
 * torch.blockDiag(torch.ones([1, 2]), torch.ones([1, 1])); // [[1, 1, 0], [0, 0, 1]]
 * @see https://pytorch.org/docs/stable/generated/torch.block_diag.html
 */
export const blockDiag: (...args: TensorsThen) => Tensor = several('blockDiag');

/**
 * The product of matrices, in the order that takes the fewest operations; `torch.linalg.multiDot` has taken its place in PyTorch.
 *
 * @example
 * torch.chainMatmul(a, b, c);
 * @see https://pytorch.org/docs/stable/generated/torch.chain_matmul.html
 */
export const chainMatmul: (...args: TensorsThen) => Tensor = several('chainMatmul');

interface AtLeast {
  (tensor: Tensor): Tensor;
  (tensors: readonly Tensor[]): Tensor[];
  (...tensors: readonly Tensor[]): Tensor[];
}
const atLeast =
  (name: 'atleast1d' | 'atleast2d' | 'atleast3d') =>
  (...args: readonly unknown[]): Tensor | Tensor[] =>
    args.length === 1 && isTensor(args[0]) ? (raw[name](args[0]) as Tensor) : (raw[name](split(args)[0]) as Tensor[]);

/**
 * The tensor with at least one dimension; of several tensors, an array.
 *
 * @example
 * torch.atleast1d(torch.tensor(3)).shape; // [1]
 * @see https://pytorch.org/docs/stable/generated/torch.atleast_1d.html
 */
export const atleast1d = atLeast('atleast1d') as AtLeast;

/**
 * The tensor with at least two dimensions, new ones in front; of several tensors, an array.
 *
 * @example
 * torch.atleast2d(torch.ones([3])).shape; // [1, 3]
 * @see https://pytorch.org/docs/stable/generated/torch.atleast_2d.html
 */
export const atleast2d = atLeast('atleast2d') as AtLeast;

/**
 * The tensor with at least three dimensions, new ones around; of several tensors, an array.
 *
 * @example
 * torch.atleast3d(torch.ones([3])).shape; // [1, 3, 1]
 * @see https://pytorch.org/docs/stable/generated/torch.atleast_3d.html
 */
export const atleast3d = atLeast('atleast3d') as AtLeast;

/** Options of {@link meshgrid}. */
export interface MeshgridOptions {
  /** `'ij'`: the first tensor's elements change along the first dimension, or `'xy'`: along the second. Default: `'ij'`. */
  indexing?: 'ij' | 'xy';
}
const indexings = oneOf('ij', 'xy');

/**
 * The coordinates of a grid: a tensor for each given one, all of the shape of the grid.
 *
 * @example
 * const [y, x] = torch.meshgrid(torch.arange(2), torch.arange(3), { indexing: 'ij' }); // of the shape [2, 3]
 * @see https://pytorch.org/docs/stable/generated/torch.meshgrid.html
 */
export function meshgrid(...args: TensorsThen<MeshgridOptions>): Tensor[] {
  const [tensors, [options]] = split(args);
  const { indexing = 'ij' } = readOnce('meshgrid()', options ?? {}, ['indexing']);
  return raw.meshgrid(tensors, { indexing: check('indexing', indexing, indexings) }) as Tensor[];
}

const labels = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const label = integer(0, labels.length - 1);

/** The letters of dimensions that were given by number. */
function subscripts(where: string, given: unknown): string {
  if (!Array.isArray(given)) throw invalidArgument(where, 'an array of numbers of dimensions or "..."', given);
  let text = '';
  for (let i = 0; i < given.length; i++) {
    text += given[i] === '...' ? '...' : labels[check(`${where}[${i}]`, given[i], label)]!;
  }
  return text;
}

/** The equation of tensors that alternate with the numbers of their dimensions. */
function equationOf(args: readonly unknown[]): [equation: string, tensors: Tensor[]] {
  const pairs = Math.floor(args.length / 2);
  const tensors: Tensor[] = [];
  const parts: string[] = [];
  for (let i = 0; i < pairs; i++) {
    tensors.push(check(`args[${2 * i}]`, args[2 * i], tensorKind));
    parts.push(subscripts(`args[${2 * i + 1}]`, args[2 * i + 1]));
  }
  const result = args.length % 2 === 1 ? `->${subscripts(`args[${args.length - 1}]`, args.at(-1))}` : '';
  return [parts.join(',') + result, tensors];
}

/** Options of {@link einsum}. */
export interface EinsumOptions {
  /** Which two tensors to contract in each step, by their present numbers; default from left to right. */
  path?: readonly number[] | null;
}
/** The numbers of a tensor's dimensions, 0 to 51, and `'...'` for those that have none. */
export type Subscripts = readonly (number | '...')[];

/**
 * Sums of products by Einstein's convention: letters name dimensions, and those that the result lacks are summed over.
 *
 * @param equation such as `'bij,bjk->bik'`. The tensors follow one by one or in an array; or instead of letters, an array of numbers
 * follows each tensor, and one for the result.
 * @param tensors at their end may stand options: `{ path }` says which two tensors to contract in each step; default from left to right.
 *
 * @example
 * torch.einsum('bij,bjk->bik', a, b);
 * torch.einsum(a, [0, 1], b, [1, 2], [0, 2]);
 * @see https://pytorch.org/docs/stable/generated/torch.einsum.html
 */
export function einsum(equation: string, ...tensors: TensorsThen<EinsumOptions>): Tensor;
export function einsum(tensor: Tensor, subscripts: Subscripts, ...rest: readonly (Tensor | Subscripts)[]): Tensor;
export function einsum(first: unknown, ...rest: readonly unknown[]): Tensor {
  if (isTensor(first)) {
    const [equation, tensors] = equationOf([first, ...rest]);
    return raw.einsum(equation, tensors) as Tensor;
  }
  const [tensors, options] = split(rest);
  return raw.einsum(first, tensors, ...options) as Tensor;
}

/** The dimensions to contract: so many last ones with so many first ones, or those of either tensor. */
export type TensordotDims = number | readonly [self: readonly number[], other: readonly number[]];
const dimensions = arrayOf(integer());

/**
 * The sum of products along dimensions of two tensors.
 *
 * @param dims how many of the last dimensions of `input` go with the first ones of `other`, or the dimensions of each; default 2.
 * @param options.out a tensor to write the result to; default a new one.
 *
 * @example
 * torch.tensordot(a, b, 1); // a matrix product
 * torch.tensordot(a, b, [[0, 2], [1, 0]]);
 * @see https://pytorch.org/docs/stable/generated/torch.tensordot.html
 */
export function tensordot(input: Tensor, other: Tensor, dims: TensordotDims, options?: { out?: Tensor }): Tensor;
export function tensordot(input: Tensor, other: Tensor, options?: { dims?: TensordotDims; out?: Tensor }): Tensor;
export function tensordot(
  input: Tensor,
  other: Tensor,
  dimsSelf: readonly number[],
  dimsOther: readonly number[],
  options?: { out?: Tensor },
): Tensor;
export function tensordot(input: Tensor, other: Tensor, ...rest: readonly unknown[]): Tensor {
  check('input', input, tensorKind);
  check('other', other, tensorKind);
  const last = rest.at(-1);
  const { dims: named, ...options } = isPlainObject(last)
    ? readOnce('tensordot()', last, ['dims', 'out'])
    : { dims: undefined };
  const [first, second] = isPlainObject(last) ? rest.slice(0, -1) : rest;
  if (named !== undefined && first !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', '"dims" of tensordot() is given twice');
  }
  const [self, others] = second !== undefined ? [first, second] : pairOf(first ?? named ?? 2, input, other);
  return raw.tensordot(
    input,
    other,
    check('dims', self, dimensions),
    check('dims', others, dimensions),
    options,
  ) as Tensor;
}

function pairOf(dims: unknown, input: Tensor, other: Tensor): readonly [unknown, unknown] {
  if (Array.isArray(dims) && dims.length === 2) return [dims[0], dims[1]];
  const most = Math.min(input.ndim, other.ndim);
  if (typeof dims !== 'number') throw invalidArgument('dims', 'a number or two arrays of dimensions', dims);
  const count = check('dims', dims, integer(0, most));
  return [Array.from({ length: count }, (_, i) => i - count), Array.from({ length: count }, (_, i) => i)];
}

const modes = [
  'use_mm_for_euclid_dist_if_necessary',
  'use_mm_for_euclid_dist',
  'donot_use_mm_for_euclid_dist',
] as const;
/** How {@link cdist} computes Euclidean distances. */
export type CdistMode = (typeof modes)[number];
const modeKind = orNull(oneOf<CdistMode | 1 | 2>(...modes, 1, 2));

/** Options of {@link cdist}. */
export interface CdistOptions {
  /** The order of the norm, >= 0; default 2. */
  p?: number;
  /** Whether Euclidean distances are made of a matrix product; default `'use_mm_for_euclid_dist_if_necessary'`: of more than 25 rows. */
  computeMode?: CdistMode | 1 | 2 | null;
}

/**
 * The distances between each row of one tensor and each row of another: `[..., n, m]` of `[..., n, d]` and `[..., m, d]`.
 *
 * @param options.p the order of the norm, >= 0, which may also stand before the options; default 2.
 * @param options.computeMode whether Euclidean distances are made of a matrix product; default where there are more than 25 rows.
 *
 * @example
 * const distances = torch.cdist(embeddings, embeddings);
 * @see https://pytorch.org/docs/stable/generated/torch.cdist.html
 */
export function cdist(x1: Tensor, x2: Tensor, options?: CdistOptions): Tensor;
export function cdist(x1: Tensor, x2: Tensor, p: number, options?: Pick<CdistOptions, 'computeMode'>): Tensor;
export function cdist(x1: Tensor, x2: Tensor, ...rest: readonly unknown[]): Tensor {
  const last = rest.at(-1);
  const { p: named, computeMode = null } = isPlainObject(last)
    ? readOnce('cdist()', last, ['p', 'computeMode'])
    : { p: undefined };
  const [given, number] = isPlainObject(last) ? rest.slice(0, -1) : rest;
  if (named !== undefined && given !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', '"p" of cdist() is given twice');
  }
  const mode = check('computeMode', number ?? computeMode, modeKind);
  const at = modes.indexOf(mode as CdistMode);
  return raw.cdist(x1, x2, given ?? named ?? 2, at < 0 ? mode : at === 0 ? null : at) as Tensor;
}
