import { kind, listOf } from '../check.js';
import { TorchClipError } from '../errors.js';
import { isPlainObject } from '../options.js';
import { isIndex } from './registered.js';

/**
 * What a user names, in the user's order: an object, or a Map or another iterable of pairs.
 *
 * JavaScript sorts the names of an object that are numbers, whatever order they were written in. Another order of parameters is
 * another model to a state that was saved by position, so such an object is refused, unless it counts 0, 1, 2 as a list does.
 *
 * @param pair the words for an element that is not a pair.
 */
export function namedEntries(name: string, given: unknown, pair: string): (readonly [string, unknown])[] {
  if (!isPlainObject(given)) {
    const pairs = kind<readonly [string, unknown]>(
      pair,
      (value) => Array.isArray(value) && value.length === 2 && typeof value[0] === 'string',
    );
    return listOf(name, given, pairs, `an object, a Map or an array of pairs, each ${pair}`);
  }
  const names = Object.keys(given);
  const number = names.find(isIndex);
  if (number !== undefined && names.length > 1 && !names.every((other, i) => other === String(i))) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" must be a Map or an array of pairs where names are numbers, such as "${number}": an object loses their order`,
    );
  }
  return Object.entries(given);
}
