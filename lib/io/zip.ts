// Zip archives as PyTorch writes them: records that are stored as they are, each from a multiple of 64 bytes on, so that they
// can be mapped; or compressed, as NumPy can. The table at the end is believed only where it fits the file.
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { describe } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import type { Bad } from './bad.js';
import { crcOf, piecesOf } from './bytes.js';
import { type OpenFile, readAll } from './file.js';

/** A part of an archive: bytes as they are, or those of a contiguous tensor in the host's memory. */
export type Part = Uint8Array | Tensor;

/** One record to write; a tensor is asked for only when its turn comes. */
export interface RecordToWrite {
  name: string;
  /** What comes before the data. */
  head?: Uint8Array;
  data: Uint8Array | (() => Tensor);
  /** Whether deflate makes it smaller; default false. */
  compressed?: boolean;
}

const alignment = 64;
const most = 0xffffffff;
// 1 January 1980, the earliest date there is: the same data give the same file.
const date = 0x21;
const utf8 = 0x800;

/** A record of numbers: each as [bytes, value]. */
function packed(...fields: (readonly [2 | 4 | 8, number])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else buffer.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return buffer;
}

/** What deflate makes of a record, a piece of it at a time. */
function deflated(first: Uint8Array, content: Part): Buffer {
  // Each piece ends on a whole byte and does not end the stream, so that the next one continues the stream.
  const piece = (bytes: Uint8Array) => deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  const made = [piece(first)];
  for (const bytes of isTensor(content) ? piecesOf(content) : [content]) made.push(piece(bytes));
  return Buffer.concat([...made, deflateRawSync(new Uint8Array())]);
}

/** The bytes of an archive, in order. */
export function* archiveOf(records: Iterable<RecordToWrite>): Generator<Part> {
  const table: Buffer[] = [];
  let at = 0;
  for (const { name, head: first = new Uint8Array(), data, compressed = false } of records) {
    const content = typeof data === 'function' ? data() : data;
    const whole = first.length + (isTensor(content) ? content.nbytes : content.length);
    const before = crc32(first);
    const crc = isTensor(content) ? crcOf(content, before) : crc32(content, before);
    const smaller = compressed ? deflated(first, content) : undefined;
    const size = smaller?.length ?? whole;
    const bytes = Buffer.from(name);
    const large = whole >= most || size >= most;
    const sizes = large ? packed([2, 1], [2, 16], [8, whole], [8, size]) : Buffer.alloc(0);
    const start = at + 30 + bytes.length + sizes.length + 4;
    const padding = Buffer.alloc(4 + ((alignment - (start % alignment)) % alignment));
    padding.write('FB', 'latin1');
    padding.writeUInt16LE(padding.length - 4, 2);
    const common = [
      [2, 45],
      [2, utf8],
      [2, compressed ? 8 : 0],
      [2, 0],
      [2, date],
      [4, crc],
      [4, large ? most : size],
      [4, large ? most : whole],
      [2, bytes.length],
    ] as const;
    const head = packed([4, 0x04034b50], ...common, [2, sizes.length + padding.length]);
    const far = at >= most;
    const extra = [
      ...(large
        ? ([
            [8, whole],
            [8, size],
          ] as const)
        : []),
      ...(far ? ([[8, at]] as const) : []),
    ];
    const zip64 = extra.length > 0 ? packed([2, 1], [2, 8 * extra.length], ...extra) : Buffer.alloc(0);
    table.push(
      packed(
        [4, 0x02014b50],
        [2, 45],
        ...common,
        [2, zip64.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, far ? most : at],
      ),
      bytes,
      zip64,
    );
    yield Buffer.concat([head, bytes, sizes, padding, ...(smaller ? [] : [first])]);
    yield smaller ?? content;
    at += head.length + bytes.length + sizes.length + padding.length + size;
  }
  const count = table.length / 3;
  const directory = Buffer.concat(table);
  yield directory;
  const end = at + directory.length;
  if (at >= most || directory.length >= most || count >= 0xffff) {
    yield packed(
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, count],
      [8, count],
      [8, directory.length],
      [8, at],
    );
    yield packed([4, 0x07064b50], [4, 0], [8, end], [4, 1]);
  }
  const number = Math.min(count, 0xffff);
  yield packed(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, number],
    [2, number],
    [4, Math.min(directory.length, most)],
    [4, Math.min(at, most)],
    [2, 0],
  );
}

/** Where a record's bytes are. */
export interface StoredRecord {
  position: number;
  size: number;
  crc: number;
  /** How many bytes it has when it is unpacked. */
  unpacked: number;
  /** How it is compressed: 0 for not at all, 8 for deflate. */
  method: number;
}

