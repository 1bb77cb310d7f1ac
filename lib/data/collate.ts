import { types } from 'node:util';
import { withoutHoles } from '../check.js';
import { fromTypedArray, tensor } from '../creation/index.js';
import { isTypedArray, type TypedArray } from '../creation/typed-array.js';
import { describe, invalidArgument, mustHave, TorchClipError } from '../errors.js';
import { bytesOf, type Memory, present } from '../memory.js';
import { stack } from '../ops/generated/functions.js';
import { isPlainObject } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

/** What {@link collate} makes of samples of type `T`. */
export type Collated<T> = T extends Tensor | number | bigint | boolean | Memory
  ? Tensor
  : T extends string
    ? string[]
    : T extends ReadonlyMap<infer K, infer V>
      ? Map<K, Collated<V>>
      : T extends object
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : never;

/** What {@link defaultConvert} makes of a sample of type `T`. */
export type Converted<T> = T extends Tensor
  ? T
  : T extends number | bigint | boolean | Memory
    ? Tensor
    : T extends ReadonlyMap<infer K, infer V>
      ? Map<K, Converted<V>>
      : T extends string
        ? T
        : T extends object
          ? { -readonly [K in keyof T]: Converted<T[K]> }
          : T;

/** Deeper samples are cyclic. */
const deepest = 64;

/**
 * Puts samples together: tensors are stacked, numbers become a tensor of one dimension, strings an array, and arrays, plain objects and Maps
 * go by element.
 *
 * Numbers give the default dtype, float32, also where all of them are integers: the dtype of a batch must not depend on which samples it has. Bigints
 * give int64, booleans bool. Typed arrays, Buffers and ArrayBuffers are rows of numbers of their own dtype.
 *
 * @throws {TorchClipError} `ERR_SHAPE` for samples of different lengths; `ERR_ARGUMENT` for samples of different kinds, or of a kind that cannot be batched.
 *
 * @example
 * collate([[torch.ones([3]), 0], [torch.zeros([3]), 1]]); // [a 2x3 tensor, a tensor of 2 numbers]
 */
export function collate<T>(samples: readonly T[]): Collated<T> {
  if (!Array.isArray(samples) || samples.length === 0) throw invalidArgument('samples', 'an array of samples', samples);
  return collateAny(samples, 'samples', 0) as Collated<T>;
}

/**
 * {@link collate} under PyTorch's name.
 *
 * @example
 * const batch = data.defaultCollate([dataset.get(0), dataset.get(1)]);
 */
export const defaultCollate: typeof collate = collate;

/**
 * A sample with tensors in place of its numbers and typed arrays: what a loader without batches gives.
 *
 * @example
 * defaultConvert({ pixels: new Uint8Array(784), label: 3n }); // { pixels: a tensor of 784 bytes, label: a tensor without dimensions }
 */
export function defaultConvert<T>(sample: T): Converted<T> {
  return convertAny(sample, 'sample', 0) as Converted<T>;
}

type Kind = 'tensor' | 'number' | 'string' | 'buffer' | 'array' | 'map' | 'object';

/** What a value is to a batch; undefined for what cannot be part of one. */
function kindOf(value: unknown): Kind | undefined {
  if (isTensor(value)) return 'tensor';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return 'number';
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'buffer';
  if (Array.isArray(value)) return 'array';
  if (types.isMap(value)) return 'map';
  return isPlainObject(value) ? 'object' : undefined;
}

function collateAny(samples: readonly unknown[], name: string, depth: number): unknown {
  if (depth > deepest) throw tooDeep(name);
  const first = samples[0];
  const kind = kindOf(first);
  const parts = 'tensors, numbers, strings, typed arrays, arrays, plain objects or Maps';
  // Not by every(): it would pass over four billion holes one by one.
  for (let i = 0; i < samples.length; i++) {
    const other = kindOf(samples[i]);
    if (other === undefined) {
      throw invalidArgument(
        `${name}[${i}]`,
        `made of ${parts}, or put together by a "collate" of your own`,
        samples[i],
      );
    }
    if (other !== kind) throw invalidArgument(`${name}[${i}]`, `alike, ${article(kind!)} as the first`, samples[i]);
  }
  switch (kind) {
    case 'tensor':
      return stack(samples as Tensor[]);
    case 'number':
      return tensor(samples as number[]);
    case 'string':
      return samples;
    case 'buffer':
      return rowsOf(samples as Memory[], name);
    case 'array':
      return columns(samples as unknown[][], name, depth);
    case 'map':
      return collateMaps(samples as ReadonlyMap<unknown, unknown>[], name, depth);
    default:
      return collateObjects(samples as Record<string, unknown>[], name, depth);
  }
}

