// Walks through modules of which one may hold itself, directly or through others.
import { describe, TorchClipError } from '../errors.js';

// The modules that are being walked through.
const walked = new Set<object>();

/** Calls `body` for a module that is not being walked through already, else `again`. */
function walk<T>(module: object, body: () => T, again: () => T): T {
  if (walked.has(module)) return again();
  walked.add(module);
  try {
    return body();
  } finally {
    walked.delete(module);
  }
}

/** Calls `body`, which walks through what the module holds; refuses a module that holds itself, where the walk would not end. */
export function walkOnce(module: object, body: () => void): void {
  walk(module, body, () => {
    throw holdsItself(module);
  });
}

export const holdsItself = (module: object): TorchClipError =>
  new TorchClipError('ERR_STATE', `${describe(module)} holds itself`);

/** What `body` prints of a module and those in it, in which the module itself is three dots. */
export function printOnce(module: object, body: () => string): string {
  return walk(module, body, () => `${module.constructor.name}(...)`);
}
