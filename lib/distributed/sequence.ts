// Calls, each of one or several collectives, that can be awaited or blocked on.
import { TorchClipError } from '../errors.js';
import { unscoped } from '../scope.js';

/** One collective after the other: each yields what it is to wait for, which is a promise unless it blocks. */
export type Sequence<T> = Generator<unknown, T, unknown>;

/** What a function returns whose option `wait` is true, or is not. */
export type Settled<O, T = void> = O extends { readonly wait: true } ? T : Promise<T>;

/** @internal What a group knows of its calls under way. */
export interface Turns {
  /** The last call of several collectives that is under way; it never rejects. */
  busy: Promise<unknown> | undefined;
}

/**
 * Runs a sequence to its end: at once where every collective blocks, otherwise as a promise. What it yields comes back to it.
 *
 * All ranks must issue their collectives in one order. That is the order of the calls, as long as a call is one collective; one of
 * several has the group to itself until its last, because the moment at which one collective ends differs from rank to rank.
 *
 * @param turns those of the call's group, or null where there is no collective.
 * @param several whether it may be more than one collective.
 */
export function settle<T>(sequence: Sequence<T>, wait: boolean, turns: Turns | null, several: boolean): T | Promise<T> {
  if (wait) {
    if (turns?.busy !== undefined) {
      throw new TorchClipError(
        'ERR_STATE',
        'a call with { wait: true } cannot follow one of several collectives that is under way: await that one first',
      );
    }
    let next = sequence.next();
    while (next.done !== true) next = sequence.next(next.value);
    return next.value;
  }
  const run = async (): Promise<T> => {
    let next = sequence.next();
    while (next.done !== true) next = sequence.next(await next.value);
    return next.value;
  };
  if (turns === null) return unscoped(run);
  const result = turns.busy === undefined ? unscoped(run) : turns.busy.then(run);
  if (!several) return result;
  // Free again before the caller sees the result.
  const settled = result.finally(() => {
    if (turns.busy === mark) turns.busy = undefined;
  });
  const mark = settled.catch(() => {});
  turns.busy = mark;
  return settled;
}

/** {@link settle} of a collective that gives nothing. */
export const finished = <O>(
  sequence: Sequence<void>,
  wait: boolean,
  group: (Turns & { readonly checks: boolean }) | null,
): Settled<O> => settle(sequence, wait, group, group?.checks ?? false) as Settled<O>;

/** A call with a group that this process is not a member of does nothing. */
export function* nothing(): Sequence<void> {}