const article = (kind: Kind) => `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;

/** Views of bytes as the typed arrays that have an element type. */
function typed(name: string, value: Memory): TypedArray {
  return isTypedArray(value) ? present(name, value) : bytesOf(name, value);
}

function rowsOf(samples: readonly Memory[], name: string): Tensor {
  const rows = samples.map((sample, i) => fromTypedArray(typed(`${name}[${i}]`, sample)));
  const [first] = rows as [Tensor];
  for (const [i, row] of rows.entries()) {
    if (row.numel() !== first.numel()) throw lengths(`${name}[${i}]`, `${first.numel()} elements`, row.numel());
    if (row.dtype !== first.dtype)
      throw mustHave(`${name}[${i}]`, `the dtype of the first, ${first.dtype}`, String(row.dtype), 'ERR_ARGUMENT');
  }
  return stack(rows);
}

function columns(samples: readonly unknown[][], name: string, depth: number): unknown[] {
  const { length } = samples[0]!;
  for (const [i, sample] of samples.entries()) {
    if (sample.length !== length) throw lengths(`${name}[${i}]`, `${length} elements`, sample.length);
  }
  const joined: unknown[] = [];
  for (let i = 0; i < length; i++) {
    joined.push(
      collateAny(
        samples.map((sample) => sample[i]),
        `${name}[][${i}]`,
        depth + 1,
      ),
    );
  }
  return joined;
}

function lengths(name: string, expected: string, got: number): TorchClipError {
  return new TorchClipError('ERR_SHAPE', `"${name}" must have ${expected}, as the first sample has, got ${got}`);
}

function collateMaps(
  samples: readonly ReadonlyMap<unknown, unknown>[],
  name: string,
  depth: number,
): Map<unknown, unknown> {
  const [first] = samples as [ReadonlyMap<unknown, unknown>];
  for (const [i, sample] of samples.entries()) {
    const differs = sample.size !== first.size || [...first.keys()].some((key) => !sample.has(key));
    if (differs) throw invalidArgument(`${name}[${i}]`, 'a Map with the keys of the first', [...sample.keys()]);
  }
  return new Map(
    [...first.keys()].map((key) => [
      key,
      collateAny(
        samples.map((sample) => sample.get(key)),
        `${name}[].get(${describe(key)})`,
        depth + 1,
      ),
    ]),
  );
}

function collateObjects(
  samples: readonly Record<string, unknown>[],
  name: string,
  depth: number,
): Record<string, unknown> {
  const keys = Object.keys(samples[0]!);
  for (const [i, sample] of samples.entries()) {
    const own = Object.keys(sample);
    const differs = own.length !== keys.length || keys.some((key) => !Object.hasOwn(sample, key));
    if (differs) throw invalidArgument(`${name}[${i}]`, 'an object with the keys of the first', own);
  }
  return Object.fromEntries(
    keys.map((key) => [
      key,
      collateAny(
        samples.map((sample) => sample[key]),
        `${name}[].${key.slice(0, 40)}`,
        depth + 1,
      ),
    ]),
  );
}

function convertAny(value: unknown, name: string, depth: number): unknown {
  if (depth > deepest) throw tooDeep(name);
  switch (kindOf(value)) {
    case 'number':
      return tensor(value as number);
    case 'buffer':
      return fromTypedArray(typed(name, value as Memory));
    case 'array':
      return withoutHoles(name, value as unknown[]).map((item, i) => convertAny(item, `${name}[${i}]`, depth + 1));
    case 'map':
      return new Map(
        [...(value as Map<unknown, unknown>)].map(([key, item]) => [key, convertAny(item, name, depth + 1)]),
      );
    case 'object':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, convertAny(item, `${name}.${key}`, depth + 1)]),
      );
    default:
      return value; // tensors, strings, and what only its owner understands
  }
}

function tooDeep(name: string): TorchClipError {
  const shown = name.length > 60 ? `${name.slice(0, 60)}...` : name;
  return new TorchClipError(
    'ERR_ARGUMENT',
    `"${shown}" must be nested at most ${deepest} deep, got a deeper or cyclic sample`,
  );
}
