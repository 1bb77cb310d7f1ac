import { arrayOf, check, finite, flag, type Kind, kind, labelled, numberIn, orNull } from '../../check.js';
import { describe, type ErrorCode, TorchClipError } from '../../errors.js';
import { type Option, readOnce, unknownOption } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';

export type { Option };

/** An optimizer as data: what its groups hold and which rule of the engine they ask for. */
export interface Definition<G> {
  /** The class's name. */
  name: string;
  options: { readonly [K in keyof Required<G>]: Option };
  /** The engine's rule for a group; all rules of one optimizer number their state in the same order. */
  rule(group: Required<G>): string;
  /** The values of the state tensors before the first step, where PyTorch's state dict has them already. */
  begin?(group: Required<G>): Record<string, number>;
  /** Whether gradients may be sparse: they are then added up as dense ones, unless {@link sparseRule} knows better. */
  sparse?: boolean;
  /** How a parameter moves by a sparse gradient alone; undefined where a group's options leave no row where it is. */
  sparseRule?(
    group: Required<G>,
    param: Tensor,
  ):
    | ((
        param: Tensor,
        grad: Tensor,
        state: { readonly advance: () => number; readonly slot: (name: string) => Tensor },
      ) => void)
    | undefined;
  /** Whether the optimizer takes its steps itself; the engine then only knows its parameters. */
  own?: boolean;
  /** Why a parameter cannot be optimized: the sentence of the error. */
  parameter?(param: Tensor): string | undefined;
  /** What no option can say alone: the sentence of the error. */
  check?(group: Required<G>): string | undefined;
}

/** An option whose refusal begins as PyTorch's: `Invalid learning rate: -1`. Without a default it must be given. */
export function option<T>(label: string, kind: Kind<T>, ...fallback: [fallback?: T]): Option<T> {
  return [labelled(label, kind), ...fallback];
}

/** A number within a bound such as `'>= 0'`, refused in the words of PyTorch's younger optimizers. */
export const bounded = (
  label: string,
  bound: string,
  accepts: (value: number) => boolean,
  fallback: number,
): Option => [
  {
    ...kind<number>(`a number ${bound}`, (value) => typeof value === 'number' && accepts(value)),
    sentence: (name, value) =>
      `${label} should be ${bound} but is: ${describe(value)} ("${name}" must be a number ${bound})`,
  },
  fallback,
];

/** Two numbers that go together. */
export function pair(
  label: string,
  expected: string,
  accepts: (values: readonly [number, number]) => boolean,
  fallback: readonly [number, number],
): Option {
  const two = arrayOf(
    kind<number>('a number', (x) => typeof x === 'number' && !Number.isNaN(x)),
    2,
  );
  return [
    {
      ...kind<readonly number[]>(expected, (value) => two.accepts(value) && accepts([value[0]!, value[1]!])),
      sentence(name, value) {
        const got = Array.isArray(value) && value.length === 2 ? value.map(describe).join(', ') : describe(value);
        return `Invalid ${label}: ${got} ("${name}" must be ${expected})`;
      },
    },
    fallback,
  ];
}

const beta = numberIn('[0, 1)');

/** Two decay rates in [0, 1). */
export const betas = (fallback: readonly [number, number]): Option => [
  {
    ...kind('an array of 2 numbers in [0, 1)', arrayOf(beta, 2).accepts),
    sentence(name, value) {
      if (!Array.isArray(value) || value.length !== 2) {
        return `"${name}" must be an array of 2 numbers, got ${describe(value)}`;
      }
      const i = beta.accepts(value[0]) ? 1 : 0;
      return `Invalid beta parameter at index ${i}: ${describe(value[i])} ("${name}" must be 2 numbers in [0, 1))`;
    },
  },
  fallback,
];

/** A value that makes this optimizer what it is. */
export const fixed = (constant: boolean): Option => [
  kind(`${constant} in this optimizer`, (value) => value === constant),
  constant,
];

/** Where options come from, for errors. */
export interface Origin {
  /** Whose options they are; default the optimizer's. */
  owner?: string;
  /** What stands before the option's name, such as `'param_groups[0].'`. */
  prefix?: string;
  code?: ErrorCode;
  /** Names that belong to others. */
  more?: readonly string[];
  /** Whether a rate of 0 is accepted in any case, since schedules end there. */
  scheduled?: boolean;
}

/** @internal Options of PyTorch's that choose among implementations, of which there is one here. */
export const ignoredOptions = ['fused', 'foreach', 'capturable', 'differentiable'] as const;

/** @internal A learning rate, which may be a tensor of one number, as it is now. */
export const rateOf = (lr: number | Tensor): number => (isTensor(lr) ? lr.item() : lr);

