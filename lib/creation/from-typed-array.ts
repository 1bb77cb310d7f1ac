import { flag } from '../check.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { sharing } from './shared.js';
import { copyOf, type TensorOptions, type TypedArray, tensorTable } from './typed-array.js';

/** Options of {@link fromTypedArray}. */
export interface FromTypedArrayOptions extends TensorOptions {
  /** Of as many elements as the array has. Default: one dimension. */
  shape?: readonly number[];
  /** False to share the array's memory; default true. */
  copy?: boolean;
}

const readFromTypedArray = optionsOf('fromTypedArray()', { ...tensorTable, copy: [flag, true] });

/**
 * A tensor of a typed array's elements, in its dtype unless `dtype` says otherwise: a copy, or with `copy: false` one over the same memory,
 * as `torch.from_numpy`.
 *
 * Memory that is shared belongs to both: the tensor keeps the array alive, what is written to one is seen in the other, and autograd does not
 * see what is written to the array. Its ArrayBuffer can no longer be transferred, and worker threads are sent a copy; a SharedArrayBuffer
 * serves as well.
 *
 * @param options.shape of as many elements as the array has; default: one dimension.
 * @param options.copy false to share the memory: on the CPU and in the array's own dtype; default true.
 * @throws {TorchClipError} `ERR_SHAPE` for a shape of another number of elements; with `copy: false` also `ERR_DTYPE` and `ERR_DEVICE` for what
 * would need a copy, and `ERR_ARGUMENT` for memory that can be resized.
 *
 * @example
 * torch.fromTypedArray(new Float32Array([1, 2, 3, 4]), { shape: [2, 2] });
 *
 * const samples = new Float32Array(1024);
 * const view = torch.fromTypedArray(samples, { copy: false });
 * view.fill_(1);
 * samples[0]; // 1
 */
export function fromTypedArray(data: TypedArray, options: FromTypedArrayOptions = {}): Tensor {
  const { copy, ...read } = readFromTypedArray(options);
  return copy ? copyOf(data, { ...read, device: read.device ?? 'cpu' }) : sharing(data, read);
}
