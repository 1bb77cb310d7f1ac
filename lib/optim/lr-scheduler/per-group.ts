import { arrayOf, check, finite, type Kind } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { readerOf } from '../../options.js';
import { Optimizer } from '../base/optimizer.js';

/** What an option or a saved field must be; some depend on the number of parameter groups. */
export type GroupKind<T> = (groups: number) => Kind<T>;
export type AnyKind<T = unknown> = Kind<T> | GroupKind<T>;

/** The kind for an optimizer with that many groups. */
export const kindFor = <T>(kind: AnyKind<T>, groups: number): Kind<T> =>
  typeof kind === 'function' ? kind(groups) : kind;

/** An option's kind and default; without one it must be given. */
type Option = readonly [kind: AnyKind, fallback?: unknown];

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
  swaLr?: number;
}

/** An array with one element for each parameter group. */
export const perGroup =
  <T>(element: Kind<T>): GroupKind<readonly T[]> =>
  (groups) => ({ ...arrayOf(element, groups), expected: `an array, for each parameter group ${element.expected}` });

/** One value for all parameter groups, or an array with one for each. */
export const shared =
  <T>(element: Kind<T>): GroupKind<T | readonly T[]> =>
  (groups) => ({
    expected: `${element.expected}, or an array with one for each parameter group`,
    accepts: (value): value is T | readonly T[] => element.accepts(value) || arrayOf(element, groups).accepts(value),
  });

/** What was given for all groups, or for each, as an array. */
export const spread = <T>(value: T | readonly T[], groups: readonly unknown[]): T[] =>
  Array.isArray(value) ? [...value] : groups.map(() => value as T);

/** The optimizer's groups, checked. */
export function groupsOf(optimizer: Optimizer): Group[] {
  if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
  const groups = optimizer.addedGroups as unknown as Group[];
  groups.forEach(({ lr }, i) => {
    check(`paramGroups[${i}].lr`, lr, finite);
  });
  return groups;
}

/**
 * The options with their defaults, read once and checked.
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
  const resolved = Object.entries<Option>(table).map(([option, [kind, ...fallback]]) => [
    option,
    [kindFor(kind, groups), ...fallback],
  ]);
  return readerOf(name, Object.fromEntries(resolved))(given) as Required<O>;
}
