import { Device, Dtype, isTensor, nn, type Tensor } from '../../lib/index.js';
import { bytesOf } from '../support.js';

/** An object of plain data and tensors in words that scripts/golden/_plain.py has, too. */
export function plain(value: unknown): unknown {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      return number(value);
    case 'bigint':
      return { bigint: String(value) };
    case 'string':
      return { text: value };
    case 'undefined':
      return null;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (isTensor(value)) return tensor(value);
  if (value instanceof Dtype) return { dtype: value.name };
  if (value instanceof Device) return { device: String(value) };
  if (Array.isArray(value)) return { list: value.map(plain) };
  if (value instanceof Set) return { set: [...value].map(plain) };
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [plain(key), plain(item)]) };
  return { object: Object.entries(value as object).map(([key, item]) => [key, plain(item)]) };
}

function number(value: number): unknown {
  if (Number.isNaN(value)) return { number: 'nan' };
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { number: bytes.toString('hex') };
}

function tensor(value: Tensor): unknown {
  const { dtype, shape, requiresGrad } = value;
  const data = bytesOf(value.detach().resolveConj().resolveNeg());
  return { tensor: dtype.name, shape, data, requiresGrad, parameter: value instanceof nn.Parameter };
}

/** The same words whatever order an object's keys have: JavaScript puts "2" before "10" and both before others. */
export function sorted(words: unknown): unknown {
  if (typeof words !== 'object' || words === null) return words;
  if (Array.isArray(words)) return words.map(sorted);
  const entries = Object.entries(words).map(([key, value]): [string, unknown] => {
    const items = sorted(value);
    if (key === 'set') return [key, (items as unknown[]).map((item) => JSON.stringify(item)).sort()];
    return key === 'object' ? [key, (items as [string, unknown][]).sort(([a], [b]) => (a < b ? -1 : 1))] : [key, items];
  });
  return Object.fromEntries(entries);
}
