import { native } from '../binding/index.js';
import { type DeviceLike, parseDevice } from '../device.js';
import * as dtypes from '../dtype.js';
import { Dtype } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
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
  /** Default: `'cpu'`. */
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

export function checkOptions(options: TensorOptions): void {
  const { dtype, device, requiresGrad } = options;
  if (dtype != null && !(dtype instanceof Dtype))
    throw invalidArgument('dtype', 'a dtype such as torch.float32', dtype);
  if (device != null && parseDevice(device) === undefined) {
    throw invalidArgument('device', "a device such as 'cpu' or 'cuda:0'", device, 'ERR_DEVICE');
  }
  if (requiresGrad !== undefined && typeof requiresGrad !== 'boolean') {
    throw invalidArgument('requiresGrad', 'a boolean', requiresGrad);
  }
}

/** Only numbers that can change by a little have gradients. */
export function checkGrad(options: TensorOptions, dtype: Dtype): void {
  if (options.requiresGrad && !dtype.isFloatingPoint && !dtype.isComplex) {
    throw new TorchClipError('ERR_DTYPE', `"requiresGrad" needs a floating-point or complex dtype, got ${dtype}`);
  }
}

/** Moves a new tensor to its device and marks it as asked. */
export function place(made: Tensor, { device, requiresGrad }: TensorOptions): Tensor {
  const target = device == null ? undefined : parseDevice(device);
  const placed = target === undefined || target.type === 'cpu' ? made : made.to({ device: target });
  if (requiresGrad) placed.requiresGrad = true;
  return placed;
}

function checkShape(shape: readonly number[], length: number): void {
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw invalidArgument('shape', 'an array of integers >= 0', shape, 'ERR_SHAPE');
  }
  const numel = shape.reduce((product: number, n) => product * n, 1);
  if (numel !== length) {
    throw invalidArgument('shape', `a shape of ${length} elements, which the data has`, shape, 'ERR_SHAPE');
  }
}

/**
 * A tensor with a copy of a typed array's elements, in its dtype unless `dtype` says otherwise.
 *
 * @param options.shape of as many elements as the array has; default: one dimension.
 * @example
 * torch.fromTypedArray(new Float32Array([1, 2, 3, 4]), { shape: [2, 2] });
 */
export function fromTypedArray(data: TypedArray, options: TensorOptions & { shape?: readonly number[] } = {}): Tensor {
  if (!isTypedArray(data)) throw invalidArgument('data', 'a typed array', data);
  checkOptions(options);
  const shape = options.shape ?? [data.length];
  checkShape(shape, data.length);
  const dtype = options.dtype ?? dtypeOfArray(data);
  const half = dtypeOfArray(data) === dtypes.float16;
  const memory = half ? Float32Array.from(data as unknown as ArrayLike<number>) : data;
  checkGrad(options, dtype);
  return place(wrap(native.fromTyped(memory, shape, dtype.code)), options);
}
