import { basename } from 'node:path';
import { anything, kind } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { onHost, writeTensor } from '../bytes.js';
import { beside, checkNamesFile, type PathLike, pathOf, replaceFile, writeAll } from '../file.js';
import { entriesOf, isMap, isPlain } from '../plain.js';
import { headerLimit, isWellFormed, metadataKey, nameOf } from './header.js';

/** Options of {@link saveSafetensors}. */
export interface SaveSafetensorsOptions {
  /** Free text for the file's header, beside `format: 'pt'`, which other readers ask for. Default: none. */
  metadata?: Record<string, string>;
  /**
   * Bytes of tensors that a file may hold at most; default: all in one file. Of more, `model.safetensors` becomes
   * `model-00001-of-00003.safetensors` and so on, with an index in `model.safetensors.index.json`.
   */
  maxShardSize?: number;
}

interface Item {
  name: string;
  tensor: Tensor;
  stored: string;
  bytes: number;
}

const readOptions = optionsOf('io.saveSafetensors()', {
  metadata: [anything, undefined],
  maxShardSize: [kind<number>('a number of bytes >= 1', (value) => typeof value === 'number' && value >= 1), undefined],
});

/**
 * Writes tensors to a safetensors file, which Python's `safetensors.torch.load_file` reads.
 *
 * A tensor that has two names, as tied weights have, is written once; the metadata says which name stands for it, as that of
 * Python's `save_model` does. Views are written with the values that they show.
 *
 * @param tensors by name (an object or a Map), of any shape, on any device, of a dtype that the format knows.
 * @param path is replaced only when the whole file has been written; symbolic links are followed.
 * @throws {TorchClipError} `ERR_DTYPE` for a tensor that the format cannot hold; `ERR_FILE` when the file cannot be written.
 *
 * @example
 * torch.io.saveSafetensors(model.stateDict(), 'model.safetensors');
 * @see https://huggingface.co/docs/safetensors
 */
export function saveSafetensors(
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  path: PathLike,
  options: SaveSafetensorsOptions = {},
): void {
  const { metadata, maxShardSize } = readOptions(options);
  const target = pathOf(path);
  checkNamesFile(target);
  const { items, shared } = collect(tensors);
  const names = new Set(items.map(({ name }) => name));
  const texts = checkMetadata(metadata, names, shared);
  // The widest elements first, so that every tensor of the file is aligned to its element.
  items.sort((a, b) => b.tensor.itemsize - a.tensor.itemsize);
  const shards = maxShardSize === undefined ? [items] : cut(items, maxShardSize);
  const write = (file: string, shard: Item[]) => {
    const own = new Set(shard.map(({ name }) => name));
    // Each file says of its own tensors which other names they have.
    const all = [...texts, ...[...shared].filter(([, first]) => own.has(first))];
    replaceFile(file, (fd) => writeShard(fd, shard, all));
  };
  if (shards.length > 1) writeShards(shards, target, write);
  else write(target, items);
}

/** What is written, each tensor once, and the other names of those that have several. */
function collect(tensors: unknown): { items: Item[]; shared: Map<string, string> } {
  if (typeof tensors !== 'object' || tensors === null || !(isMap(tensors) || isPlain(tensors))) {
    throw invalidArgument('tensors', 'an object or a Map of Tensors, as stateDict() gives', tensors);
  }
  const items: Item[] = [];
  const shared = new Map<string, string>();
  const seen = new Map<string, string>();
  for (const [name, tensor] of entriesOf(tensors)) {
    if (typeof name !== 'string' || !isWellFormed(name) || name === metadataKey) {
      throw invalidArgument('tensors', `named by well-formed strings other than "${metadataKey}"`, name);
    }
    const what = `tensors[${describe(name)}]`;
    if (!isTensor(tensor)) throw invalidArgument(what, 'a Tensor', tensor);
    const stored = nameOf.get(tensor.dtype);
    if (stored === undefined || tensor.layout.name !== 'strided' || tensor.device.type === 'meta') {
      const got = `${tensor.dtype.name} (${tensor.layout.name}, on ${tensor.device})`;
      throw new TorchClipError(
        'ERR_DTYPE',
        `"${what}" must be a dense tensor of a dtype that safetensors has, got ${got}`,
      );
    }
    const key = identityOf(tensor);
    const first = key === undefined ? undefined : seen.get(key);
    if (first !== undefined) {
      shared.set(name, first);
      continue;
    }
    if (key !== undefined) seen.set(key, name);
    items.push({ name, tensor, stored, bytes: tensor.nbytes });
  }
  return { items, shared };
}

