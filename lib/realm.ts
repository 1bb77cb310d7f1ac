// Native code makes its arrays and objects in the process's own realm, and the package may run in another, or be used from one: a vm
// context, Jest, vitest's vmThreads. There they would fail `instanceof` and comparisons.
import { native } from './binding/index.js';

type Realm = typeof globalThis;

const isOther = (realm: Realm) => !(native instanceof realm.Object);

/** Where results go, if not into the process's own realm. */
let other: WeakRef<Realm> | undefined = isOther(globalThis) ? new WeakRef(globalThis) : undefined;

/** @internal Gives results to a realm that uses the package without loading it anew, as Jest's `require` does in each file of tests. */
export function useRealm(realm: Realm): void {
  other = isOther(realm) ? new WeakRef(realm) : undefined;
}

/** What native code returned (a typed array, an array of numbers, `{ re, im }`, a primitive value), as one of the realm that asked. */
export function local<T>(value: T): T {
  if (other === undefined || typeof value !== 'object' || value === null) return value;
  const realm = other.deref();
  return realm === undefined ? value : (rebuilt(value, realm) as T);
}

function rebuilt(value: object, realm: Realm): object {
  if (Array.isArray(value)) return realm.Array.from(value as unknown[]);
  if (!ArrayBuffer.isView(value)) return realm.Object.assign(new realm.Object(), value);
  const name = Object.prototype.toString.call(value).slice(8, -1);
  const TypedArray = (realm as unknown as Record<string, Float32ArrayConstructor>)[name]!;
  const { buffer, byteOffset, length } = value as Float32Array<ArrayBuffer>;
  return new TypedArray(buffer, byteOffset, length);
}
