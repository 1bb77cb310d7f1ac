import { describe } from '../../errors.js';
import type { Option } from './options.js';

/** A number with a condition; `label` is what the original's message calls it. No default: it must be given. */
export function number(
  fallback: number | undefined,
  label: string,
  expected: string,
  holds: (x: number) => boolean,
): Option {
  return {
    default: fallback,
    check: (name, value) =>
      typeof value === 'number' && holds(value)
        ? undefined
        : `Invalid ${label}: ${describe(value)} ("${name}" must be ${expected})`,
  };
}

/** A finite number > 0. */
export const positive = (fallback: number | undefined, label: string): Option =>
  number(fallback, label, 'a finite number > 0', (x) => x > 0 && x < Infinity);

/** A finite number >= 0. */
export const atLeastZero = (fallback: number | undefined, label: string): Option =>
  number(fallback, label, 'a finite number >= 0', (x) => x >= 0 && x < Infinity);
