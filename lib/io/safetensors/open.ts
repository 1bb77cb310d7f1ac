import { closeSync } from 'node:fs';
import type { DeviceLike } from '../../device.js';
import type { Dtype } from '../../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { device as deviceKind } from '../../kinds.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { deviceOf, mapFile } from '../bytes.js';
import { fileError, openFile, type PathLike, pathOf } from '../file.js';
import { setOwn } from '../plain.js';
import { type Entry, type Header, readHeader } from './header.js';
import { heldTwice, shardsOf, sharedNames } from './load.js';

/** An entry with the mapped file that it is in. */
type Mapped = Entry & { file: Tensor };

interface Shard {
  path: string;
  header: Header;
  bytes: Tensor;
}

const readPlace = optionsOf('a SafetensorsFile', { device: [deviceKind, 'cpu'] });

/**
 * A safetensors file, or all files of an index, of which only the headers have been read: the tensors are parts of the mapped file, whose pages come into
 * memory when they are looked at.
 *
 * Writing to such a tensor changes memory only, never the file. A file that another program makes shorter while it is mapped
 * ends the process (SIGBUS) where the missing part is read; replacing it, as {@link saveSafetensors} does, is harmless.
 *
 * @example
 * using file = torch.io.openSafetensors('model.safetensors');
 * const weight = file.get('weight');
 */
export class SafetensorsFile {
  /** The file's free text. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #entries = new Map<string, Mapped>();
  #files: Tensor[] | undefined = [];

  /** @internal */
  constructor(shards: readonly Shard[]) {
    // No prototype, as a header's.
    const texts = Object.create(null) as Record<string, string>;
    for (const { header, bytes, path } of shards) {
      const { metadata, entries } = header;
      for (const [key, text] of Object.entries(metadata)) setOwn(texts, key, text);
      for (const [name, entry] of entries) {
        if (this.#entries.has(name)) throw heldTwice(path, name);
        this.#entries.set(name, { ...entry, file: bytes });
      }
      for (const [name, first] of sharedNames(metadata, entries)) this.#entries.set(name, this.#entries.get(first)!);
      this.#files!.push(bytes);
    }
    this.metadata = Object.freeze(texts);
  }

  /** @internal */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The tensors' names, in the order of the header. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** The sizes of a tensor. */
  shape(name: string): number[] {
    return [...this.#entry(name).shape];
  }

  /** The element type of a tensor. */
  dtype(name: string): Dtype {
    return this.#entry(name).dtype;
  }

  /**
   * A tensor of the file, without a copy on the CPU.
   *
   * @throws {TorchClipError} `ERR_INDEX` for a name that the file does not have, `ERR_STATE` after {@link close}.
   */
  get(name: string, options: { device?: DeviceLike } = {}): Tensor {
    const { dtype, shape, position, bytes, file } = this.#entry(name);
    const device = deviceOf('device', readPlace(options).device);
    if (this.#files === undefined) throw new TorchClipError('ERR_STATE', 'the safetensors file is closed');
    if (bytes === 0) return empty(shape, { dtype, device });
    const part = file.narrow(0, position, bytes);
    // A view as wider elements must begin at a multiple of them.
    const aligned = position % dtype.itemsize === 0 ? part : part.clone();
    return aligned.view(dtype).view(shape).to({ device });
  }

  /**
   * Rows `start` to `end` (without it) of a tensor: what {@link get} gives, narrowed in dimension 0.
   *
   * @example
   * const rows = file.slice('embedding.weight', 1000, 1100);
   */
  slice(name: string, start: number, end: number, options: { device?: DeviceLike } = {}): Tensor {
    const [rows] = this.#entry(name).shape;
    if (rows === undefined) throw invalidArgument('name', 'that of a tensor with dimensions', name, 'ERR_SHAPE');
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > rows) {
      throw invalidArgument('start, end', `integers with 0 <= start <= end <= ${rows}`, [start, end], 'ERR_INDEX');
    }
    const device = deviceOf('device', readPlace(options).device);
    return this.get(name)
      .narrow(0, start, end - start)
      .to({ device });
  }

  /** Lets go of the file; tensors that came from it keep what they show. */
  close(): void {
    for (const file of this.#files ?? []) file.dispose();
    this.#files = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(name: string): Mapped {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new TorchClipError('ERR_INDEX', `the file holds no tensor ${describe(name)}`);
    return entry;
  }
}

/**
 * Opens a safetensors file, or all files of an index (`model.safetensors.index.json`), and reads the headers: names, shapes and metadata
 * at once, tensors when they are looked at.
 *
 * @throws {TorchClipError} `ERR_FILE` when a file cannot be read or is not a proper safetensors file.
 *
 * @example
 * const file = torch.io.openSafetensors('model.safetensors');
 * for (const name of file.names) console.log(name, file.shape(name));
 * const first = file.slice('embedding.weight', 0, 10);
 */
export function openSafetensors(path: PathLike): SafetensorsFile {
  const { files, check } = shardsOf(pathOf(path));
  const opened = new SafetensorsFile(files.map(openShard));
  check((name) => opened.has(name));
  return opened;
}

function openShard(path: string): Shard {
  try {
    const file = openFile(path);
    try {
      return { path, header: readHeader(file), bytes: mapFile(file) };
    } finally {
      closeSync(file.fd);
    }
  } catch (error) {
    throw fileError(path, 'read', error);
  }
}
