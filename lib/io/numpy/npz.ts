import { constants } from 'node:buffer';
import { crc32, inflateRawSync } from 'node:zlib';
import { flag } from '../../check.js';
import { fromTypedArray } from '../../creation/from-typed-array.js';
import type { DeviceLike } from '../../device.js';
import { uint8 } from '../../dtype.js';
import { describe, invalidArgument } from '../../errors.js';
import { device as deviceKind } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Bad, badFile } from '../bad.js';
import { crcOf, deviceOf, moved, onHost, readTensor, writeTensor } from '../bytes.js';
import { type OpenFile, type PathLike, pathOf, readAll, readingFile, replaceFile, writeAll } from '../file.js';
import { entriesOf, isMap, isPlain, setOwn } from '../plain.js';
import { archiveOf, type RecordToWrite, readArchive, type StoredRecord } from '../zip.js';
import { arrayOf } from './array.js';
import { headOf, readHead } from './header.js';
import { describedBy } from './npy.js';

/** Options of {@link loadNpz}. */
export interface LoadNpzOptions {
  /** Where the tensors are put; default: `'cpu'`. */
  device?: DeviceLike;
}

const readOptions = optionsOf('io.loadNpz()', { device: [deviceKind, 'cpu'] });
const ending = '.npy';
/** What deflate can make of a byte at most. */
const expansion = 1032;

/**
 * Reads the arrays that NumPy's `savez` or `savez_compressed` has written.
 *
 * @returns the tensors by name, in an object without a prototype.
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read, is damaged or holds anything but numbers.
 *
 * @example
 * const { x, y } = torch.io.loadNpz('mnist.npz');
 */
export function loadNpz(path: PathLike, options: LoadNpzOptions = {}): Record<string, Tensor> {
  const device = deviceOf('device', readOptions(options).device);
  return readingFile(pathOf(path), (file) => {
    const bad = badFile(file.path);
    const tensors = Object.create(null) as Record<string, Tensor>;
    for (const [name, record] of readArchive(file, bad)) {
      const badRecord: Bad = (what) => bad(`its record ${describe(name)} is not a proper array: ${what}`);
      if (!name.endsWith(ending)) throw badRecord(`its name does not end in ${ending}`);
      setOwn(tensors, name.slice(0, -ending.length), moved(read(file, record, badRecord), device));
    }
    return tensors;
  });
}

function read(file: OpenFile, record: StoredRecord, bad: Bad): Tensor {
  const damaged = () => bad('the checksum does not match');
  if (record.method === 8) {
    const content = inflated(file, record, bad);
    if (crc32(content) !== record.crc) throw damaged();
    const head = readHead((at, length) => content.subarray(at, at + length), content.length, bad);
    return arrayOf(fromTypedArray(content.subarray(head.length, head.length + head.bytes)), head);
  }
  if (record.method !== 0) throw bad(`it is compressed by method ${record.method}`);
  const { position, size, crc } = record;
  const head = readHead((at, length) => readAll(file, position + at, length), size, bad);
  // What follows the elements, which NumPy never writes, would not be checked.
  if (head.length + head.bytes !== size) throw bad(`it has ${size - head.length - head.bytes} bytes left over`);
  const bytes = readTensor(file, position + head.length, [head.bytes], uint8);
  if (crcOf(bytes, crc32(readAll(file, position, head.length))) !== crc) throw damaged();
  return arrayOf(bytes, head);
}

/** A compressed record's bytes: as many as the archive says, or none at all. */
function inflated(file: OpenFile, { position, size, unpacked }: StoredRecord, bad: Bad): Buffer {
  if (unpacked > size * expansion) throw bad(`${size} bytes cannot be ${unpacked}`);
  if (unpacked > constants.MAX_LENGTH) throw bad(`its ${unpacked} bytes are more than this Node.js can unpack at once`);
  let content: Buffer;
  try {
    content = inflateRawSync(readAll(file, position, size), { maxOutputLength: Math.max(unpacked, 1) });
  } catch {
    throw bad('its compressed bytes are damaged');
  }
  if (content.length !== unpacked) throw bad(`it has ${content.length} bytes and should have ${unpacked}`);
  return content;
}

/** Options of {@link saveNpz}. */
export interface SaveNpzOptions {
  /** Writes what NumPy's `savez_compressed` does: smaller where values repeat, and slower. Default false. */
  compressed?: boolean;
}

const readSaveOptions = optionsOf('io.saveNpz()', { compressed: [flag, false] });

/**
 * Writes tensors by name as NumPy's `savez` or `savez_compressed` does.
 *
 * @param tensors by name (an object or a Map), on any device, of a dtype that NumPy has.
 * @param path is replaced only when the whole file has been written.
 * @throws {TorchClipError} `ERR_DTYPE` for a dtype that NumPy does not have; `ERR_FILE` when the file cannot be written.
 *
 * @example
 * torch.io.saveNpz({ x: torch.randn([10, 3]), y: torch.arange(10) }, 'data.npz');
 */
export function saveNpz(
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  path: PathLike,
  options: SaveNpzOptions = {},
): void {
  const { compressed } = readSaveOptions(options);
  if (typeof tensors !== 'object' || tensors === null || !(isMap(tensors) || isPlain(tensors))) {
    throw invalidArgument('tensors', 'an object or a Map of Tensors', tensors);
  }
  const records: RecordToWrite[] = [];
  for (const [name, tensor] of entriesOf(tensors)) {
    if (typeof name !== 'string' || /\p{Surrogate}/u.test(name) || Buffer.byteLength(name) > 60_000) {
      throw invalidArgument('tensors', 'named by well-formed strings of at most 60000 bytes', name);
    }
    const what = `tensors[${describe(name)}]`;
    if (!isTensor(tensor)) throw invalidArgument(what, 'a Tensor', tensor);
    const head = headOf(describedBy(what, tensor), tensor.shape);
    records.push({ name: `${name}${ending}`, head, data: () => onHost(tensor), compressed });
  }
  replaceFile(pathOf(path), (fd) => {
    for (const part of archiveOf(records)) {
      if (isTensor(part)) writeTensor(fd, part);
      else writeAll(fd, part);
    }
  });
}
