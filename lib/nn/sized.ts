import { integer, type Kind, sizes } from '../check.js';

/** Checks a size and keeps it as it was given, which is how it is printed. */
export function sized<T extends number | null>(
  name: string,
  value: number | readonly T[],
  n: number,
  element: Kind<T> = integer(1) as Kind<number> as Kind<T>,
): number | readonly T[] {
  const all = sizes(name, value, n, element);
  return typeof value === 'number' ? value : all;
}

/** More layers than any network stacks; making billions would take hours before memory runs out. */
export const mostLayers = 65_536;
