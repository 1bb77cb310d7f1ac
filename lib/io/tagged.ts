// Plain data as JSON: what JSON has no form for stands in an object with one key that begins with "$".
import { types } from 'node:util';
import { Device, parseDevice } from '../device.js';
import { Dtype } from '../dtype.js';
import { describe, TorchClipError } from '../errors.js';
import { present } from '../memory.js';
import { isTensor, type Tensor } from '../tensor.js';
import { entriesOf, isMap, isPlain, setOwn } from './plain.js';
import { dtypeNames } from './pt/model.js';
import { isWellFormed, metadataKey } from './safetensors/header.js';

const deepest = 300;

/** The JSON of an object, and its tensors by the names under which the JSON refers to them. */
export function toTagged(object: unknown): { json: string; tensors: Map<string, Tensor> } {
  const tensors = new Map<string, Tensor>();
  const names = new Map<Tensor, string>();
  /** The tensor's path in the object, unless another tensor or the file has that name. */
  const nameOf = (tensor: Tensor, path: string): string => {
    const known = names.get(tensor);
    if (known !== undefined) return known;
    let name = path;
    for (let n = tensors.size; tensors.has(name) || name === metadataKey || !isWellFormed(name); n++)
      name = `tensor ${n}`;
    names.set(tensor, name);
    tensors.set(name, tensor);
    return name;
  };
  const tagged = (value: unknown, path: string, depth: number): unknown => {
    const refuse = (expected: string) =>
      new TorchClipError('ERR_ARGUMENT', `"${path}" must be ${expected}, got ${describe(value)}`);
    if (depth > deepest) throw refuse(`at most ${deepest} containers deep and free of cycles`);
    const inner = (item: unknown, key: unknown) => tagged(item, `${path}[${describe(key)}]`, depth + 1);
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') {
      if (Object.is(value, -0)) return { $number: '-0' };
      return Number.isFinite(value) ? value : { $number: String(value) };
    }
    if (typeof value === 'bigint') return { $bigint: String(value) };
    if (isTensor(value)) {
      return { $tensor: nameOf(value, path.replace(/^object\.?/, '')) };
    }
    if (value instanceof Dtype) return { $dtype: value.name };
    if (value instanceof Device) return { $device: String(value) };
    if (types.isUint8Array(value)) return { $bytes: Buffer.from(present(path, value)).toString('base64') };
    if (Array.isArray(value)) {
      // A hole may stand for four billion.
      if (value.length > 0 && !(value.length - 1 in value && 0 in value)) throw refuse('an array without holes');
      return Array.from(value, inner);
    }
    if (types.isSet(value)) return { $set: Array.from(value, inner) };
    if (isMap(value)) return { $map: [...value].map(([key, item]) => [inner(key, 'a key'), inner(item, key)]) };
    if (!isPlain(value)) throw refuse('a tensor or plain data');
    const result = {};
    for (const [name, item] of entriesOf(value) as [string, unknown][]) {
      setOwn(result, name.startsWith('$') ? `$${name}` : name, tagged(item, `${path}.${name}`, depth + 1));
    }
    return result;
  };
  return { json: JSON.stringify(tagged(object, 'object', 0)), tensors };
}

/** The object that {@link toTagged} wrote. */
export function fromTagged(
  json: string,
  tensors: Readonly<Record<string, Tensor>>,
  bad: (what: string) => TorchClipError,
): unknown {
  const plain = (value: unknown, depth: number): unknown => {
    if (depth > deepest) throw bad(`it is nested more than ${deepest} deep`);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
    const entries = Object.entries(value);
    const [tag, content] = entries[0] ?? [];
    if (entries.length === 1 && tag !== undefined && /^\$[^$]/.test(tag)) {
      const made = ofTag(tag, content, (item) => plain(item, depth + 1));
      if (made === undefined) throw bad(`it holds ${describe(content)} under ${describe(tag)}`);
      return made;
    }
    const result = Object.create(null) as object;
    for (const [name, item] of entries) {
      setOwn(result, name.startsWith('$$') ? name.slice(1) : name, plain(item, depth + 1));
    }
    return result;
  };
  const ofTag = (tag: string, content: unknown, inner: (value: unknown) => unknown): unknown => {
    if (Array.isArray(content)) {
      if (tag === '$set') return new Set(content.map(inner));
      if (tag !== '$map' || !content.every((pair) => Array.isArray(pair) && pair.length === 2)) return undefined;
      return new Map((content as [unknown, unknown][]).map(([key, item]) => [inner(key), inner(item)]));
    }
    if (typeof content !== 'string') return undefined;
    if (tag === '$tensor') return Object.hasOwn(tensors, content) ? tensors[content] : undefined;
    if (tag === '$number')
      return ['-0', 'NaN', 'Infinity', '-Infinity'].includes(content) ? Number(content) : undefined;
    if (tag === '$bigint') return /^-?\d{1,700}$/.test(content) ? BigInt(content) : undefined;
    if (tag === '$bytes') return Uint8Array.from(Buffer.from(content, 'base64'));
    if (tag === '$dtype') return dtypeNames.get(content);
    return tag === '$device' ? parseDevice(content) : undefined;
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw bad('it is not JSON');
  }
  return plain(parsed, 0);
}
