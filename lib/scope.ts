import { types } from 'node:util';
import { invalidArgument } from './errors.js';
import type { HandleOwner } from './handle.js';
import { refuseAsync, refusePromise } from './sync.js';

/** The tensors made since the innermost scope began; undefined outside scopes. */
let current: HandleOwner[] | undefined;

/** @internal Called for every tensor that an op returns. */
export function enroll(tensor: HandleOwner): void {
  if (current !== undefined) current.push(tensor);
}

/**
 * Runs `body` and releases every tensor that was made inside it and not returned, without waiting for the garbage
 * collector.
 *
 * Tensors in returned arrays, maps, sets and objects are kept; so is what {@link keep} is called with. Gradients and
 * optimizer state live in libtorch and are not touched. Scopes nest: what an inner one returns belongs to the outer one. An asynchronous
 * function of the package, such as `saveAsync`, can be called inside and awaited outside.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 *
 * @example
 * const loss = torch.scope(() => model.forward(x).sub(y).pow(2).mean());
 */
export function scope<T>(body: () => T): T {
  refuseAsync('scope', body);
  const outer = current;
  const made: HandleOwner[] = [];
  current = made;
  const kept = new Set<unknown>();
  try {
    const result = refusePromise('scope', body());
    collect(result, kept);
    return result;
  } finally {
    current = outer;
    for (const tensor of made) {
      if (tensor.escapes || kept.has(tensor)) outer?.push(tensor);
      else tensor.dispose();
    }
  }
}

/**
 * @internal Runs what an asynchronous function does before its first `await`: it needs its tensors after that, when the scope in which it was
 * called is over.
 */
export function unscoped<T>(body: () => T): T {
  const outer = current;
  current = undefined;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** @internal An asynchronous iterator, each step of which is {@link unscoped}. */
export function unscopedSteps<T>(steps: AsyncGenerator<T, void>): AsyncIterableIterator<T> {
  return {
    next: () => unscoped(() => steps.next()),
    return: () => unscoped(() => steps.return()),
    throw: (error) => unscoped(() => steps.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Keeps a tensor alive past every scope that is open, and returns it.
 *
 * @example
 * torch.scope(() => {
 *   this.mean = torch.keep(x.mean());
 * });
 */
export function keep<T extends HandleOwner>(tensor: T): T {
  // Not by the class: it needs this module.
  if (typeof tensor !== 'object' || tensor === null || !('handle' in tensor)) {
    throw invalidArgument('tensor', 'a Tensor', tensor);
  }
  tensor.escapes = true;
  return tensor;
}

/** @internal The tensors reachable from a value. */
export function tensorsIn(value: unknown): HandleOwner[] {
  const seen = new Set<unknown>();
  collect(value, seen);
  return [...seen].filter((object): object is HandleOwner => typeof object === 'object' && 'handle' in object!);
}

/** Every object reachable from a result, through plain containers and class instances alike (a Module, say). */
function collect(root: unknown, seen: Set<unknown>): void {
  const queue = [root];
  while (queue.length > 0) {
    const value = queue.pop();
    if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) continue;
    seen.add(value);
    // An array by its values: it may have four billion holes.
    const inside = types.isMap(value) ? [...value.keys(), ...value.values()] : types.isSet(value) ? value : undefined;
    for (const v of inside ?? Object.values(value)) queue.push(v);
  }
}
