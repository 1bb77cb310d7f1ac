import type { DeviceLike } from '../../device.js';
import { invalidArgument } from '../../errors.js';
import { isPlainObject } from '../../options.js';
import { Module } from '../module.js';

/**
 * A module whose parameters are not initialised: it is made on the device `meta`, which draws no random numbers, and then given memory.
 *
 * @param ModuleClass a class whose last argument is an options object with `device`.
 *
 * @example
 * const layer = nn.utils.skipInit(nn.Linear, 4096, 4096);
 */
export function skipInit<A extends unknown[], M extends Module>(ModuleClass: new (...args: A) => M, ...args: A): M {
  if (typeof ModuleClass !== 'function' || !(ModuleClass.prototype instanceof Module)) {
    throw invalidArgument('ModuleClass', 'a class of modules', ModuleClass);
  }
  const last = args.at(-1);
  const options = isPlainObject(last) ? last : undefined;
  const { device = 'cpu', ...rest } = (options ?? {}) as { device?: DeviceLike };
  const positional = options === undefined ? args : args.slice(0, -1);
  const module = new ModuleClass(...([...positional, { ...rest, device: 'meta' }] as A));
  return module.toEmpty({ device });
}
