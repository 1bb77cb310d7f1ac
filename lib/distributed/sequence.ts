// Calls, each of one or several collectives, that can be awaited or blocked on.
import { awaited, TorchClipError } from '../errors.js';
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
        'a call with { wait: true } cannot follow one that is under way and made of several collectives, such as allGatherObject(): await that one first',
      );
    }
    let next = sequence.next();
    while (next.done !== true) next = sequence.next(next.value);
    return next.value;
  }
  const before = turns?.busy;
  let free = (): void => {};
  // One asynchronous function, whose promise is the caller's alone: an error's stack then names who awaits it.
  const run = async (): Promise<T> => {
    try {
      if (before !== undefined) await before;
      let next = sequence.next();
      while (next.done !== true) next = sequence.next(await awaited(next.value));
      return next.value;
    } finally {
      // Before the caller sees the result.
      free();
    }
  };
  if (turns !== null && several) {
    const mark = new Promise<void>((resolve) => {
      free = () => {
        if (turns.busy === mark) turns.busy = undefined;
        resolve();
      };
    });
    turns.busy = mark;
  }
  return unscoped(run);
}

/** {@link settle} of a collective that gives nothing. */
export const finished = <O>(
  sequence: Sequence<void>,
  wait: boolean,
  group: (Turns & { readonly checks: boolean }) | null,
): Settled<O> => settle(sequence, wait, group, group?.checks ?? false) as Settled<O>;

/** A call with a group that this process is not a member of does nothing. */
export function* nothing(): Sequence<void> {}