// It is read at each step.
const plainRate = (name: string, value: unknown): unknown =>
  name === 'lr' && isTensor(value) && value.numel() === 1 ? value.item() : value;

/**
 * Completes a group's options from `given` and `defaults` and checks them; `given` is read once.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for an unknown name or a value that is not accepted.
 */
export function complete<G>(
  definition: Definition<G>,
  given: unknown,
  defaults: Readonly<Record<string, unknown>>,
  { owner = definition.name, prefix = '', code, scheduled = false }: Origin = {},
): Required<G> {
  const names = Object.keys(definition.options);
  const read = readOnce(owner, refuseDifferentiable(given), [...names, ...ignoredOptions]);
  for (const name of ignoredOptions) check(prefix + name, read[name] ?? null, orNull(flag), code);
  const group: Record<string, unknown> = {};
  for (const [name, [kind, fallback]] of Object.entries<Option>(definition.options)) {
    const value = read[name] ?? (name in read ? null : (defaults[name] ?? fallback));
    const meant = plainRate(name, value);
    if (!(scheduled && name === 'lr' && endsSchedule(meant))) check(prefix + name, meant, kind, code);
    // A copy, so that groups do not share an array.
    group[name] = Array.isArray(value) ? [...value] : value;
  }
  const problem = definition.check?.(group as Required<G>);
  if (problem !== undefined) throw new TorchClipError(code ?? 'ERR_ARGUMENT', problem);
  return group as Required<G>;
}

/** @internal A schedule that ends in 0 may end just below it by rounding, in PyTorch too: rates above this one are taken. */
export const roundedZero = -1e-12;
const endsSchedule = (lr: unknown) => typeof lr === 'number' && lr <= 0 && lr > roundedZero;

/** @internal What learning-rate schedulers keep in a group. */
export const scheduledNames = ['initialLr', 'maxLr', 'minLr', 'maxMomentum', 'baseMomentum', 'swaLr'] as const;

/**
 * @internal What is assigned to the options of groups between steps, checked when it is used.
 *
 * Of an option that has not changed, one comparison is all.
 */
export class AssignedOptions<G> {
  readonly #definition: Definition<G>;
  readonly #options: readonly (readonly [name: string, kind: Kind])[];
  readonly #names: readonly string[];
  // The values that were accepted last, in the order of the options, and how many names the group had.
  readonly #accepted = new WeakMap<object, unknown[]>();

  constructor(definition: Definition<G>) {
    this.#definition = definition;
    const own = Object.entries<Option>(definition.options).map(([name, [kind]]) => [name, kind] as const);
    this.#options = [...own, ...scheduledNames.map((name) => [name, maybeFinite] as const)];
    this.#names = this.#options.map(([name]) => name);
  }

  /** @throws {TorchClipError} `ERR_ARGUMENT` naming the group and the option. */
  check(group: Readonly<Record<string, unknown>>, index: number): void {
    const before = this.#accepted.get(group);
    if (before !== undefined && this.#unchanged(group, before)) return;
    for (const name of Object.keys(group)) {
      if (name === 'params' || name === 'paramNames' || this.#names.includes(name)) continue;
      throw unknownOption(
        `paramGroups[${index}] of ${this.#definition.name}`,
        name,
        Object.keys(this.#definition.options),
      );
    }
    const accepted = this.#options.map(([name, kind]) => {
      const value = group[name];
      const meant = plainRate(name, value);
      if (name !== 'lr' || !endsSchedule(meant)) check(`paramGroups[${index}].${name}`, meant, kind);
      return Array.isArray(value) ? [...value] : value;
    });
    const problem = this.#definition.check?.(group as unknown as Required<G>);
    if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', `paramGroups[${index}]: ${problem}`);
    this.#accepted.set(group, [...accepted, countNames(group)]);
  }

  #unchanged(group: Readonly<Record<string, unknown>>, before: readonly unknown[]): boolean {
    const { length } = this.#names;
    for (let i = 0; i < length; i++) {
      const [now, then] = [group[this.#names[i]!], before[i]];
      if (now !== then && !(Array.isArray(now) && Array.isArray(then) && sameElements(now, then))) return false;
    }
    // A name that was not there before is most likely misspelt.
    return countNames(group) === before[length];
  }
}

const maybeFinite = kind<number | undefined>(finite.expected, (x) => x === undefined || finite.accepts(x));

function countNames(object: object): number {
  let count = 0;
  for (const _ in object) count++;
  return count;
}

function sameElements(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function refuseDifferentiable(given: unknown): unknown {
  if (
    typeof given === 'object' &&
    given !== null &&
    Object.getOwnPropertyDescriptor(given, 'differentiable')?.value === true
  ) {
    throw new TorchClipError('ERR_ARGUMENT', '"differentiable" cannot be true: autograd does not see a fused step');
  }
  return given;
}
