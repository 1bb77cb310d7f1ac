import { native } from '../binding/index.js';
import { arrayOf, flag, integer, orNull } from '../check.js';
import { deviceToName } from '../default-device.js';
import { type DeviceLike, parseDevice } from '../device.js';
import type { Dtype } from '../dtype.js';
import * as dtypes from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { device as deviceKind, dtype as dtypeKind } from '../kinds.js';
import { present } from '../memory.js';
import type { Table, Values } from '../options.js';
import { type Handle, type Tensor, wrap } from '../tensor.js';

declare module '../binding/index.js' {
  interface Native {
    /** A CPU tensor with a copy of the data; with `complex`, pairs of elements are real and imaginary parts. */
    fromTyped(data: ArrayBufferView, shape: readonly number[], dtype: number, complex?: boolean): Handle;
  }
}

/** Memory of JavaScript that a tensor can be made of. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Where and of what type a new tensor is. */
export interface TensorOptions {
  /** Default: what the data says. */
  dtype?: Dtype | null;
  /** Default: the default device, which is `'cpu'` unless set. */
  device?: DeviceLike | null;
  /** Whether autograd records what is done with it. Default: false. */
  requiresGrad?: boolean;
}

const dtypeByClass: Readonly<Record<string, Dtype>> = {
  Int8Array: dtypes.int8,
  Uint8Array: dtypes.uint8,
  Uint8ClampedArray: dtypes.uint8,
  Int16Array: dtypes.int16,
  Uint16Array: dtypes.uint16,
  Int32Array: dtypes.int32,
  Uint32Array: dtypes.uint32,
  Float16Array: dtypes.float16,
  Float32Array: dtypes.float32,
  Float64Array: dtypes.float64,
  BigInt64Array: dtypes.int64,
  BigUint64Array: dtypes.uint64,
};

const className = (value: ArrayBufferView) => Object.prototype.toString.call(value).slice(8, -1);

/** Whether a value is a typed array (a Buffer is one, a DataView is not). */
export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && className(value) in dtypeByClass;
}

/** The dtype in which a typed array keeps its elements. */
export const dtypeOfArray = (data: TypedArray): Dtype => dtypeByClass[className(data)]!;

/** The options of `torch.tensor` and `torch.fromTypedArray`. */
export const tensorTable = {
  dtype: [orNull(dtypeKind), null],
  device: [orNull(deviceKind), null],
  requiresGrad: [flag, false],
  shape: [{ ...arrayOf(integer(0)), code: 'ERR_SHAPE' }, undefined],
} as const satisfies Table;
/** {@link TensorOptions} and a shape, checked. */
export type ReadOptions = Values<typeof tensorTable>;

/** Only numbers that can change by a little have gradients. */
export function checkGrad(options: Pick<ReadOptions, 'requiresGrad'>, dtype: Dtype): void {
  if (options.requiresGrad && !dtype.isFloatingPoint && !dtype.isComplex) {
    throw new TorchClipError('ERR_DTYPE', `"requiresGrad" needs a floating-point or complex dtype, got ${dtype}`);
  }
}

/** Moves a new tensor to its device and marks it as asked. */
export function finished(made: Tensor, { device, requiresGrad }: ReadOptions): Tensor {
  const target = device == null ? deviceToName() : parseDevice(device);
  const moved = target === undefined || target.type === 'cpu' ? made : made.to({ device: target });
  if (requiresGrad) moved.requiresGrad = true;
  return moved;
}

/** The shape has as many elements as the data. */
export function checkShape(shape: readonly number[], length: number): void {
  const numel = shape.reduce((product: number, n) => product * n, 1);
  if (numel !== length) {
    throw invalidArgument('shape', `a shape of ${length} elements, as the data has`, shape, 'ERR_SHAPE');
  }
}

/** A tensor with a copy of a typed array's elements. */
export function copyOf(data: TypedArray, options: ReadOptions): Tensor {
  if (!isTypedArray(data)) throw invalidArgument('data', 'a typed array', data);
  present('data', data);
  const shape = options.shape ?? [data.length];
  checkShape(shape, data.length);
  const dtype = options.dtype ?? dtypeOfArray(data);
  const half = dtypeOfArray(data) === dtypes.float16;
  const memory = half ? Float32Array.from(data as unknown as ArrayLike<number>) : data;
  checkGrad(options, dtype);
  return finished(wrap(native.fromTyped(memory, shape, dtype.code)), options);
}
