import { native } from '../binding/index.js';
import { deviceToName } from '../default-device.js';
import type { Dtype } from '../dtype.js';
import * as dtypes from '../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { present } from '../memory.js';
import { isComplexNumber } from '../ops/convert.js';
import type { Complex } from '../ops/types.js';
import { optionsOf } from '../options.js';
import { getDefaultDtype } from '../runtime.js';
import { isTensor, type Tensor, wrap } from '../tensor.js';
import type { TensorOptions, TypedArray } from './typed-array.js';
import { checkGrad, copyOf, finished, isTypedArray, tensorTable } from './typed-array.js';

type Leaf = number | bigint | boolean | Complex;

/** What {@link tensor} takes: one number, nested arrays of equal length (whose rows may be typed arrays), or a tensor. */
export type TensorData = Leaf | TypedArray | Tensor | readonly TensorData[];

type Kind = 'boolean' | 'bigint' | 'number' | 'complex';

/** PyTorch has no more dimensions either; a cyclic array is refused by this. */
const maxDims = 64;

const isRow = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || isTypedArray(value);

/** The lengths of nested arrays, by the first element of each. */
export function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  let at = data;
  while (isRow(at)) {
    if (shape.length === maxDims) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"data" must be nested at most ${maxDims} deep, got a deeper or cyclic array`,
      );
    }
    if (isTypedArray(at)) present('data', at);
    shape.push(at.length);
    at = at[0];
  }
  return shape;
}

function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'number':
    case 'bigint':
    case 'boolean':
      return typeof value as Kind;
    case 'object':
      if (value !== null && isComplexNumber(value)) return 'complex';
      break;
  }
  throw invalidArgument('data', 'numbers, bigints, booleans or { re, im } in arrays of equal length', value);
}

/** All leaves in row-major order, and the most general kind among them. */
export function flatten(data: unknown, shape: readonly number[]): { leaves: Leaf[]; kind: Kind | undefined } {
  const leaves: Leaf[] = [];
  const order: Kind[] = ['boolean', 'bigint', 'number', 'complex'];
  let rank = -1;
  const walk = (value: unknown, dim: number): void => {
    if (dim === shape.length) {
      if (isRow(value)) throw ragged(dim, 'a number', value);
      rank = Math.max(rank, order.indexOf(kindOf(value)));
      leaves.push(value as Leaf);
      return;
    }
    if (!isRow(value) || value.length !== shape[dim]) throw ragged(dim, `an array of ${shape[dim]}`, value);
    if (value.length === 0 && isTypedArray(value)) present('data', value);
    for (let i = 0; i < value.length; i++) walk(value[i], dim + 1);
  };
  walk(data, 0);
  return { leaves, kind: rank < 0 ? undefined : order[rank] };
}

function ragged(dim: number, expected: string, got: unknown): TorchClipError {
  const came = isRow(got) ? `an array of ${got.length}` : describe(got);
  return new TorchClipError('ERR_SHAPE', `"data" must have equal lengths: ${expected} at depth ${dim}, got ${came}`);
}

function inferDtype(kind: Kind | undefined): Dtype {
  switch (kind) {
    case 'boolean':
      return dtypes.bool;
    case 'bigint':
      return dtypes.int64;
    case 'complex':
      return getDefaultDtype() === dtypes.float64 ? dtypes.complex128 : dtypes.complex64;
    default:
      return getDefaultDtype();
  }
}

function bigints(leaves: Leaf[], dtype: Dtype): BigInt64Array | BigUint64Array {
  const unsigned = dtype === dtypes.uint64;
  const memory = unsigned ? new BigUint64Array(leaves.length) : new BigInt64Array(leaves.length);
  for (const [i, leaf] of leaves.entries()) {
    const value = BigInt(leaf as bigint | boolean);
    memory[i] = value;
    // Only a bool is made of what is larger: of whether it is 0.
    if (memory[i] !== value) memory[i] = 1n;
  }
  return memory;
}

/**
 * What fits an integer dtype, as in PyTorch: of an unsigned one also the negative integers down to the largest, which wrap.
 * A fraction is cut off, but must lie within the range itself.
 */
function checkRange(leaves: readonly Leaf[], dtype: Dtype): void {
  const unsigned = dtype.name.startsWith('uint');
  const bits = 8 * dtype.itemsize;
  const top = 2 ** (unsigned ? bits : bits - 1);
  const fits = (value: Leaf) => {
    if (typeof value === 'boolean' || typeof value === 'object') return true;
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
      return value >= (unsigned ? 0 : -top) && (bits === 64 ? value < top : value <= top - 1);
    }
    const wraps = unsigned && bits < 64;
    return value < top && value >= (wraps ? 1 - top : unsigned ? 0 : -top);
  };
  const wrong = leaves.find((leaf) => !fits(leaf));
  if (wrong !== undefined) throw invalidArgument('data', `numbers that fit ${dtype}`, wrong);
}

const isInteger = (dtype: Dtype) => !dtype.isFloatingPoint && !dtype.isComplex && dtype !== dtypes.bool;

/** Leaves in memory that converts to the dtype without a loss that the dtype itself does not ask for. */
function memoryFor(leaves: Leaf[], kind: Kind | undefined, dtype: Dtype) {
  if (kind === 'complex') {
    if (!dtype.isComplex) {
      throw new TorchClipError('ERR_DTYPE', `"dtype" must be complex, as the data is, got ${dtype}`);
    }
    const real = (v: Leaf) => (typeof v === 'object' ? [v.re, v.im] : [Number(v), 0]);
    return Float64Array.from(leaves.flatMap(real));
  }
  if (isInteger(dtype)) checkRange(leaves, dtype);
  if (kind === 'bigint' && !dtype.isFloatingPoint && !dtype.isComplex) return bigints(leaves, dtype);
  if (dtype === dtypes.float32) return Float32Array.from(leaves, Number);
  return Float64Array.from(leaves, Number);
}

const readTensor = optionsOf('tensor()', tensorTable);

/**
 * A tensor with a copy of the data.
 *
 * Numbers give the default dtype (float32), bigints int64, booleans bool, `{ re, im }` complex64; a typed array keeps its own
 * dtype, and so does a tensor, whose copy is detached from its graph. Numbers must fit an integer `dtype`; elements of a typed array are converted, and wrap.
 *
 * @param options.shape for a typed array: its shape, of as many elements.
 * @throws {TorchClipError} `ERR_SHAPE` for rows of unequal lengths, `ERR_ARGUMENT` for what is not a number or does not fit
 * an integer dtype.
 * @example
 * torch.tensor([[1, 2], [3, 4]]);
 * torch.tensor([1n, 2n]).dtype;                                    // torch.int64
 * torch.tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
 */
export function tensor(data: TensorData, options: TensorOptions & { shape?: readonly number[] } = {}): Tensor {
  const read = readTensor(options);
  if (isTypedArray(data)) return copyOf(data, read);
  if (read.shape !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', '"shape" can only be given where the data is a typed array');
  }
  if (isTensor(data)) {
    const copy = data
      .detach()
      .to({ dtype: read.dtype ?? data.dtype, device: read.device ?? deviceToName() ?? data.device, copy: true });
    checkGrad(read, copy.dtype);
    if (read.requiresGrad) copy.requiresGrad = true;
    return copy;
  }
  const shape = shapeOf(data);
  const { leaves, kind } = flatten(data, shape);
  const dtype = read.dtype ?? inferDtype(kind);
  checkGrad(read, dtype);
  const memory = memoryFor(leaves, kind, dtype);
  return finished(wrap(native.fromTyped(memory, shape, dtype.code, kind === 'complex')), read);
}
