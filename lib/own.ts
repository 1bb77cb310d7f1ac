import { TorchClipError } from './errors.js';

/** What the package's own functions hand to a constructor that is not for users. */
export const own: unique symbol = Symbol('own');

/** Refuses `new` from outside for a class that a function makes. */
export function checkOwn(token: unknown, name: string, maker: string): void {
  if (token !== own) throw new TorchClipError('ERR_ARGUMENT', `a ${name} is created by ${maker}, not with new`);
}
