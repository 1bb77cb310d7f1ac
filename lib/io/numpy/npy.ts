import { check, flag } from '../../check.js';
import type { DeviceLike } from '../../device.js';
import { uint8 } from '../../dtype.js';
import { TorchClipError } from '../../errors.js';
import { device as deviceKind, tensor as tensorKind } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { badFile } from '../bad.js';
import { deviceOf, mapFile, moved, onHost, readTensor, writeTensor } from '../bytes.js';
import { type PathLike, pathOf, readAll, readingFile, replaceFile, writeAll } from '../file.js';
import { arrayOf } from './array.js';
import { descrOf, headOf, readHead } from './header.js';

/** Options of {@link loadNpy}. */
export interface LoadNpyOptions {
  /** Where the tensor is put; default: `'cpu'`. */
  device?: DeviceLike;
  /** Maps the file instead of reading it: the elements come into memory when they are looked at. Default false. */
  mmap?: boolean;
}

const readOptions = optionsOf('io.loadNpy()', { device: [deviceKind, 'cpu'], mmap: [flag, false] });

/**
 * Reads an array that NumPy's `save` has written: numbers, complex numbers and booleans of either byte order.
 *
 * An array in Fortran's order becomes a tensor with such strides. Pickled objects, strings, dates and records are refused.
 *
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read, is damaged or holds no numbers.
 *
 * @example
 * const features = torch.io.loadNpy('features.npy');
 */
export function loadNpy(path: PathLike, options: LoadNpyOptions = {}): Tensor {
  const { device, mmap } = readOptions(options);
  const target = deviceOf('device', device);
  return readingFile(pathOf(path), (file) => {
    const head = readHead((position, length) => readAll(file, position, length), file.size, badFile(file.path));
    const { bytes, length } = head;
    const row = mmap && bytes > 0 ? mapFile(file).narrow(0, length, bytes) : readTensor(file, length, [bytes], uint8);
    return moved(arrayOf(row, head), target);
  });
}

/** NumPy's description of a tensor's elements, or the error for those that it cannot have. */
export function describedBy(name: string, tensor: Tensor): string {
  const descr = descrOf(tensor.dtype);
  if (descr !== undefined && tensor.layout.name === 'strided' && tensor.device.type !== 'meta') return descr;
  const got = `${tensor.dtype.name} (${tensor.layout.name}, on ${tensor.device})`;
  throw new TorchClipError('ERR_DTYPE', `"${name}" must be a dense tensor of a dtype that NumPy has, got ${got}`);
}

/**
 * Writes a tensor as NumPy's `save` does.
 *
 * @param tensor of any shape, on any device; bfloat16 and the float8 dtypes are not among NumPy's.
 * @param path is replaced only when the whole file has been written.
 * @throws {TorchClipError} `ERR_DTYPE` for a dtype that NumPy does not have; `ERR_FILE` when the file cannot be written.
 *
 * @example
 * torch.io.saveNpy(torch.randn([3, 4]), 'features.npy'); // numpy.load('features.npy') in Python
 */
export function saveNpy(tensor: Tensor, path: PathLike): void {
  check('tensor', tensor, tensorKind);
  const head = headOf(describedBy('tensor', tensor), tensor.shape);
  replaceFile(pathOf(path), (fd) => {
    writeAll(fd, head);
    writeTensor(fd, onHost(tensor));
  });
}
