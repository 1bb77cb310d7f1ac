// Tensors that lie in several files of a folder, whole or in parts, with an index that says where.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TorchClipError } from '../errors.js';
import { emptyStrided } from '../ops/generated/functions.js';
import type { Tensor } from '../tensor.js';
import { readAll, readingFile, replaceFile, shown, writeAll } from './file.js';
import { isPlain } from './plain.js';
import { openSafetensors, type SafetensorsFile } from './safetensors/open.js';

/**
 * A part of a tensor's elements, in the order of their memory.
 *
 * @example
 * const { state } = optimizer.shardedStateDict(); // its tensors are the parts that this rank has
 */
export class TensorPart {
  constructor(
    /** The elements of this part, flat. */
    readonly tensor: Tensor,
    /** The whole tensor's. */
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** The position of the first of them among all. */
    readonly begin: number,
  ) {}
}

/** The files that hold a tensor's elements. */
export interface Parted {
  shape: readonly number[];
  strides: readonly number[];
  /** Files, and the first element that each holds. */
  parts: readonly (readonly [file: number, begin: number, length: number])[];
}

/** The index of a folder: what each tensor is made of; one that is not named is whole in one of the files. */
export interface Index {
  files: number;
  parts: Readonly<Record<string, Parted>>;
}

const indexFile = 'tensors.index.json';

/** The file of a rank. */
export const partFile = (rank: number, size: number): string => {
  const digits = (n: number) => String(n).padStart(5, '0');
  return `tensors-${digits(rank + 1)}-of-${digits(size)}.safetensors`;
};

/** @internal */
export function writeIndex(folder: string, index: Index): void {
  replaceFile(join(folder, indexFile), (fd) => writeAll(fd, Buffer.from(`${JSON.stringify(index)}\n`)));
}

/** @internal Whether a folder's tensors lie in several files. */
export const hasIndex = (folder: string): boolean => existsSync(join(folder, indexFile));

/** @internal The tensors of a folder with an index. */
export function loadParts(folder: string, device: string): Record<string, Tensor> {
  const path = join(folder, indexFile);
  const bad = (what: string) => new TorchClipError('ERR_FILE', `${shown(path)} cannot be loaded: ${what}`);
  const { files, parts } = readIndex(path, bad);
  const opened: SafetensorsFile[] = [];
  try {
    for (let rank = 0; rank < files; rank++) opened.push(openSafetensors(join(folder, partFile(rank, files))));
    const tensors = Object.create(null) as Record<string, Tensor>;
    for (const file of opened) {
      for (const name of file.names) {
        if (Object.hasOwn(parts, name)) continue;
        if (name in tensors) throw bad(`two files hold the tensor ${JSON.stringify(name)}`);
        tensors[name] = file
          .get(name)
          .clone()
          .to({ device: device as 'cpu' });
      }
    }
    for (const [name, parted] of Object.entries(parts)) {
      tensors[name] = joined(name, parted, opened, bad).to({ device: device as 'cpu' });
    }
    return tensors;
  } finally {
    for (const file of opened) file.close();
  }
}

type Bad = (what: string) => TorchClipError;

function joined(name: string, { shape, strides, parts }: Parted, files: readonly SafetensorsFile[], bad: Bad): Tensor {
  const holds = (file: number) => files[file]?.names.includes(name);
  const first = parts.find(([file]) => holds(file));
  if (first === undefined) throw bad(`no file holds the tensor ${JSON.stringify(name)}`);
  const dtype = files[first[0]]!.dtype(name);
  const whole = emptyStrided([...shape], [...strides], { dtype });
  const flat = whole.asStrided([whole.numel()], [1]);
  let end = 0;
  for (const [file, begin, length] of parts) {
    const fits = begin === end && begin + length <= flat.numel() && holds(file);
    const part = fits ? files[file]!.get(name) : undefined;
    if (part === undefined || part.numel() !== length || part.dtype !== dtype) {
      throw bad(`the parts of the tensor ${JSON.stringify(name)} do not fit together`);
    }
    flat.narrow(0, begin, length).copy_(part);
    end = begin + length;
  }
  if (end !== flat.numel()) throw bad(`the tensor ${JSON.stringify(name)} is not whole`);
  return whole;
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
const areCounts = (list: unknown): list is number[] => Array.isArray(list) && list.length <= 64 && list.every(isCount);

function readIndex(path: string, bad: Bad): Index {
  return readingFile(path, (file) => {
    let index: unknown;
    try {
      index = JSON.parse(readAll(file, 0, file.size).toString('utf8'));
    } catch {
      throw bad('it is not JSON');
    }
    const { files, parts } = (isPlain(index) ? index : {}) as Partial<Index>;
    if (!isCount(files) || files > 99_999 || !isPlain(parts)) throw bad('it is not an index of tensors');
    for (const [name, parted] of Object.entries(parts)) {
      const { shape, strides, parts: list } = (isPlain(parted) ? parted : {}) as Partial<Parted>;
      const proper =
        areCounts(shape) &&
        areCounts(strides) &&
        isDense(shape, strides) &&
        Array.isArray(list) &&
        list.every((part) => areCounts(part) && part.length === 3);
      if (!proper) throw bad(`the tensor ${JSON.stringify(name)} has no proper parts`);
    }
    return index as Index;
  });
}

/** Whether the elements lie one after the other in some order of the dimensions. */
function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.length !== strides.length || shape.includes(0)) return false;
  const order = shape
    .map((size, d) => ({ size, stride: strides[d]! }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => a.stride - b.stride);
  let next = 1;
  for (const { size, stride } of order) {
    if (stride !== next) return false;
    next *= size;
  }
  return Number.isSafeInteger(next);
}
