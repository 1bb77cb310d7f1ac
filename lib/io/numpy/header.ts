// The head of NumPy's .npy format: a magic number, a version, and a Python literal that says what the elements are.
import type { Dtype } from '../../dtype.js';
import * as dtypes from '../../dtype.js';
import { describe } from '../../errors.js';
import type { Bad } from '../bad.js';
import { elementsOf } from '../bytes.js';

/** NumPy's names of the element types, without the byte order. */
const dtypeNamed = new Map<string, Dtype>([
  ['b1', dtypes.bool],
  ['i1', dtypes.int8],
  ['i2', dtypes.int16],
  ['i4', dtypes.int32],
  ['i8', dtypes.int64],
  ['u1', dtypes.uint8],
  ['u2', dtypes.uint16],
  ['u4', dtypes.uint32],
  ['u8', dtypes.uint64],
  ['f2', dtypes.float16],
  ['f4', dtypes.float32],
  ['f8', dtypes.float64],
  ['c8', dtypes.complex64],
  ['c16', dtypes.complex128],
]);
const nameOf = new Map([...dtypeNamed].map(([name, dtype]) => [dtype, name]));

/** NumPy's name of a dtype, such as `<f4`; undefined for one that NumPy does not have. */
export function descrOf(dtype: Dtype): string | undefined {
  const name = nameOf.get(dtype);
  return name && `${dtype.itemsize === 1 ? '|' : '<'}${name}`;
}

/** What an array file says that it holds. */
export interface Head {
  dtype: Dtype;
  /** The bytes of each element stand in the other order. */
  isBigEndian: boolean;
  /** The first index changes fastest. */
  isFortran: boolean;
  shape: number[];
  /** Bytes before the elements. */
  length: number;
  /** Bytes of the elements. */
  bytes: number;
}

const magic = Buffer.from('\x93NUMPY', 'latin1');
const alignment = 64;
/** NumPy's own limit, in bytes. */
const longest = 10_000;

/** The head of an array, padded so that the elements begin at a multiple of 64 bytes. */
export function headOf(descr: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const before = magic.length + 4;
  const length = Math.ceil((before + text.length + 1) / alignment) * alignment - before;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(length);
  return Buffer.concat([magic, Buffer.from([1, 0]), size, Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1')]);
}

/** Reads the head of an array from `size` bytes, which `read` gives. */
export function readHead(read: (position: number, length: number) => Buffer, size: number, bad: Bad): Head {
  const cut = () => bad('it ends within its header');
  if (size < magic.length + 2) throw cut();
  const start = read(0, magic.length + 2);
  if (!start.subarray(0, magic.length).equals(magic)) throw bad('it does not begin as a .npy file');
  const version = start[magic.length]!;
  if (version < 1 || version > 3) throw bad(`it is of version ${version} of the format`);
  const wide = version === 1 ? 2 : 4;
  if (size < start.length + wide) throw cut();
  const count = read(start.length, wide).readUIntLE(0, wide);
  if (count > longest) throw bad(`it says that its header has ${count} bytes`);
  const before = start.length + wide;
  if (size < before + count) throw cut();
  const head = { ...parse(read(before, count).toString('latin1'), bad), length: before + count };
  const bytes = elementsOf(head.shape) * head.dtype.itemsize;
  if (bytes === Number.POSITIVE_INFINITY)
    throw bad(`it says that its elements have the shape [${head.shape}], larger than a tensor can be`);
  if (bytes > size - head.length) {
    throw bad(`it says that its elements have ${bytes} bytes, and has ${size - head.length}`);
  }
  return { ...head, bytes };
}

function parse(given: string, bad: Bad): Pick<Head, 'dtype' | 'isBigEndian' | 'isFortran' | 'shape'> {
  // Python takes either quotes; NumPy writes single ones.
  const text = given.includes("'") ? given : given.replaceAll('"', "'");
  const wrong = () => bad(`its header is ${describe(text.trim())}`);
  const field =
    /\s*'(descr|fortran_order|shape)'\s*:\s*('[^']*'|\[.*?\]|True|False|\((?:\s*\d+L?\s*,?)*\s*\))\s*(,|(?=\}))/y;
  const opening = /^\s*\{/.exec(text);
  if (opening === null) throw wrong();
  const fields = new Map<string, string>();
  field.lastIndex = opening[0].length;
  let end = field.lastIndex;
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    fields.set(match[1]!, match[2]!);
    end = field.lastIndex;
  }
  if (!/^\s*\}\s*$/.test(text.slice(end)) || fields.size !== 3) throw wrong();
  const order = fields.get('fortran_order')!;
  const tuple = fields.get('shape')!;
  if (!/^(True|False)$/.test(order) || !tuple.startsWith('(')) throw wrong();
  const shape = (tuple.match(/\d+/g) ?? []).map(Number);
  if (shape.length > 64) throw bad(`it has ${shape.length} dimensions`);
  return { ...elements(fields.get('descr')!, bad), isFortran: order === 'True', shape };
}

/** Why a kind of element cannot be read, by NumPy's letter for it. */
const reasons: Readonly<Record<string, string>> = {
  O: 'Python objects, whose pickles could run anything: save numbers',
  U: 'strings',
  S: 'strings',
  V: 'records, or numbers that NumPy does not know',
  M: 'dates',
  m: 'spans of time',
  f: 'floating-point numbers of a size that PyTorch does not have',
  c: 'complex numbers of a size that PyTorch does not have',
};

function elements(descr: string, bad: Bad): Pick<Head, 'dtype' | 'isBigEndian'> {
  const [, order, kind, size] = /^'([<>|=]?)([a-zA-Z?])(\d*)'$/.exec(descr) ?? [];
  const dtype = dtypeNamed.get(kind === '?' ? 'b1' : `${kind}${size}`);
  if (dtype !== undefined) return { dtype, isBigEndian: order === '>' && dtype.itemsize > 1 };
  const why = descr.startsWith('[') ? 'records' : (reasons[kind ?? ''] ?? 'unknown');
  throw bad(`its elements are ${why} (${describe(descr)})`);
}
