import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { fromTypedArray } from '../creation/index.js';
import type { Dtype } from '../dtype.js';
import * as dtypes from '../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { empty } from '../ops/generated/functions.js';
import { given } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

/** The format's names of the element types. */
const names = new Map<string, Dtype>([
  ['F64', dtypes.float64],
  ['F32', dtypes.float32],
  ['F16', dtypes.float16],
  ['BF16', dtypes.bfloat16],
  ['I64', dtypes.int64],
  ['I32', dtypes.int32],
  ['I16', dtypes.int16],
  ['I8', dtypes.int8],
  ['U64', dtypes.uint64],
  ['U32', dtypes.uint32],
  ['U16', dtypes.uint16],
  ['U8', dtypes.uint8],
  ['BOOL', dtypes.bool],
  ['F8_E5M2', dtypes.float8E5m2],
  ['F8_E4M3', dtypes.float8E4m3fn],
  ['C64', dtypes.complex64],
]);
const nameOf = new Map([...names].map(([name, dtype]) => [dtype, name]));

const headerLimit = 100_000_000;
/** No single read or write is larger, so that a tensor may be larger than a buffer. */
const chunk = 1 << 26;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Options of {@link saveSafetensors}. */
export interface SaveOptions {
  /** Free text for the file's header. */
  metadata?: Record<string, string>;
}

/**
 * Writes tensors to a safetensors file, which Python's `safetensors.torch.load_file` reads.
 *
 * @param tensors by name, of any shape, on any device, of a dtype that the format knows (no quantized or sparse ones).
 * @param path is replaced only when the whole file has been written.
 * @throws {TorchClipError} `ERR_DTYPE` for a dtype the format has no name for; `ERR_FILE` when the file cannot be written.
 *
 * @example
 * torch.io.saveSafetensors(model.stateDict(), 'model.safetensors');
 * @see https://huggingface.co/docs/safetensors
 */
export function saveSafetensors(tensors: Record<string, Tensor>, path: string, options: SaveOptions = {}): void {
  const { metadata } = given(options);
  if (typeof tensors !== 'object' || tensors === null)
    throw invalidArgument('tensors', 'an object of Tensors', tensors);
  if (typeof path !== 'string') throw invalidArgument('path', 'a string', path);
  const header: Record<string, Entry | Record<string, string>> = {};
  if (metadata !== undefined) {
    for (const [key, value] of Object.entries(metadata)) {
      if (typeof value !== 'string') throw invalidArgument(`metadata.${key}`, 'a string', value);
    }
    header.__metadata__ = metadata;
  }
  // The widest elements first, so that every tensor of the file is aligned to its element.
  const list = Object.entries(tensors).map(([name, tensor]) => {
    if (!isTensor(tensor)) throw invalidArgument(`tensors[${JSON.stringify(name)}]`, 'a Tensor', tensor);
    const { dtype } = tensor;
    const stored = nameOf.get(dtype);
    if (stored === undefined || tensor.layout.name !== 'strided') {
      const got = `${dtype.name} (${tensor.layout.name})`;
      throw invalidArgument(
        `tensors[${JSON.stringify(name)}]`,
        'a dense tensor of a dtype in safetensors',
        got,
        'ERR_DTYPE',
      );
    }
    return { name, tensor, stored, bytes: tensor.numel() * dtype.itemsize, width: dtype.itemsize };
  });
  list.sort((a, b) => b.width - a.width);
  let at = 0;
  for (const { name, tensor, stored, bytes } of list) {
    header[name] = { dtype: stored, shape: tensor.shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(unfinished, 'w');
    try {
      writeAll(file, length);
      writeAll(file, padded);
      for (const { tensor, bytes } of list) {
        if (bytes > 0)
          for (const part of parts(bytesOf(tensor), bytes))
            writeAll(file, part.toTypedArray<Uint8Array<ArrayBuffer>>());
      }
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw fileError(path, 'written', error);
  }
}

/**
 * Reads a safetensors file.
 *
 * @returns the tensors by name, on the CPU.
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read or is not a safetensors file, naming what is wrong.
 *
 * @example
 * model.loadStateDict(torch.io.loadSafetensors('model.safetensors'));
 */
export function loadSafetensors(path: string): Record<string, Tensor> {
  if (typeof path !== 'string') throw invalidArgument('path', 'a string', path);
  try {
    const file = openSync(path, 'r');
    try {
      return read(file, path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fileError(path, 'read', error);
  }
}

function read(file: number, path: string): Record<string, Tensor> {
  const bad = (what: string) =>
    new TorchClipError('ERR_FILE', `"path" must be a safetensors file, but ${path} ${what}`);
  const { size } = fstatSync(file);
  if (size < 8) throw bad(`has ${size} bytes`);
  const length = Number(readAll(file, 0, 8).readBigUInt64LE());
  if (length > headerLimit || 8 + length > size) throw bad(`says its header has ${length} bytes`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(readAll(file, 8, length).toString('utf8')) as Record<string, unknown>;
  } catch {
    throw bad('has a header that is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw bad('has a header that is no object');
  const start = 8 + length;
  // No prototype: a tensor may be called "__proto__".
  const tensors = Object.create(null) as Record<string, Tensor>;
  const isSize = (n: unknown) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = value as Partial<Entry> | null;
    const dtype = names.get(String(entry?.dtype));
    const { shape, data_offsets: offsets } = entry ?? {};
    if (dtype === undefined) throw bad(`has a tensor ${JSON.stringify(name)} of dtype ${describe(entry?.dtype)}`);
    if (!Array.isArray(shape) || !shape.every(isSize) || !Array.isArray(offsets) || !offsets.every(isSize)) {
      throw bad(`has a tensor ${JSON.stringify(name)} without a proper shape and offsets`);
    }
    const [from, to] = offsets;
    const bytes = shape.reduce((n, s) => n * s, dtype.itemsize);
    if (to - from !== bytes || start + to > size) {
      throw bad(`has a tensor ${JSON.stringify(name)} whose offsets do not fit its shape or the file`);
    }
    const tensor = empty(shape, { dtype });
    if (bytes > 0) {
      let at = start + from;
      for (const part of parts(bytesOf(tensor), bytes)) {
        const data = readAll(file, at, Math.min(chunk, start + to - at));
        part.copy_(fromTypedArray(new Uint8Array(data.buffer, data.byteOffset, data.length)));
        at += data.length;
      }
    }
    tensors[name] = tensor;
  }
  return tensors;
}

/** A tensor's memory as one row of bytes; of a copy where it is not contiguous. */
function bytesOf(tensor: Tensor): Tensor {
  return tensor.detach().cpu().contiguous().reshape([-1]).view(dtypes.uint8);
}

function* parts(bytes: Tensor, length: number): Generator<Tensor> {
  for (let at = 0; at < length; at += chunk) yield bytes.narrow(0, at, Math.min(chunk, length - at));
}

function writeAll(file: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) at += writeSync(file, data, at);
}

function readAll(file: number, position: number, length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const n = readSync(file, data, at, length - at, position + at);
    if (n === 0) throw new Error('the file became shorter while it was read');
    at += n;
  }
  return data;
}

function fileError(path: string, done: string, error: unknown): TorchClipError {
  if (error instanceof TorchClipError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new TorchClipError('ERR_FILE', `${path} cannot be ${done}: ${why}`, { cause: error });
}
