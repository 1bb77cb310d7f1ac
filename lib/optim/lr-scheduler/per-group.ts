import { noGrad } from '../../autograd/index.js';
import { arrayOf, check, finite, type Kind, kind } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { readerOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Optimizer } from '../base/optimizer.js';
import { rateOf } from '../engine/definition.js';

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
  lr: number | Tensor;
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

const rateKind = kind<number | Tensor>('a finite number, or a floating-point tensor of one', (value) =>
  isTensor(value) ? value.numel() === 1 && value.dtype.isFloatingPoint : finite.accepts(value),
);

/** The rate of a group as it is now. */
export const rateIn = ({ lr }: Group): number => rateOf(lr);

/** Sets the rate of a group: a tensor is filled, as in PyTorch, so that a captured graph that reads it follows the schedule. */
export function setRate(group: Group, rate: number): void {
  const { lr } = group;
  if (isTensor(lr)) noGrad(() => lr.fill_(rate));
  else group.lr = rate;
}

/** The optimizer's groups, checked. */
export function groupsOf(optimizer: Optimizer): Group[] {
  if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
  const groups = optimizer.addedGroups as unknown as Group[];
  groups.forEach(({ lr }, i) => {
    check(`paramGroups[${i}].lr`, lr, rateKind);
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
