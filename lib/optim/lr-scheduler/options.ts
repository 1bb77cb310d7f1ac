import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { Optimizer } from '../base/optimizer.js';

/** What a value must be, in an option or a saved state. */
export interface Kind {
  expected: string;
  test(value: unknown, groups: number): boolean;
}

/** An option's kind and default; none means that it must be given. */
export type Option = readonly [kind: Kind, fallback?: unknown];

/** A parameter group as schedulers read and write it. */
export interface Group {
  lr: number;
  initialLr?: number;
  maxLr?: number;
  minLr?: number;
  momentum?: number;
  betas?: readonly number[];
  maxMomentum?: number;
  baseMomentum?: number;
}

export const number = (expected: string, accepts: (x: number) => boolean): Kind => ({
  expected,
  test: (value) => typeof value === 'number' && Number.isFinite(value) && accepts(value),
});
export const finite = number('a finite number', () => true);
export const integer = (min: number) => number(`an integer >= ${min}`, (x) => Number.isSafeInteger(x) && x >= min);
export const flag: Kind = { expected: 'true or false', test: (value) => typeof value === 'boolean' };
export const callable: Kind = { expected: 'a function', test: (value) => typeof value === 'function' };
export const oneOf = (...values: readonly (string | boolean)[]): Kind => ({
  expected: values.map((value) => JSON.stringify(value)).join(' or '),
  test: (value) => values.includes(value as string),
});
export const orNull = (kind: Kind): Kind => ({
  expected: `${kind.expected}, or null`,
  test: (value, groups) => value === null || kind.test(value, groups),
});
export const list = (kind: Kind): Kind => ({
  expected: `an array, each element ${kind.expected}`,
  test: (value, groups) => Array.isArray(value) && value.every((element) => kind.test(element, groups)),
});
/** An array with one element for each parameter group. */
export const perGroup = (kind: Kind): Kind => ({
  expected: `an array, for each parameter group ${kind.expected}`,
  test: (value, groups) => list(kind).test(value, groups) && (value as unknown[]).length === groups,
});
/** One value for all parameter groups, or an array with one for each. */
export const shared = (kind: Kind): Kind => ({
  expected: `${kind.expected}, or an array with one for each parameter group`,
  test: (value, groups) => kind.test(value, groups) || perGroup(kind).test(value, groups),
});

/** What was given for all groups, or for each, as an array. */
export const spread = <T>(value: T | readonly T[], groups: readonly unknown[]): T[] =>
  Array.isArray(value) ? [...value] : groups.map(() => value as T);

/** The optimizer's groups, checked. */
export function groupsOf(optimizer: Optimizer): Group[] {
  if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
  const groups = optimizer.paramGroups as unknown as Group[];
  groups.forEach(({ lr }, i) => {
    if (!finite.test(lr, 0)) throw invalidArgument(`paramGroups[${i}].lr`, finite.expected, lr);
  });
  return groups;
}

/**
 * The options with their defaults, checked.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for an unknown name or a value that is not accepted.
 */
export function complete<O extends object>(
  name: string,
  optimizer: Optimizer,
  table: { readonly [K in keyof Required<O>]: Option },
  given: O,
): Required<O> {
  const groups = groupsOf(optimizer).length;
  if (typeof given !== 'object' || given === null) throw invalidArgument('options', 'an object', given);
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(table, key)) continue;
    const known = Object.keys(table).join(', ');
    throw new TorchClipError('ERR_ARGUMENT', `${name} has no option ${describe(key)}; it has ${known}`);
  }
  const result: Record<string, unknown> = {};
  for (const [key, [kind, fallback]] of Object.entries<Option>(table)) {
    const value = (given as Record<string, unknown>)[key] ?? fallback;
    if (!kind.test(value, groups)) throw invalidArgument(key, kind.expected, value);
    result[key] = value;
  }
  return result as Required<O>;
}

export const lastEpoch: Option = [integer(-1), -1];
