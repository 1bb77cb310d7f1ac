// The head of a safetensors file: what is in it, and the checks of the format's reference implementation.
import type { Dtype } from '../../dtype.js';
import * as dtypes from '../../dtype.js';
import { describe, TorchClipError } from '../../errors.js';
import { elementsOf } from '../bytes.js';
import { type OpenFile, readAll, shown } from '../file.js';

/** The format's names of the element types. */
export const dtypeNamed = new Map<string, Dtype>([
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
export const nameOf = new Map([...dtypeNamed].map(([name, dtype]) => [dtype, name]));

/** The largest header that the reference implementation reads, in bytes. */
export const headerLimit = 100_000_000;
/** The key of the header under which the metadata stands, so that no tensor can have this name. */
export const metadataKey = '__metadata__';

/** Whether UTF-8 has a form of a text: none of its surrogates is alone. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** One tensor of a file. */
export interface Entry {
  dtype: Dtype;
  shape: number[];
  /** Where its bytes begin in the file, and how many they are. */
  position: number;
  bytes: number;
}

/** What a file says that it holds. */
export interface Header {
  metadata: Record<string, string>;
  entries: Map<string, Entry>;
}

/** Reads and checks the header of a file. */
export function readHeader(file: OpenFile): Header {
  const bad = (what: string) =>
    new TorchClipError('ERR_FILE', `${shown(file.path)} is not a proper safetensors file: ${what}`);
  if (file.size < 8) throw bad(`it has ${file.size} bytes`);
  const length = Number(readAll(file, 0, 8).readBigUInt64LE());
  if (length > headerLimit || 8 + length > file.size) throw bad(`it says that its header has ${length} bytes`);
  const parsed = parse(readAll(file, 8, length), bad);
  const header: Header = { metadata: Object.create(null), entries: new Map() };
  for (const [name, value] of Object.entries(parsed)) {
    if (!isWellFormed(name)) throw bad(`the name ${JSON.stringify(name)} cannot be written in UTF-8`);
    if (name === metadataKey) readMetadata(value, header.metadata, bad);
    else header.entries.set(name, entryOf(name, value, bad));
  }
  checkLayout(header.entries, 8 + length, file.size, bad);
  return header;
}

type Bad = (what: string) => TorchClipError;
const quoted = (name: string) => describe(name);

function parse(bytes: Buffer, bad: Bad): object {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw bad('its header is not UTF-8');
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw bad('its header is not JSON');
  }
  if (!text.startsWith('{')) throw bad('its header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw bad(`its header has the key ${quoted(twice)} twice`);
  return parsed as object;
}

/** The first key that stands twice in an object of a valid JSON text. */
export function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (string !== undefined) {
      const key = JSON.parse(string) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function readMetadata(value: unknown, metadata: Record<string, string>, bad: Bad): void {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || !Object.values(value).every((text) => typeof text === 'string')) {
    throw bad('its metadata is not a map from strings to strings');
  }
  for (const [key, text] of Object.entries(value)) metadata[key] = text as string;
}

const isSize = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;

function entryOf(name: string, value: unknown, bad: Bad): Entry {
  const { dtype: stored, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const dtype = typeof stored === 'string' ? dtypeNamed.get(stored) : undefined;
  if (dtype === undefined) throw bad(`the tensor ${quoted(name)} is of dtype ${describe(stored)}`);
  if (!Array.isArray(shape) || shape.length > 64 || !shape.every(isSize)) {
    throw bad(`the tensor ${quoted(name)} has no proper shape`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw bad(`the tensor ${quoted(name)} has no proper offsets`);
  }
  const [from, to] = offsets as [number, number];
  const bytes = elementsOf(shape) * dtype.itemsize;
  if (bytes === Number.POSITIVE_INFINITY) {
    throw bad(`the shape [${shape}] of the tensor ${quoted(name)} is larger than a tensor can be`);
  }
  if (to - from !== bytes) throw bad(`the offsets of the tensor ${quoted(name)} do not fit its shape`);
  return { dtype, shape, position: from, bytes };
}

/** The tensors must cover the data exactly: each begins where the one before it ends. */
function checkLayout(entries: Map<string, Entry>, start: number, size: number, bad: Bad): void {
  let end = 0;
  const inOrder = [...entries].sort(([, a], [, b]) => a.position - b.position || a.bytes - b.bytes);
  for (const [name, entry] of inOrder) {
    if (entry.position < end) throw bad(`the tensor ${quoted(name)} overlaps the one before it`);
    if (entry.position > end) throw bad(`there is a gap before the tensor ${quoted(name)}`);
    end += entry.bytes;
    entry.position += start;
  }
  if (start + end !== size) {
    throw bad(`its tensors end at byte ${start + end}, and the file has ${size}`);
  }
}
