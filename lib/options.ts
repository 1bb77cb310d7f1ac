import { describe, invalidArgument, TorchClipError } from './errors.js';
import { isTensor } from './tensor.js';

/** The options with their defaults; an option that there is not is refused, as it is most likely misspelled. */
export function withDefaults<T extends object>(name: string, given: unknown, defaults: T): T {
  if (given === undefined) return defaults;
  if (typeof given !== 'object' || given === null || Array.isArray(given) || isTensor(given)) {
    throw new TorchClipError('ERR_ARGUMENT', `"options" of ${name}() must be an object, got ${describe(given)}`);
  }
  const result = { ...defaults };
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) {
      const known = Object.keys(defaults).map((k) => `"${k}"`);
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `an option of ${name}() must be one of ${known.join(', ')}, got "${key}"`,
      );
    }
    if (value !== undefined) (result as Record<string, unknown>)[key] = value;
  }
  return result;
}

/** The options, once they are known to be an object that can be taken apart. */
export function given<T>(options: T): T {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  return options;
}
