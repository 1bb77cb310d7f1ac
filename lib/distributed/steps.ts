// Calls of several collectives that can be awaited or blocked on.

/** One call after the other: each yields what it is to wait for, which is a promise unless the call blocks. */
export type Steps<T> = Generator<unknown, T, unknown>;

/** What a function returns whose option `wait` is true, or is not. */
export type Settled<O, T = void> = O extends { readonly wait: true } ? T : Promise<T>;

/** Runs steps to their end: at once where every step blocks, otherwise as a promise. What a step yields comes back to it. */
export function settle<T>(steps: Steps<T>, wait: boolean): T | Promise<T> {
  // The first step is taken at once: the order of collectives is that of the calls.
  let next = steps.next();
  if (wait) {
    while (next.done !== true) next = steps.next(next.value);
    return next.value;
  }
  return (async () => {
    while (next.done !== true) next = steps.next(await next.value);
    return next.value;
  })();
}

/** {@link settle} of what gives nothing. */
export const finished = <O>(steps: Steps<void>, wait: boolean): Settled<O> => settle(steps, wait) as Settled<O>;

/** What a call comes to with a group that this process is no member of. */
export function* nothing(): Steps<void> {}
