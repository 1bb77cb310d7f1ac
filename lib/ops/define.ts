// Ops as functions and methods, each compiled at its first call.
import { type Callable, compileFunction, compileMethod } from './dispatch.js';

/** The function of an op, by its name in libtorch. */
export function define<F>(name: string): F {
  let op: Callable = (...args) => {
    op = compileFunction(name);
    return op(...args);
  };
  return ((...args: unknown[]) => op(...args)) as F;
}

/** Puts the methods of `names` (by JavaScript name) on a prototype, but for those that it has. */
export function defineMethods(prototype: object, names: Readonly<Record<string, string>>): void {
  for (const [method, name] of Object.entries(names)) {
    if (Object.hasOwn(prototype, method)) continue;
    const put = (value: Callable) =>
      Object.defineProperty(prototype, method, { value, writable: true, configurable: true, enumerable: false });
    put(function (this: unknown, ...args: unknown[]) {
      const compiled = compileMethod(name);
      put(compiled);
      return compiled.apply(this, args);
    });
  }
}
