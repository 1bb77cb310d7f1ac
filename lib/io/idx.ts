import { closeSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fromTypedArray } from '../creation/from-typed-array.js';
import type { Dtype } from '../dtype.js';
import * as dtypes from '../dtype.js';
import { empty } from '../ops/generated/functions.js';
import type { Tensor } from '../tensor.js';
import { badFile } from './bad.js';
import { elementsOf } from './bytes.js';
import { fileError, openFile, type PathLike, pathOf, readAll } from './file.js';

const dtypeOf: Readonly<Record<number, Dtype>> = {
  8: dtypes.uint8,
  9: dtypes.int8,
  11: dtypes.int16,
  12: dtypes.int32,
  13: dtypes.float32,
  14: dtypes.float64,
};
/** A file that unpacks to more than this is not a data set of this old format. */
const most = 2 ** 31;

/**
 * Reads an array in the IDX format, in which MNIST and its relatives come: images as `[n, 28, 28]`, labels as `[n]`, both uint8.
 *
 * @param path of the file, as it is or compressed by gzip.
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read or is damaged.
 *
 * @example
 * const images = torch.io.loadIdx('train-images-idx3-ubyte.gz');
 * const labels = torch.io.loadIdx('train-labels-idx1-ubyte.gz');
 * const dataset = new data.TensorDataset(images.unsqueeze(1).div(255), labels.long());
 */
export function loadIdx(path: PathLike): Tensor {
  const target = pathOf(path);
  const bad = badFile(target);
  const bytes = contentOf(target);
  const [zeros, code, dims] = [bytes.length >= 4 ? bytes.readUInt16BE(0) : 1, bytes[2]!, bytes[3]!];
  const dtype = dtypeOf[code];
  if (zeros !== 0 || dtype === undefined || dims > 64) throw bad('it does not begin as an IDX file');
  const start = 4 + 4 * dims;
  if (bytes.length < start) throw bad('it ends within its header');
  const shape = Array.from({ length: dims }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const size = elementsOf(shape) * dtype.itemsize;
  if (size === Number.POSITIVE_INFINITY)
    throw bad(`it says that its elements have the shape [${shape}], larger than a tensor can be`);
  if (size !== bytes.length - start) {
    throw bad(`it says that its elements have ${size} bytes, and has ${bytes.length - start}`);
  }
  if (size === 0) return empty(shape, { dtype });
  const data = Buffer.from(bytes.subarray(start));
  if (dtype.itemsize === 2) data.swap16();
  if (dtype.itemsize === 4) data.swap32();
  if (dtype.itemsize === 8) data.swap64();
  return fromTypedArray(data).view(dtype).view(shape);
}

function contentOf(path: string): Buffer {
  try {
    const file = openFile(path);
    try {
      const bytes = readAll(file, 0, file.size);
      if (!(bytes[0] === 0x1f && bytes[1] === 0x8b)) return bytes;
      return unpacked(bytes, path);
    } finally {
      closeSync(file.fd);
    }
  } catch (error) {
    throw fileError(path, 'read', error);
  }
}

function unpacked(bytes: Buffer, path: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch {
    throw badFile(path)('its compressed bytes are damaged, or unpack to more than 2 GB');
  }
}
