// Nested containers of tensors, taken apart and put together: arrays and plain objects are containers, anything else is a leaf.
import { withoutHoles } from '../check.js';
import { TorchClipError } from '../errors.js';
import { isPlainObject } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

/** How a value is nested, without its leaves. */
export type Spec = null | readonly Spec[] | ReadonlyMap<string, Spec>;

/** The leaves of a value in order, and how they are nested. */
export interface Flat {
  readonly leaves: unknown[];
  readonly spec: Spec;
}

/** Deep enough for any data, and far from the end of the stack. */
const maxDepth = 256;

/** Takes a value apart; `name` is the argument that holds it. Each property is read once. */
export function flatten(name: string, value: unknown): Flat {
  const leaves: unknown[] = [];
  const walk = (node: unknown, depth: number): Spec => {
    if (depth > maxDepth) {
      throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be nested ${maxDepth} deep at most; it may hold itself`);
    }
    if (Array.isArray(node)) {
      return withoutHoles(name, node).map((inner) => walk(inner, depth + 1));
    }
    if (isPlainObject(node)) {
      return new Map(Object.keys(node).map((key) => [key, walk(node[key], depth + 1)]));
    }
    leaves.push(node);
    return null;
  };
  const spec = walk(value, 0);
  return { leaves, spec };
}

/** Puts leaves together as they were nested. */
export function unflatten(spec: Spec, leaves: readonly unknown[]): unknown {
  let next = 0;
  const build = (node: Spec): unknown => {
    if (node === null) return leaves[next++];
    if (node instanceof Map) return Object.fromEntries([...node].map(([key, inner]) => [key, build(inner)]));
    return (node as readonly Spec[]).map(build);
  };
  return build(spec);
}

/** Puts the leaves of several values together, one value after the other. */
export function regroup(flats: readonly Flat[], leaves: readonly unknown[]): unknown[] {
  let start = 0;
  return flats.map(({ leaves: own, spec }) => {
    const part = leaves.slice(start, start + own.length);
    start += own.length;
    return unflatten(spec, part);
  });
}

/** The value with `change` applied to its leaves. */
export function mapLeaves(name: string, value: unknown, change: (leaf: unknown) => unknown): unknown {
  const { leaves, spec } = flatten(name, value);
  return unflatten(spec, leaves.map(change));
}

/** The value with `change` applied to its tensors. */
export const mapTensors = (name: string, value: unknown, change: (tensor: Tensor) => unknown): unknown =>
  mapLeaves(name, value, (leaf) => (isTensor(leaf) ? change(leaf) : leaf));

const countOf = (spec: Spec): number => {
  if (spec === null) return 1;
  const inner = spec instanceof Map ? [...spec.values()] : (spec as readonly Spec[]);
  return inner.reduce((sum: number, s) => sum + countOf(s), 0);
};

/** Whether two values are nested in the same way, whatever the order of the names of their objects. */
export function sameSpec(a: Spec, b: Spec): boolean {
  if (a === null || b === null) return a === b;
  if (a instanceof Map || b instanceof Map) {
    if (!(a instanceof Map && b instanceof Map) || a.size !== b.size) return false;
    return [...a].every(([key, inner]) => b.has(key) && sameSpec(inner, b.get(key)!));
  }
  const [one, other] = [a as readonly Spec[], b as readonly Spec[]];
  return one.length === other.length && one.every((inner, i) => sameSpec(inner, other[i]!));
}

/** The leaves of a value in the order in which `spec` has them; undefined where it is nested in another way. */
export function flattenLike(name: string, value: unknown, spec: Spec): unknown[] | undefined {
  const flat = flatten(name, value);
  if (!sameSpec(flat.spec, spec)) return undefined;
  const leaves: unknown[] = [];
  const walk = (node: unknown, inner: Spec): void => {
    if (inner === null) leaves.push(node);
    else if (inner instanceof Map)
      for (const [key, s] of inner) walk((node as ReadonlyMap<string, unknown>).get(key), s);
    else for (const [i, s] of (inner as readonly Spec[]).entries()) walk((node as readonly unknown[])[i], s);
  };
  walk(nestOf(flat), spec);
  return leaves;
}

/** The leaves nested in maps and arrays, as they were read. */
function nestOf({ leaves, spec }: Flat): unknown {
  let next = 0;
  const build = (node: Spec): unknown => {
    if (node === null) return leaves[next++];
    if (node instanceof Map) return new Map([...node].map(([key, inner]) => [key, build(inner)]));
    return (node as readonly Spec[]).map(build);
  };
  return build(spec);
}

/**
 * The leaves of a value that stands for one nested as `spec`, where a leaf may stand for all that is below it; undefined where it
 * does not fit.
 */
export function broadcast(name: string, value: unknown, spec: Spec): unknown[] | undefined {
  const leaves: unknown[] = [];
  const walk = (node: unknown, inner: Spec): boolean => {
    if (node instanceof Map) {
      if (!(inner instanceof Map) || inner.size !== node.size) return false;
      return [...inner].every(([key, s]) => node.has(key) && walk(node.get(key), s));
    }
    if (Array.isArray(node)) {
      if (inner === null || inner instanceof Map) return false;
      const list = inner as readonly Spec[];
      return list.length === node.length && list.every((s, i) => walk(node[i], s));
    }
    for (let i = countOf(inner); i > 0; i--) leaves.push(node);
    return true;
  };
  return walk(nestOf(flatten(name, value)), spec) ? leaves : undefined;
}

/** How a value is nested, for errors: `[*, { a: *, b: * }]`. */
export function describeSpec(spec: Spec): string {
  if (spec === null) return '*';
  if (spec instanceof Map) {
    const entries = [...spec].map(([key, inner]) => `${key}: ${describeSpec(inner)}`);
    return entries.length === 0 ? '{}' : `{ ${short(entries)} }`;
  }
  return `[${short((spec as readonly Spec[]).map(describeSpec))}]`;
}

const short = (parts: readonly string[]) => (parts.length > 6 ? [...parts.slice(0, 6), '...'] : parts).join(', ');
