import { closeSync } from 'node:fs';
import type { DeviceLike } from '../../device.js';
import { describe, TorchClipError } from '../../errors.js';
import { device as deviceKind } from '../../kinds.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { type Bad, badFile } from '../bad.js';
import { deviceOf, elementsOf, mapFile } from '../bytes.js';
import { fileError, type OpenFile, openFile, type PathLike, pathOf, readAll } from '../file.js';
import { setOwn } from '../plain.js';
import { dequantized, quantized } from './dequantize.js';
import { type GgufType, types } from './types.js';

/** A value of a GGUF file's metadata. */
export type GgufValue = string | number | bigint | boolean | GgufValue[];

interface Entry {
  type: GgufType;
  shape: number[];
  position: number;
  bytes: number;
}

const readPlace = optionsOf('a GgufFile', { device: [deviceKind, 'cpu'] });
/** How much the parser asks for at a time; where the file ends within a part, zeros follow. */
const part = 2_000_000;

/**
 * A GGUF file of which only the header has been read: the tensors are parts of the mapped file, whose pages come into memory when
 * they are looked at.
 *
 * @example
 * const file = await torch.io.openGguf('model.gguf');
 * const weight = file.get(file.names[0]!);
 */
export class GgufFile {
  /** What the file says of the model, by key: `general.architecture`, `tokenizer.ggml.tokens`, ... */
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly #entries: ReadonlyMap<string, Entry>;
  #bytes: Tensor | undefined;

  /** @internal */
  constructor(metadata: Record<string, GgufValue>, entries: ReadonlyMap<string, Entry>, bytes: Tensor) {
    this.metadata = Object.freeze(metadata);
    this.#entries = entries;
    this.#bytes = bytes;
  }

