import { check, elementsOf, type Kind } from './check.js';
import { describe, TorchClipError } from './errors.js';

/** An option: what it accepts, and its default. Without a default it must be given. */
export type Option<T = unknown> = readonly [kind: Kind<T>, fallback?: unknown];
/** The options of a function or class, by name. */
export type Table = Readonly<Record<string, Option>>;

/** The values that a {@link Table} promises. */
export type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends readonly [Kind<infer V>, infer F]
    ? V | F
    : T[K] extends readonly [Kind<infer V>]
      ? V
      : never;
};

/** Reads an options object into plain values; `owner` replaces the name in errors, for subclasses. */
export type Reader<T extends Table> = (given: unknown, owner?: string) => Values<T>;

/** @internal Every reader that {@link optionsOf} made, with its owner and table. */
export const readers: { owner: string; table: Table; read: (given: unknown) => unknown }[] = [];

/**
 * The reader of the options of `owner`, named in errors as users write it: `Linear`, `clip.norm()`.
 *
 * An options object is read once, each name at most once, and only the values that were read are checked and used: a getter that
 * changes its answer cannot pass the check with one value and arrive with another. Arrays are copied for the same reason.
 * Undefined counts as absent; null does not, unless the kind accepts it.
 *
 * @example
 * const readOptions = optionsOf('Linear', { bias: [flag, true] });
 * const { bias } = readOptions(options);
 */
export function optionsOf<const T extends Table>(owner: string, table: T): Reader<T> {
  const read = readerOf(owner, table);
  readers.push({ owner, table, read });
  return read;
}

/** @internal {@link optionsOf} for a table that is made for one call, as it depends on other arguments. */
export function readerOf<const T extends Table>(owner: string, table: T): Reader<T> {
  const entries = Object.entries<Option>(table);
  const names = Object.keys(table);
  const needsSome = entries.some(([, option]) => option.length === 1);
  const defaults = Object.freeze(Object.fromEntries(entries.map(([name, [, fallback]]) => [name, fallback])));
  return (given, user = owner) => {
    if (given === undefined && !needsSome) return defaults as Values<T>;
    const values = readOnce(user, given, names, 'options', table);
    for (const [name, [kind, fallback]] of entries) {
      if (values[name] === undefined && table[name]!.length > 1) values[name] = fallback;
      else check(name, values[name], kind);
    }
    return values as Values<T>;
  };
}

/**
 * The options that were given, each read once; names that are not among `names` are refused.
 *
 * @param what what the object is called in errors.
 */
export function readOnce(
  owner: string,
  given: unknown,
  names: readonly string[],
  what = 'options',
  table: Table = {},
): Record<string, unknown> {
  checkPlain(owner, given, what, table);
  for (const name of Object.keys(given)) if (!names.includes(name)) throw unknownOption(owner, name, names);
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const value = given[name];
    // Holes are refused by the kind; a copy of four billion of them would end the process.
    if (value !== undefined) values[name] = Array.isArray(value) ? elementsOf<unknown>(value) : value;
  }
  return values;
}

/** A copy of options whose names another function checks; each is read once. */
export function readAll(owner: string, given: unknown, table: Table = {}): Record<string, unknown> {
  checkPlain(owner, given, 'options', table);
  return { ...given };
}

function checkPlain(
  owner: string,
  given: unknown,
  what: string,
  table: Table,
): asserts given is Readonly<Record<string, unknown>> {
  if (isPlainObject(given)) return;
  const got = `${describe(given)}${named(given, table)}`;
  throw new TorchClipError('ERR_ARGUMENT', `"${what}" of ${owner} must be a plain object, got ${got}`);
}

/** How a value would be written that stands where Python takes arguments by position. */
function named(given: unknown, table: Table): string {
  if (given === null || given === undefined || Array.isArray(given)) return '';
  const [name] = Object.entries(table).find(([, [kind]]) => kind.accepts(given) && kind.expected !== 'anything') ?? [];
  if (name === undefined) return '';
  const isWritten = ['number', 'boolean', 'string'].includes(typeof given);
  return `: write { ${name}: ${isWritten ? describe(given) : '...'} }`;
}

/**
 * Options of which the first may also stand alone: `new Dropout(0.1)` is `new Dropout({ p: 0.1 })`. The result goes to a
 * {@link Reader}, which refuses what is not an options object.
 */
export function leading(name: string, first: unknown, rest?: unknown): unknown {
  if (first === undefined) return rest;
  if (isPlainObject(first)) {
    if (rest === undefined) return first;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `a second argument cannot be combined with an options object in place of "${name}"`,
    );
  }
  if (rest === undefined) return { [name]: first };
  if (!isPlainObject(rest)) return rest;
  if (Object.hasOwn(rest, name)) throw new TorchClipError('ERR_ARGUMENT', `"${name}" is given twice`);
  return { ...rest, [name]: first };
}

/** The one of several alternatives that is given, or undefined where none is; null is none. Two of them are refused. */
export function alternativeOf<const N extends string, T>(
  owner: string,
  given: { readonly [K in N]: T | null | undefined },
): { name: N; value: T } | undefined {
  const there = Object.entries<T | null | undefined>(given).filter(([, value]) => (value ?? null) !== null) as [N, T][];
  const [first, second] = there;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', `"${first[0]}" and "${second[0]}" of ${owner} cannot be combined`);
  }
  return { name: first[0], value: first[1] };
}

/** The same, where one of them is needed. */
export function alternative<const N extends string, T>(
  owner: string,
  given: { readonly [K in N]: T | null | undefined },
): { name: N; value: T } {
  const one = alternativeOf(owner, given);
  if (one !== undefined) return one;
  const list = Object.keys(given).map((name) => `"${name}"`);
  throw new TorchClipError('ERR_ARGUMENT', `${owner} needs ${list.join(' or ')}`);
}

/**
 * Whether a value can hold options: an object literal, of this realm or of another one (a `vm` context, Jest), or an object that
 * inherits from one. Arrays, functions, Maps, Dates, tensors and other instances of classes are not, since what they hold would
 * silently be passed over.
 */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  let prototype: object | null = Object.getPrototypeOf(value);
  while (prototype !== null) {
    const next: object | null = Object.getPrototypeOf(prototype);
    if (next !== null && Object.hasOwn(prototype, 'constructor')) return false;
    prototype = next;
  }
  return true;
}

/** The error for a name that is not among the options. */
export function unknownOption(owner: string, name: string, known: readonly string[]): TorchClipError {
  const near = nearest(name, known);
  const hint = near === undefined ? '; it' : `; did you mean "${near}"? It`;
  const list = known.length === 0 ? 'takes no options' : `takes ${known.join(', ')}`;
  return new TorchClipError('ERR_ARGUMENT', `unknown option ${describe(name)} of ${owner}${hint} ${list}`);
}

// A Python spelling counts as an exact match.
const folded = (name: string) => name.replaceAll('_', '').toLowerCase();

/** The known name that was most likely meant: one that is a third of its letters away at most. */
function nearest(name: string, known: readonly string[]): string | undefined {
  // A longer one is not a misspelling, and the distance takes quadratic time.
  if (name.length > 64) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const length = Math.max(name.length, candidate.length);
    const away = distance(folded(name), folded(candidate));
    if (away < least && away < length && away <= Math.max(1, Math.floor(length / 3))) [best, least] = [candidate, away];
  }
  return best;
}

/** How many letters must be inserted, removed, replaced or swapped with their neighbour to make `a` into `b`. */
function distance(a: string, b: string): number {
  let [before, above]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}