/** The records of an archive by name. */
export function readArchive(file: OpenFile, bad: Bad): Map<string, StoredRecord> {
  const { count, size, position } = findTable(file, bad);
  const table = readAll(file, position, size);
  const records = new Map<string, StoredRecord>();
  const spans: [from: number, to: number][] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > table.length || table.readUInt32LE(at) !== 0x02014b50) throw bad('its table of records is damaged');
    const [flags, method] = [table.readUInt16LE(at + 8), table.readUInt16LE(at + 10)];
    const [names, extras, comments] = [28, 30, 32].map((offset) => table.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const end = at + 46 + names + extras + comments;
    if (end > table.length) throw bad('its table of records is damaged');
    const name = table.toString('utf8', at + 46, at + 46 + names);
    const what = `its record ${describe(name)}`;
    const extra = table.subarray(at + 46 + names, at + 46 + names + extras);
    const [full, stored, local] = wide(
      [table.readUInt32LE(at + 24), table.readUInt32LE(at + 20), table.readUInt32LE(at + 42)],
      extra,
      () => bad(`${what} is damaged`),
    );
    if (flags & 1) throw bad(`${what} is encrypted`);
    if (records.has(name)) throw bad(`${what} is there twice`);
    if (method === 0 && full !== stored) throw bad(`${what} is damaged`);
    if (local > position - 30) throw bad(`${what} lies outside of the file`);
    const head = readAll(file, local, 30);
    if (head.readUInt32LE(0) !== 0x04034b50) throw bad(`${what} is not where its table says`);
    const start = local + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
    if (start + stored > position) throw bad(`${what} lies outside of the file`);
    spans.push([local, start + stored]);
    records.set(name, {
      position: start,
      size: stored,
      crc: table.readUInt32LE(at + 16),
      unpacked: full,
      method,
    });
    at = end;
  }
  // Many records over one range would make much memory of a small file.
  spans.sort(([a], [b]) => a - b);
  if (spans.some(([from], i) => i > 0 && from < spans[i - 1]![1])) throw bad('its records overlap');
  return records;
}

/** The numbers of a record, of which those that do not fit 32 bits stand in a field of their own. */
function wide(numbers: [number, number, number], extra: Buffer, damaged: () => Error): [number, number, number] {
  let at = 0;
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== 1) at += 4 + extra.readUInt16LE(at + 2);
  let next = at + 4;
  return numbers.map((n) => {
    if (n !== most) return n;
    if (next + 8 > extra.length) throw damaged();
    const value = Number(extra.readBigUInt64LE(next));
    next += 8;
    if (!Number.isSafeInteger(value)) throw damaged();
    return value;
  }) as [number, number, number];
}

interface Table {
  count: number;
  size: number;
  position: number;
}

function findTable(file: OpenFile, bad: Bad): Table {
  const cut = () => bad('its end is missing, which holds the table of records');
  const length = Math.min(file.size, 22 + 0xffff);
  const first = file.size - length;
  const tail = readAll(file, first, length);
  const at = endOf(tail, first);
  if (at < 0) throw cut();
  const end = first + at;
  let table: Table = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    position: tail.readUInt32LE(at + 16),
  };
  if (table.count === 0xffff || table.size === most || table.position === most) {
    if (end < 20 + 56) throw cut();
    const locator = readAll(file, end - 20, 20);
    const directory = Number(locator.readBigUInt64LE(8));
    if (locator.readUInt32LE(0) !== 0x07064b50 || directory > end - 20 - 56) throw cut();
    const wider = readAll(file, directory, 56);
    if (wider.readUInt32LE(0) !== 0x06064b50) throw cut();
    const [count, size, position] = [32, 40, 48].map((offset) => Number(wider.readBigUInt64LE(offset))) as [
      number,
      number,
      number,
    ];
    table = { count, size, position };
  }
  const { count, size, position } = table;
  if (position + size > end || count * 46 > size) throw bad('its table of records is damaged');
  return table;
}

/**
 * Where in the last bytes of a file its archive ends; -1 where it does not. A comment may follow, which may hold the mark, too:
 * the true one says how long its comment is. Or, as PyTorch and NumPy read it, any bytes: then it begins where the table ends.
 */
function endOf(tail: Buffer, first: number): number {
  let loose = -1;
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50) continue;
    const rest = tail.length - 22 - at;
    const comment = tail.readUInt16LE(at + 20);
    if (comment === rest) return at;
    const [size, position] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
    const far = size === most || position === most;
    if (loose < 0 && comment < rest && (far || position + size === first + at || hasLocator(tail, at))) loose = at;
  }
  return loose;
}

/** Whether the mark of an archive with large numbers comes right before its end. */
const hasLocator = (tail: Buffer, end: number): boolean => end >= 20 && tail.readUInt32LE(end - 20) === 0x07064b50;
