import { native } from '../binding/index.js';
import { check, flag } from '../check.js';

declare module '../binding/index.js' {
  interface Native {
    /** Sets a switch of libtorch's, where `on` is given; returns what it was. */
    backendSwitch(name: string, on?: boolean): boolean;
    backendAvailable(name: string): boolean;
  }
}

/** An object whose properties are switches of libtorch, for all threads of the process; no property can be added to it. */
export function switches<const Names extends string>(
  prefix: string,
  names: readonly Names[],
): { [Name in Names]: boolean } {
  const object = {};
  for (const name of names) {
    Object.defineProperty(object, name, {
      get: () => native.backendSwitch(`${prefix}.${name}`),
      set: (on: unknown) => {
        native.backendSwitch(`${prefix}.${name}`, check(`backends.${prefix}.${name}`, on, flag));
      },
      enumerable: true,
    });
  }
  return Object.preventExtensions(object) as { [Name in Names]: boolean };
}

/** What one switch is, as a function. */
export const reads = (name: string) => (): boolean => native.backendSwitch(name);
/** Sets one switch, as a function. */
export const writes =
  (name: string) =>
  (enabled: boolean): void => {
    native.backendSwitch(name, check('enabled', enabled, flag));
  };
