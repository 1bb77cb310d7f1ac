// Plain data: what can be written without asking a class what it means.
import { types } from 'node:util';

/** Whether a value is an object of no class, of this realm or another. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Whether a value is a Map, of this realm or another. */
export const isMap = (value: unknown): value is ReadonlyMap<unknown, unknown> => types.isMap(value);

/** The entries of a plain object or a Map, each property read once. */
export function entriesOf(
  container: Readonly<Record<string, unknown>> | ReadonlyMap<unknown, unknown>,
): [unknown, unknown][] {
  return isMap(container) ? [...container] : Object.entries(container);
}

/** Sets a property of that very name, `__proto__` too. */
export function setOwn(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}
