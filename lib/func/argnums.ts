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

/** The places of the arguments, counted from the first. */
export function placesOf(name: string, chosen: Argnums, count: number): number[] {
  const places = (typeof chosen === 'number' ? [chosen] : chosen).map((place) => {
    if (place >= -count && place < count) return place < 0 ? place + count : place;
    throw new TorchClipError('ERR_ARGUMENT', `"argnums" of ${name} is ${place}, but there are only ${count} arguments`);
  });
  if (new Set(places).size === places.length) return places;
  throw new TorchClipError('ERR_ARGUMENT', `"argnums" of ${name} must be different arguments`);
}

/** What belongs to each chosen argument, as it is returned: that of the one, or an array. */
export const asChosen = (chosen: Argnums, list: readonly unknown[]): unknown =>
  typeof chosen === 'number' ? list[0] : list;
