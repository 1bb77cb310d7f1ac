import { describe, type ErrorCode, invalidArgument, isAsync, isCallable, TorchClipError } from './errors.js';
import { present } from './memory.js';

/**
 * What a value must be: the words that say so in an error, and the test. There is one kind per meaning, so every argument and
 * option of the package that means the same is refused in the same words.
 */
export interface Kind<T = unknown> {
  /** What follows "must be" in the error. */
  readonly expected: string;
  readonly accepts: (value: unknown) => value is T;
  /** Default `ERR_ARGUMENT`. */
  readonly code?: ErrorCode | undefined;
  /** The whole sentence of the error, where PyTorch has a message of its own. */
  readonly sentence?: ((name: string, value: unknown) => string) | undefined;
}

/** A kind made of its words and its test. */
export function kind<T>(expected: string, accepts: (value: unknown) => boolean, code?: ErrorCode): Kind<T> {
  return { expected, accepts: accepts as Kind<T>['accepts'], code };
}

/** The error for a value that is not of `kind`. */
export function refusal(name: string, value: unknown, kind: Kind, code?: ErrorCode): TorchClipError {
  const used = code ?? kind.code ?? 'ERR_ARGUMENT';
  if (kind.sentence !== undefined) return new TorchClipError(used, kind.sentence(name, value));
  return invalidArgument(name, kind.expected, value, used);
}

/** Returns `value`, or throws the one sentence that says what it should have been. */
export function check<T>(name: string, value: unknown, kind: Kind<T>, code?: ErrorCode): T {
  if (!kind.accepts(value)) throw refusal(name, value, kind, code);
  return value;
}

const numeric = (expected: string, accepts: (x: number) => boolean): Kind<number> =>
  kind(expected, (value) => typeof value === 'number' && accepts(value));

/** Any number but NaN. */
export const number = numeric('a number', (x) => !Number.isNaN(x));
export const finite = numeric('a finite number', Number.isFinite);
/** Infinity included. */
export const positive = numeric('a number > 0', (x) => x > 0);
/** Infinity included. */
export const nonNegative = numeric('a number >= 0', (x) => x >= 0);
export const finitePositive = numeric('a finite number > 0', (x) => x > 0 && x < Infinity);
export const finiteNonNegative = numeric('a finite number >= 0', (x) => x >= 0 && x < Infinity);

/** A number within bounds, written as mathematics writes them: `'[0, 1)'` includes 0 and excludes 1. */
export function numberIn(interval: `${'[' | '('}${number}, ${number}${']' | ')'}`): Kind<number> {
  const [low, high] = interval.slice(1, -1).split(', ').map(Number) as [number, number];
  const [open, close] = [interval.startsWith('('), interval.endsWith(')')];
  return numeric(`a number in ${interval}`, (x) => (open ? x > low : x >= low) && (close ? x < high : x <= high));
}

/** The share of a running mean that a step keeps, for example. */
export const decayRate = numberIn('[0, 1)');
export const probability = numberIn('[0, 1]');
export const openFraction = numberIn('(0, 1)');

/** An integer that a double holds exactly, within bounds where they are given. */
export function integer(min?: number, max?: number): Kind<number> {
  const bounds = max !== undefined ? ` from ${min} to ${max}` : min !== undefined ? ` >= ${min}` : '';
  return kind(
    `an integer${bounds}`,
    (x) => Number.isSafeInteger(x) && (x as number) >= (min ?? -Infinity) && (x as number) <= (max ?? Infinity),
  );
}

/** What its user checks, in words of its own. */
export const anything: Kind = kind('anything', () => true);

export const flag: Kind<boolean> = kind('true or false', (value) => typeof value === 'boolean');
export const text: Kind<string> = kind('a string', (value) => typeof value === 'string');

/** A function of any arguments; what it is called with is the caller's matter. */
export const callable = <F extends (...args: never[]) => unknown>(): Kind<F> => kind('a function', isCallable);

/** One that is called in the middle of something, which cannot wait for a promise. */
export const synchronous = <F extends (...args: never[]) => unknown>(): Kind<F> =>
  kind('a synchronous function', (value) => isCallable(value) && !isAsync(value));

