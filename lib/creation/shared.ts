// Tensors over the memory of typed arrays and buffers, without a copy.
import { types } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';
import { native } from '../binding/index.js';
import { check, flag, integer, kind } from '../check.js';
import type { Dtype } from '../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { dtype as dtypeKind } from '../kinds.js';
import { bytesOf, type Memory, present } from '../memory.js';
import { optionsOf } from '../options.js';
import { type Handle, type Tensor, wrap } from '../tensor.js';
import { checkGrad, checkShape, dtypeOfArray, isTypedArray, type ReadOptions, type TypedArray } from './typed-array.js';

declare module '../binding/index.js' {
  interface Native {
    /** A CPU tensor over the bytes of an array, which it keeps alive. */
    borrowMemory(bytes: Uint8Array, shape: readonly number[], dtype: number): Handle;
  }
}

const held = new WeakSet<object>();

/**
 * Sees to it that memory stays where it is: an ArrayBuffer that is transferred (to a worker, by `transfer()`) or resized would leave its
 * tensors with memory of another owner, or none.
 */
function hold(name: string, view: ArrayBufferView): void {
  const buffer = view.buffer as ArrayBufferLike & { readonly resizable?: boolean; readonly growable?: boolean };
  if (held.has(buffer)) return;
  if (buffer.resizable === true || buffer.growable === true) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" must have memory of a fixed size to be shared; copy it instead`,
    );
  }
  if (types.isArrayBuffer(buffer)) {
    markAsUntransferable(buffer);
    for (const method of ['transfer', 'transferToFixedLength']) {
      const value = () => {
        throw new TorchClipError('ERR_STATE', `${method}() cannot take memory that a tensor shares`);
      };
      if (method in buffer) Object.defineProperty(buffer, method, { value, configurable: true });
    }
  }
  held.add(buffer);
}

/** Whether a tensor of the dtype can be made over the array as it is. */
const fits = (data: TypedArray, dtype: Dtype) => dtypeOfArray(data) === dtype;

/** Whether memory can be shared: not where the tensor is to be of another dtype or on another device. */
export function isShareable(data: TypedArray, { dtype, device }: Pick<ReadOptions, 'dtype' | 'device'>): boolean {
  const onCpu = device == null || String(device) === 'cpu';
  const { resizable, growable } = data.buffer as { resizable?: boolean; growable?: boolean };
  return onCpu && resizable !== true && growable !== true && fits(data, dtype ?? dtypeOfArray(data));
}

function borrow(view: ArrayBufferView, shape: readonly number[], dtype: Dtype): Tensor {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return wrap(native.borrowMemory(bytes, shape, dtype.code));
}

/** A tensor over the memory of a typed array; see `copy: false` of `fromTypedArray`. */
export function sharing(data: TypedArray, options: ReadOptions): Tensor {
  if (!isTypedArray(data)) throw invalidArgument('data', 'a typed array', data);
  present('data', data);
  const own = dtypeOfArray(data);
  const dtype = options.dtype ?? own;
  if (!fits(data, dtype)) {
    throw invalidArgument('dtype', `${own}, as the data has, where nothing is copied`, dtype, 'ERR_DTYPE');
  }
  if (options.device != null && String(options.device) !== 'cpu') {
    throw invalidArgument('device', "'cpu' where nothing is copied", String(options.device), 'ERR_DEVICE');
  }
  const shape = options.shape ?? [data.length];
  checkShape(shape, data.length);
  checkGrad(options, dtype);
  hold('data', data);
  const made = borrow(data, shape, dtype);
  return options.requiresGrad ? made.requiresGrad_() : made;
}

/** Options of {@link frombuffer}. */
export interface FromBufferOptions {
  /** What the bytes are. */
  dtype: Dtype;
  /** How many elements to take; -1, the default, for all that fit. */
  count?: number;
  /** At which byte the first one begins; default 0. */
  offset?: number;
  /** Whether autograd records what is done with the tensor. Default: false. */
  requiresGrad?: boolean;
}

const readFromBuffer = optionsOf('frombuffer()', {
  dtype: [dtypeKind],
  count: [integer(-1), -1],
  offset: [integer(0), 0],
  requiresGrad: [flag, false],
});

const bytesKind = kind<Memory>(
  'an ArrayBuffer, a SharedArrayBuffer, a Buffer or a typed array',
  (value) => ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value),
);

/**
 * A tensor of one dimension over the bytes of a buffer, as `torch.frombuffer`: it shares the memory, so that what is written to one is seen in
 * the other, and keeps it alive. An ArrayBuffer that is shared can no longer be transferred.
 *
 * @param options.dtype any but the quantized ones; the first byte must lie at a multiple of its size.
 * @throws {TorchClipError} `ERR_ARGUMENT` for an offset or a count that the buffer does not hold, or a buffer that can be resized.
 *
 * @example
 * const weights = torch.frombuffer(readFileSync('weights.bin'), { dtype: torch.bfloat16 });
 * @see https://pytorch.org/docs/stable/generated/torch.frombuffer.html
 */
export function frombuffer(buffer: Memory, options: FromBufferOptions): Tensor {
  const { dtype, count, offset, requiresGrad } = readFromBuffer(options);
  const bytes = bytesOf('buffer', check('buffer', buffer, bytesKind));
  const size = dtype.itemsize;
  if (size === 0 || dtype.name.startsWith('q')) {
    throw invalidArgument('dtype', 'a dtype of plain numbers', dtype, 'ERR_DTYPE');
  }
  const room = bytes.byteLength - offset;
  if (count === 0 || room <= 0 || Math.max(count, 1) * size > room || (count < 0 && room % size !== 0)) {
    const wanted = count < 0 ? `whole elements of ${size} bytes` : `${count} elements of ${size} bytes`;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"buffer" must hold ${wanted} from byte ${offset} on, got ${describe(buffer)} of ${bytes.byteLength} bytes`,
    );
  }
  checkGrad({ requiresGrad }, dtype);
  const n = count < 0 ? room / size : count;
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + offset, n * size);
  if (view.byteOffset % size !== 0) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"offset" must lead to a multiple of ${size} bytes, where elements of ${dtype} begin, got byte ${view.byteOffset}`,
    );
  }
  hold('buffer', view);
  const made = borrow(view, [n], dtype);
  return requiresGrad ? made.requiresGrad_() : made;
}