  /** The tensors' names, in the order of the file. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** The sizes of a tensor in PyTorch's order, the last of which is the one whose elements are neighbours. */
  shape(name: string): number[] {
    return [...this.#entry(name).shape];
  }

  /** How a tensor's elements are kept: `'F32'`, `'Q4_K'`, ... */
  type(name: string): string {
    return this.#entry(name).type.name;
  }

  /**
   * A tensor of the file: without a copy where it is not quantized, else as float32.
   *
   * Every type that files are made of is known. Q8_1 and Q8_K, which llama.cpp has for what it computes with, are not: their {@link blocks} are.
   *
   * @throws {TorchClipError} `ERR_INDEX` for a name that the file does not have, `ERR_DTYPE` for a tensor in Q8_1 or Q8_K, `ERR_STATE` after
   * {@link close}.
   */
  get(name: string, options: { device?: DeviceLike } = {}): Tensor {
    const { type, shape } = this.#entry(name);
    const device = deviceOf('device', readPlace(options).device);
    if (type.dtype === undefined && !quantized.includes(type.name)) {
      throw new TorchClipError(
        'ERR_DTYPE',
        `the tensor ${describe(name)} is of the type ${type.name}, which is not for files; blocks() gives its bytes`,
      );
    }
    const { dtype } = type;
    if (dtype !== undefined) return this.#part(name).view(dtype).view(shape).to({ device });
    return scope(() => dequantized(this.blocks(name), type.name).view(shape).to({ device }));
  }

  /** The bytes of a tensor as they are in the file: one row per block. */
  blocks(name: string): Tensor {
    return this.#part(name).view([-1, this.#entry(name).type.bytes]);
  }

  /** Lets go of the file; tensors that came from it keep what they show. */
  close(): void {
    this.#bytes?.dispose();
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new TorchClipError('ERR_INDEX', `the file holds no tensor ${describe(name)}`);
    return entry;
  }

  #part(name: string): Tensor {
    const { position, bytes, type } = this.#entry(name);
    if (this.#bytes === undefined) throw new TorchClipError('ERR_STATE', 'the GGUF file is closed');
    const row = this.#bytes.narrow(0, position, bytes);
    return position % (type.dtype?.itemsize ?? 1) === 0 ? row : row.clone();
  }
}

/**
 * Opens a GGUF file, as llama.cpp uses it, and reads its header: metadata, names and shapes at once, tensors when they are looked at.
 *
 * Needs the package `@huggingface/gguf`.
 *
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read or is not a proper GGUF file; `ERR_PACKAGE_NOT_FOUND`.
 *
 * @example
 * using file = await torch.io.openGguf('model.gguf');
 * const weights = file.get('blk.0.attn_q.weight'); // float32
 */
export async function openGguf(path: PathLike): Promise<GgufFile> {
  const target = pathOf(path);
  const { gguf } = await peer('@huggingface/gguf', 'io.openGguf()', () => import('@huggingface/gguf'));
  let file: OpenFile | undefined;
  try {
    file = openFile(target);
    return await read(file, gguf, badFile(target));
  } catch (error) {
    throw fileError(target, 'read', error);
  } finally {
    if (file !== undefined) closeSync(file.fd);
  }
}

type Parser = typeof import('@huggingface/gguf').gguf;
type Parsed = Awaited<ReturnType<Parser>>;

async function read(file: OpenFile, gguf: Parser, bad: Bad): Promise<GgufFile> {
  let parsed: Parsed;
  try {
    // The parser asks for parts as of a web server; the file that is open here answers.
    parsed = await gguf('http://localhost/', { fetch: async (_, init) => answer(file, init, bad) });
  } catch (error) {
    if (error instanceof TorchClipError) throw error;
    const { message } = error as Error;
    throw bad(`it is not a proper GGUF file: ${message.replace(/^not a valid gguf file: /, '').split('\n')[0]}`);
  }
  const { tensorInfos, tensorDataOffset, littleEndian, tensorInfoByteRange } = parsed;
  if (!littleEndian) throw bad('it was written on a big-endian machine');
  if (tensorInfoByteRange[1] > file.size) throw bad('it ends within its header');
  const metadata = Object.create(null) as Record<string, GgufValue>;
  for (const [key, value] of Object.entries(parsed.metadata)) setOwn(metadata, key, value);
  checkAlignment(metadata['general.alignment'], bad);
  const entries = new Map<string, Entry>();
  for (const info of tensorInfos) {
    const { name } = info;
    if (entries.has(name)) throw bad(`it has the tensor ${describe(name)} twice`);
    entries.set(name, entryOf(info, Number(tensorDataOffset), file.size, bad));
  }
  return new GgufFile(metadata, entries, mapFile(file));
}

function answer(file: OpenFile, init: RequestInit | undefined, bad: Bad): Response {
  const [, from, to] = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? '')!.map(Number) as [
    number,
    number,
    number,
  ];
  // It asks for the next part when the last one is nearly used up, whether there is one or not.
  if (from > file.size + part) throw bad('it ends within its header');
  const length = Math.max(0, Math.min(file.size, to + 1) - from);
  return new Response(length === 0 ? null : new Uint8Array(readAll(file, from, length)));
}

function checkAlignment(alignment: GgufValue | undefined, bad: Bad): void {
  if (alignment === undefined) return;
  const isPower = typeof alignment === 'number' && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (!isPower || alignment > 2 ** 20) throw bad(`its alignment is ${describe(alignment)}`);
}

function entryOf(info: Parsed['tensorInfos'][number], start: number, size: number, bad: Bad): Entry {
  const what = `the tensor ${describe(info.name)}`;
  const type = types.get(info.dtype);
  if (type === undefined) throw bad(`${what} is of the unknown type ${info.dtype}`);
  const shape = info.shape.map(Number).reverse();
  const count = elementsOf(shape);
  if (count === Number.POSITIVE_INFINITY) throw bad(`the shape [${shape}] of ${what} is larger than a tensor can be`);
  const bytes = (count / type.count) * type.bytes;
  const position = start + Number(info.offset);
  if ((shape.at(-1) ?? 1) % type.count !== 0) throw bad(`${what} has rows that are not a multiple of ${type.count}`);
  if (!(position + bytes <= size)) throw bad(`${what} lies outside of the file`);
  return { type, shape, position, bytes };
}