/** One of a few words or numbers. */
export function oneOf<const T extends string | number | boolean>(...values: readonly T[]): Kind<T> {
  const words = values.map((value) => JSON.stringify(value));
  const [last, ...others] = [words.at(-1)!, ...words.slice(0, -1)];
  return kind(others.length === 0 ? last : `${others.join(', ')} or ${last}`, (value) => values.includes(value as T));
}

/** An object that the package itself makes, said in words such as `'a Clipper'`. */
export function instance<T extends object>(Class: { readonly prototype: T }, expected: string): Kind<T> {
  // The prototype, since TypeScript keeps protected constructors to their classes.
  return kind(expected, (value) => Object.prototype.isPrototypeOf.call(Class.prototype, value as object));
}

export const orNull = <T>({ expected, accepts, code, sentence }: Kind<T>): Kind<T | null> => ({
  // "true, false or null"
  expected: `${expected.replace(/ or (\S+)$/, ', $1')} or null`,
  accepts: (value): value is T | null => value === null || accepts(value),
  code,
  sentence,
});

/**
 * An array of one kind of element, of `length` elements where that is given. It stops at the first element that does not fit, so
 * that `new Array(2 ** 32 - 1)` is refused at once: its first element is undefined.
 */
export function arrayOf<T>(element: Kind<T>, length?: number): Kind<readonly T[]> {
  const size = length === undefined ? 'an array, each element' : `an array of ${length}, each`;
  return kind(`${size} ${element.expected}`, (value) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) return false;
    for (let i = 0; i < value.length; i++) if (!element.accepts(value[i])) return false;
    return true;
  });
}

/** Refuses in the words of PyTorch's optimizers: `Invalid learning rate: -1 ("lr" must be a number >= 0)`. */
export const labelled = <T>(label: string, { expected, accepts, code }: Kind<T>): Kind<T> => ({
  expected,
  accepts,
  code,
  sentence: (name, value) => `Invalid ${label}: ${describe(value)} ("${name}" must be ${expected})`,
});

/**
 * The elements of an iterable whose elements are never undefined. It stops after the first that is: the caller refuses it, and
 * copying an array of four billion holes would end the process.
 */
export function elementsOf<T>(iterable: Iterable<T>): T[] {
  if (ArrayBuffer.isView(iterable)) present('elements', iterable);
  const elements: T[] = [];
  for (const element of iterable) {
    elements.push(element);
    if (element === undefined) break;
  }
  return elements;
}

/**
 * A copy of an array that may hold undefined but has no holes, of which it may claim four billion.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` at the first hole.
 */
export function withoutHoles<T>(name: string, array: readonly T[]): T[] {
  const elements: T[] = [];
  for (let i = 0; i < array.length; i++) {
    if (!(i in array)) throw invalidArgument(name, 'without holes in its arrays', array);
    elements.push(array[i]!);
  }
  return elements;
}

/**
 * The elements of an array or another iterable, each read once and checked before the next one is read.
 *
 * @param expected the words for what is not an iterable.
 */
export function listOf<T>(
  name: string,
  iterable: unknown,
  element: Kind<T>,
  expected = `an iterable, each element ${element.expected}`,
): T[] {
  if (typeof iterable !== 'object' || iterable === null || !isIterable(iterable)) {
    throw invalidArgument(name, expected, iterable);
  }
  if (ArrayBuffer.isView(iterable)) present(name, iterable);
  const elements: T[] = [];
  for (const value of iterable) elements.push(check(`${name}[${elements.length}]`, value, element));
  return elements;
}

const isIterable = (value: object): value is Iterable<unknown> =>
  typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';

/** A number, or an array of them; {@link sizes} checks how many. */
export const oneOrMany = kind<number | readonly number[]>('a number or an array of numbers', (value) =>
  Array.isArray(value) ? arrayOf(number).accepts(value) : number.accepts(value),
);

/** A number for each of `n` dimensions, or one for all: always `n` numbers come back. */
export function sizes<T = number>(name: string, value: unknown, n: number, element?: Kind<T>): T[] {
  const kind = element ?? (integer(1) as Kind<unknown> as Kind<T>);
  if (typeof value === 'number') return new Array<T>(n).fill(check(name, value, kind));
  if (!Array.isArray(value) || value.length !== n) throw invalidArgument(name, `a number or ${n} numbers`, value);
  return elementsOf<unknown>(value).map((size) => check(name, size, kind));
}
