import { invalidArgument } from '../errors.js';

export { given } from '../options.js';

import { elementsOf } from '../iterate.js';
import { isTensor, type Tensor } from '../tensor.js';

/** Checks of constructor arguments: each returns its value or throws one sentence. */

export function positiveInt(name: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw invalidArgument(name, 'an integer >= 1', value);
  return value as number;
}

export function nonNegativeInt(name: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw invalidArgument(name, 'an integer >= 0', value);
  return value as number;
}

export function int(name: string, value: unknown): number {
  if (!Number.isSafeInteger(value)) throw invalidArgument(name, 'an integer', value);
  return value as number;
}

export function finite(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidArgument(name, 'a finite number', value);
  return value;
}

export function nonNegative(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0) || value === Infinity) {
    throw invalidArgument(name, 'a finite number >= 0', value);
  }
  return value;
}

export function probability(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1))
    throw invalidArgument(name, 'a number in [0, 1]', value);
  return value;
}

export function bool(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
  return value;
}

export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) throw invalidArgument(name, `one of ${allowed.join(', ')}`, value);
  return value as T;
}

/** For the inputs that a layer itself looks into; ops check their own. */
export function tensor(name: string, value: unknown): Tensor {
  if (!isTensor(value)) throw invalidArgument(name, 'a Tensor', value);
  return value;
}

/** The elements of an iterable, each checked. */
export function list<T>(name: string, value: Iterable<T>, item: (name: string, value: unknown) => unknown): T[] {
  if (typeof value !== 'object' || value === null || typeof value[Symbol.iterator] !== 'function') {
    throw invalidArgument(name, 'iterable', value);
  }
  const items = elementsOf(value);
  items.forEach((v, i) => void item(`${name}[${i}]`, v));
  return items;
}

/** A number for every dimension, or one for each: always `n` numbers come back. */
export function tuple(name: string, value: unknown, n: number, item: typeof positiveInt = positiveInt): number[] {
  if (typeof value === 'number') return new Array<number>(n).fill(item(name, value));
  if (!Array.isArray(value) || value.length !== n) throw invalidArgument(name, `a number or ${n} numbers`, value);
  return value.map((v) => item(name, v));
}

/** What is left of an options object once the known names are taken out must be nothing: a misspelt option is an error. */
export function noUnknown(rest: object): void {
  const [name] = Object.keys(rest);
  if (name !== undefined) throw invalidArgument('options', `free of the unknown name ${JSON.stringify(name)}`, rest);
}

/** Options whose first one may also stand alone: `new Dropout(0.1)` is `new Dropout({ p: 0.1 })`. */
export function named<O extends object>(key: keyof O, first: O | O[keyof O] | undefined, rest?: Partial<O>): O {
  if (typeof first === 'object' && first !== null) return first as O;
  return { [key]: first, ...rest } as O;
}

/** A number for every dimension, or one for each, kept as it was given: so it is printed. */
export function size(name: string, value: unknown, n: number, item?: typeof positiveInt): number | readonly number[] {
  const all = tuple(name, value, n, item);
  return typeof value === 'number' ? value : all;
}

/** One number, or an array of them, each checked; kept as it was given. */
export function numbers(name: string, value: unknown, item: typeof positiveInt): number | readonly number[] {
  if (Array.isArray(value)) return value.map((v, i) => item(`${name}[${i}]`, v));
  return item(name, value);
}

export function positive(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || value === Infinity) {
    throw invalidArgument(name, 'a finite number > 0', value);
  }
  return value;
}

/** Any number but NaN. */
export function real(name: string, value: unknown): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw invalidArgument(name, 'a number', value);
  return value;
}