/** The same for tensors that show the same memory in the same way. */
function identityOf(tensor: Tensor): string | undefined {
  if (tensor.nbytes === 0) return undefined;
  const bits = `${tensor.isConj()} ${tensor.isNeg()}`;
  return `${tensor.device} ${tensor.dataPtr()} ${tensor.dtype.code} ${tensor.shape} ${tensor.stride()} ${bits}`;
}

function checkMetadata(
  metadata: unknown,
  names: ReadonlySet<string>,
  shared: Map<string, string>,
): Map<string, string> {
  const texts = new Map([['format', 'pt']]);
  if (metadata === undefined) return texts;
  if (!isPlain(metadata)) throw invalidArgument('metadata', 'an object of strings', metadata);
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || !isWellFormed(value) || !isWellFormed(key)) {
      throw invalidArgument(`metadata[${describe(key)}]`, 'a well-formed string', value);
    }
    if (shared.has(key) || (names.has(value) && !names.has(key) && key !== 'format')) {
      throw invalidArgument(
        `metadata[${describe(key)}]`,
        'other than the name of a tensor, which would mark it as shared',
        value,
      );
    }
    texts.set(key, value);
  }
  return texts;
}

/** JSON whose keys may be any name: an object of JavaScript would put "10" before "2" and take "__proto__" for its own. */
const json = (entries: Iterable<readonly [string, string]>): string =>
  `{${[...entries].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;

function writeShard(fd: number, items: readonly Item[], metadata: readonly (readonly [string, string])[]): void {
  let at = 0;
  const header: [string, string][] = [
    [metadataKey, json(metadata.map(([key, value]) => [key, JSON.stringify(value)]))],
  ];
  for (const { name, tensor, stored, bytes } of items) {
    header.push([name, JSON.stringify({ dtype: stored, shape: tensor.shape, data_offsets: [at, at + bytes] })]);
    at += bytes;
  }
  const text = Buffer.from(json(header));
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  if (padded.length - 8 > headerLimit) {
    throw invalidArgument('tensors', `named so that the header has at most ${headerLimit} bytes`, padded.length - 8);
  }
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  writeAll(fd, padded);
  for (const { tensor } of items) writeTensor(fd, onHost(tensor));
}

/** In order, each shard as full as it may be; a tensor that is larger alone has one of its own. */
function cut(items: readonly Item[], limit: number): Item[][] {
  const shards: Item[][] = [[]];
  let size = 0;
  for (const item of items) {
    if (size > 0 && size + item.bytes > limit) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(item);
    size += item.bytes;
  }
  return shards;
}

function writeShards(shards: readonly Item[][], path: string, write: (file: string, shard: Item[]) => void): void {
  const stem = basename(path).replace(/\.safetensors$/, '');
  const number = (n: number) => String(n).padStart(5, '0');
  const weights: [string, string][] = [];
  for (const [i, items] of shards.entries()) {
    const file = `${stem}-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    write(beside(path, file), items);
    for (const { name } of items) weights.push([name, JSON.stringify(file)]);
  }
  const total = shards.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const index = json([
    ['metadata', JSON.stringify({ total_size: total })],
    ['weight_map', json(weights)],
  ]);
  replaceFile(beside(path, `${stem}.safetensors.index.json`), (fd) => writeAll(fd, Buffer.from(`${index}\n`)));
}
