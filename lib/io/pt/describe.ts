// What an object of JavaScript's is as one of Python's: read once, checked, and then written.
import { types } from 'node:util';
import { fromTypedArray } from '../../creation/from-typed-array.js';
import { isTypedArray } from '../../creation/typed-array.js';
import { Device } from '../../device.js';
import { Dtype } from '../../dtype.js';
import { describe, TorchClipError } from '../../errors.js';
import { bytesOf, type Memory, present } from '../../memory.js';
import { Parameter } from '../../nn/parameter.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { entriesOf, isMap, isPlain } from '../plain.js';
import { compose } from './compose.js';
import { Dict, PySet, TensorNode, Tuple } from './model.js';
import { isStorable, StoragePlan } from './storages.js';

/** Python's own limit of recursion is not much higher. */
const deepest = 300;

/** What is to be written: the pickle, and the storages that it refers to. */
export interface Saved {
  pickle: Uint8Array;
  storages: StoragePlan;
}

/** Reads an object and writes its pickle; refuses what has no form in Python's plain data, by its path in the object. */
export function saved(object: unknown): Saved {
  const reader = new Reader();
  const root = reader.read(object, 'object', 0);
  return { pickle: compose(root, reader.storages), storages: reader.storages };
}

class Reader {
  readonly storages = new StoragePlan();
  readonly #known = new Map<object, unknown>();
  readonly #open = new Set<object>();

  read(value: unknown, path: string, depth: number): unknown {
    switch (typeof value) {
      case 'undefined':
        return null;
      case 'bigint':
        if (BigInt.asIntN(2040, value) !== value) throw refusal(path, 'an integer of at most 255 bytes', value);
        return value;
      case 'function':
      case 'symbol':
        throw refusal(path, 'data', value);
      case 'object':
        break;
      default:
        return value;
    }
    if (value === null || value instanceof Dtype || value instanceof Device) return value;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (depth > deepest) throw refusal(path, `nested at most ${deepest} levels deep`, value);
    if (this.#open.has(value)) throw refusal(path, 'free of cycles', value);
    this.#open.add(value);
    const node = this.#container(value, path, depth + 1);
    this.#open.delete(value);
    this.#known.set(value, node);
    return node;
  }

  #container(value: object, path: string, depth: number): unknown {
    if (isTensor(value)) return this.#tensor(value, path);
    if (isMemory(value)) {
      const isRow = isTypedArray(value) && !types.isUint8Array(value);
      const at = shortened(path);
      return isRow ? this.#tensor(fromTypedArray(present(at, value)), path) : bytesOf(at, value).slice();
    }
    if (Array.isArray(value)) return this.#array(value, path, depth);
    if (types.isSet(value)) {
      const items = [...value].map((item, i) => this.#key(item, `${path}.item(${i})`, depth));
      return new PySet(items);
    }
    if (isMap(value) || isPlain(value)) return this.#dict(value, path, depth);
    if (typeof (value as { stateDict?: unknown }).stateDict === 'function') {
      throw refusal(path, 'data: give its stateDict()', value);
    }
    throw refusal(path, 'a tensor or plain data', value);
  }

  #array(value: unknown[], path: string, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      // A hole may stand for four billion.
      if (!(i in value)) throw refusal(`${path}[${i}]`, 'an element, as arrays with holes cannot be saved', undefined);
      items.push(this.read(value[i], `${path}[${i}]`, depth));
    }
    return items;
  }

  #dict(value: Readonly<Record<string, unknown>> | ReadonlyMap<unknown, unknown>, path: string, depth: number): Dict {
    const dict = new Dict();
    const entries = entriesOf(value);
    // An optimizer's state has Python's integers for keys, which JavaScript's objects turn into texts.
    const ofOptimizer = !isMap(value) && Object.hasOwn(value, 'param_groups');
    for (const [name, item] of entries) {
      const at = `${path}${typeof name === 'string' && /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${describe(name)}]`}`;
      dict.keys.push(isMap(value) ? this.#key(name, at, depth) : name);
      const read = this.read(item, at, depth);
      dict.values.push(ofOptimizer && name === 'state' && isPlain(item) ? numbered(read as Dict) : read);
    }
    return dict;
  }

  /** What Python can hash; an array becomes a tuple. */
  #key(key: unknown, path: string, depth: number): unknown {
    if (Array.isArray(key) && key.length <= 64 && depth <= deepest) {
      return new Tuple(key.map((item) => this.#key(item, path, depth + 1)));
    }
    if (typeof key === 'object' && key !== null) {
      throw refusal(path, 'keyed by a string, a number, a boolean or an array of these', key);
    }
    return this.read(key, path, depth);
  }

  #tensor(value: Tensor, path: string): TensorNode {
    const { dtype, layout, device } = value;
    if (layout.name !== 'strided' || device.type === 'meta' || !isStorable(dtype)) {
      throw refusal(path, 'a dense tensor with data', `${dtype.name} (${layout.name}, on ${device})`, 'ERR_DTYPE');
    }
    const requiresGrad = value.requiresGrad;
    const plain = value.detach().resolveConj().resolveNeg();
    const node = new TensorNode(plain, requiresGrad, value instanceof Parameter);
    this.storages.add(node);
    return node;
  }
}

const shortened = (path: string): string => (path.length > 120 ? `${path.slice(0, 60)}...${path.slice(-50)}` : path);

function refusal(
  path: string,
  expected: string,
  got: unknown,
  code: 'ERR_ARGUMENT' | 'ERR_DTYPE' = 'ERR_ARGUMENT',
): TorchClipError {
  return new TorchClipError(
    code,
    `"${shortened(path)}" must be ${expected}, got ${typeof got === 'string' ? got : describe(got)}`,
  );
}

/** Typed arrays of numbers become tensors, and what holds nothing but bytes stays bytes. */
const isMemory = (value: object): value is Memory =>
  isTypedArray(value) || types.isDataView(value) || types.isAnyArrayBuffer(value);

/** A dict whose keys are integers where all of them look like such. */
function numbered(dict: Dict): Dict {
  if (!dict.keys.every((key) => /^(0|[1-9]\d{0,14})$/.test(String(key)))) return dict;
  const result = new Dict();
  result.keys.push(...dict.keys.map(Number));
  result.values.push(...dict.values);
  return result;
}
