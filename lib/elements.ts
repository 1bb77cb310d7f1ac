// The elements of tensors as values of JavaScript.
import { types } from 'node:util';
import type { Dtype } from './dtype.js';
import type { Complex } from './ops/types.js';

/** The typed arrays that hold a tensor's elements; half precision comes as float32, bool as bytes. */
export type ElementArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** One element. */
export type Element = number | bigint | boolean | Complex;

/** What is read where `T` is asked for: an integer comes as a bigint only where a number does not hold it exactly. */
export type Read<T extends Element> = T | (T extends bigint ? number : never);

/** Arrays as deep as a tensor has dimensions; a bare element for none. */
export type Nested<T> = T | Nested<T>[];

/** The elements of a contiguous tensor as nested arrays. */
export function nested(data: ElementArray, dtype: Dtype, shape: readonly number[]): Nested<Element> {
  const flat = elements(data, dtype);
  let at = 0;
  const build = (depth: number): Nested<Element> =>
    depth === shape.length ? flat[at++]! : Array.from({ length: shape[depth]! }, () => build(depth + 1));
  return build(0);
}

function elements(data: ElementArray, dtype: Dtype): Element[] {
  if (dtype.isComplex) {
    const pairs = data as Float64Array;
    return Array.from({ length: pairs.length / 2 }, (_, i) => ({ re: pairs[2 * i]!, im: pairs[2 * i + 1]! }));
  }
  if (dtype.name === 'bool') return Array.from(data as Uint8Array, (v) => v !== 0);
  if (types.isBigInt64Array(data) || types.isBigUint64Array(data)) {
    return Array.from(data, (v) => (Number.isSafeInteger(Number(v)) ? Number(v) : v));
  }
  return Array.from(data as Float64Array);
}
