import { describe, TorchClipError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';

/** One option of a parameter group: its default and what it accepts. */
export interface Option {
  default: unknown;
  /** Nothing for a good value, else the sentence of the error. */
  check(name: string, value: unknown): string | undefined;
}

/** An optimizer as data: what its groups hold and which rule of the engine they ask for. */
export interface Definition<G> {
  /** The class's name. */
  name: string;
  options: { [K in keyof Required<G>]: Option };
  /** The engine's rule for a group; all rules of one optimizer number their state in the same order. */
  rule(group: Required<G>): string;
  /** The values of the state tensors before the first step, where PyTorch's state dict has them already. */
  begin?(group: Required<G>): Record<string, number>;
  /** Why a parameter cannot be optimized: the sentence of the error. */
  parameter?(param: Tensor): string | undefined;
  /** What no option can say alone: the sentence of the error. */
  check?(group: Required<G>): string | undefined;
}

// PyTorch's message, with what it leaves out: the name and what was expected.
function refusal(label: string, name: string, expected: string, value: unknown): string {
  return `Invalid ${label}: ${describe(value)} ("${name}" must be ${expected})`;
}

/** A number that `accepts` accepts; `label` is what PyTorch's message calls it, `expected` what it should have been. */
export function numeric(
  fallback: number,
  label: string,
  expected: string,
  accepts: (value: number) => boolean,
): Option {
  return {
    default: fallback,
    check: (name, value) =>
      typeof value === 'number' && accepts(value) ? undefined : refusal(label, name, expected, value),
  };
}

/** A number >= 0. */
export const nonNegative = (fallback: number, label: string) =>
  numeric(fallback, label, 'a number >= 0', (value) => value >= 0);

/** A number > 0. */
export const positive = (fallback: number, label: string) =>
  numeric(fallback, label, 'a number > 0', (value) => value > 0);

/** The decay rate of a running mean. */
export const decayRate = (fallback: number, label: string) =>
  numeric(fallback, label, 'a number in [0, 1)', (value) => value >= 0 && value < 1);

/** Any finite number. */
export function finite(fallback: number, label: string): Option {
  return {
    default: fallback,
    check: (name, value) => (Number.isFinite(value) ? undefined : refusal(label, name, 'a finite number', value)),
  };
}

/** Any number, infinite ones too. */
export const number = (fallback: number, label: string) =>
  numeric(fallback, label, 'a number', (value) => !Number.isNaN(value));

/** A number within a bound such as `'>= 0'`, refused in the words of PyTorch's younger optimizers. */
export const bounded = (
  fallback: number,
  label: string,
  bound: string,
  accepts: (value: number) => boolean,
): Option => ({
  default: fallback,
  check: (name, value) =>
    typeof value === 'number' && accepts(value)
      ? undefined
      : `${label} should be ${bound} but is: ${describe(value)} ("${name}" must be a number ${bound})`,
});

/** A number in [0, 1]. */
export const fraction = (fallback: number, label: string) =>
  numeric(fallback, label, 'a number in [0, 1]', (value) => value >= 0 && value <= 1);

/** Two numbers that go together. */
export function pair(
  fallback: readonly [number, number],
  label: string,
  expected: string,
  accepts: (values: readonly [number, number]) => boolean,
): Option {
  return {
    default: fallback,
    check(name, value) {
      const two = Array.isArray(value) && value.length === 2;
      if (two && value.every((x) => typeof x === 'number' && !Number.isNaN(x)) && accepts([value[0], value[1]])) return;
      const got = two ? value.map(describe).join(', ') : describe(value);
      return `Invalid ${label}: ${got} ("${name}" must be ${expected})`;
    },
  };
}

/** true or false. */
export function flag(fallback: boolean): Option {
  return {
    default: fallback,
    check: (name, value) =>
      typeof value === 'boolean' ? undefined : `"${name}" must be true or false, got ${describe(value)}`,
  };
}

/** One of some words. */
export function choice(fallback: string, others: readonly string[]): Option {
  const words = [fallback, ...others];
  return {
    default: fallback,
    check: (name, value) =>
      words.includes(value as string)
        ? undefined
        : `"${name}" must be one of ${words.join(', ')}, got ${describe(value)}`,
  };
}

/** An option that is null unless it is given; the engine's rule reads null as NaN. */
export function optional(option: Option): Option {
  return { default: null, check: (name, value) => (value === null ? undefined : option.check(name, value)) };
}

/** A value that makes this optimizer what it is. */
export function fixed(constant: boolean): Option {
  return {
    default: constant,
    check: (name, value) =>
      value === constant ? undefined : `"${name}" must be ${constant} in this optimizer, got ${describe(value)}`,
  };
}

/** Two decay rates in [0, 1). */
export function betas(fallback: readonly [number, number]): Option {
  return {
    default: fallback,
    check(name, value) {
      if (!Array.isArray(value) || value.length !== 2) {
        return `"${name}" must be an array of 2 numbers, got ${describe(value)}`;
      }
      const i = value.findIndex((beta) => !(typeof beta === 'number' && beta >= 0 && beta < 1));
      return i < 0 ? undefined : refusal(`beta parameter at index ${i}`, name, '2 numbers in [0, 1)', value[i]);
    },
  };
}

/**
 * Completes a group's options from `given` and `defaults` and checks them.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for an unknown name or a value that is not accepted.
 */
export function complete<G>(
  definition: Definition<G>,
  given: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Required<G> {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(definition.options, name)) continue;
    if (name === 'differentiable' && given[name] === true) {
      throw new TorchClipError('ERR_ARGUMENT', '"differentiable" cannot be true: autograd does not see a fused step');
    }
    const known = Object.keys(definition.options).join(', ');
    throw new TorchClipError('ERR_ARGUMENT', `${definition.name} has no option "${name}"; it has ${known}`);
  }
  const group: Record<string, unknown> = {};
  for (const [name, option] of Object.entries<Option>(definition.options)) {
    const value = given[name] ?? defaults[name] ?? option.default;
    const problem = option.check(name, value);
    if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
    // A copy, so that groups do not share an array.
    group[name] = Array.isArray(value) ? [...value] : value;
  }
  const problem = definition.check?.(group as Required<G>);
  if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
  return group as Required<G>;
}
