// Native code makes its arrays and objects in the process's own realm, and the package may run in another: a vm context, Jest's
// ES modules, vitest's vmThreads. There they would fail `instanceof` and comparisons.
import { native } from './binding/index.js';

const isOther = !(native instanceof Object);

/** What native code returned (a typed array, an array of numbers, `{ re, im }`, a primitive value), as one of this realm's. */
export function local<T>(value: T): T {
  return isOther && typeof value === 'object' && value !== null ? (rebuilt(value) as T) : value;
}

function rebuilt(value: object): object {
  if (Array.isArray(value)) return Array.from(value as unknown[]);
  if (!ArrayBuffer.isView(value)) return { ...value };
  const name = Object.prototype.toString.call(value).slice(8, -1);
  const TypedArray = (globalThis as unknown as Record<string, Float32ArrayConstructor>)[name]!;
  const { buffer, byteOffset, length } = value as Float32Array<ArrayBuffer>;
  return new TypedArray(buffer, byteOffset, length);
}
