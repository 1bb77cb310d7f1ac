// Which arguments of a function a transform differentiates by.
import { kind } from '../check.js';
import { TorchClipError } from '../errors.js';
import type { Argnums } from './types.js';

const isList = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= 1024 &&
  value.every(Number.isSafeInteger) &&
  new Set(value).size === value.length;

export const argnums = kind<Argnums>(
  'an integer or an array of different integers',
  (value) => Number.isSafeInteger(value) || isList(value),
);

/** The positions of the arguments, counted from the first. */
export function positionsOf(name: string, chosen: Argnums, count: number): number[] {
  const positions = (typeof chosen === 'number' ? [chosen] : chosen).map((position) => {
    if (position >= -count && position < count) return position < 0 ? position + count : position;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"argnums" of ${name} is ${position}, but there are only ${count} arguments`,
    );
  });
  if (new Set(positions).size === positions.length) return positions;
  throw new TorchClipError('ERR_ARGUMENT', `"argnums" of ${name} must be different arguments`);
}

/** What belongs to each chosen argument, as it is returned: that of the one, or an array. */
export const asChosen = (chosen: Argnums, list: readonly unknown[]): unknown =>
  typeof chosen === 'number' ? list[0] : list;
