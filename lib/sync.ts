import { describe, isAsync, isCallable, TorchClipError } from './errors.js';

// libtorch's modes belong to the thread and not to an async context: across an `await` another task would run in them.
function refusal(name: string, argument: string): TorchClipError {
  return new TorchClipError(
    'ERR_ASYNC_SCOPE',
    `"${argument}" of ${name} must be a synchronous function, got an async one; await outside it, or call ${name} between awaits`,
  );
}

/** Refuses an async function before it runs. */
export function refuseAsync(name: string, body: unknown, argument = 'body'): void {
  if (!isCallable(body)) {
    throw new TorchClipError('ERR_ARGUMENT', `"${argument}" of ${name} must be a function, got ${describe(body)}`);
  }
  if (isAsync(body)) throw refusal(name, argument);
}

/** Refuses a promise from a function that is called in the middle of something, where nothing waits for it. */
export function refuseLater<T>(name: string, result: T): T {
  if (!isThenable(result)) return result;
  Promise.resolve(result).catch(() => {});
  throw new TorchClipError(
    'ERR_ASYNC_SCOPE',
    `"${name}" must be a synchronous function, got one that returns a promise`,
  );
}

/** Whether `await` would wait for a value: a promise of any realm, and what else has `then`. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  typeof (value as { then?: unknown }).then === 'function';

/** Refuses a promise that a plain function returned: its rest would run after the scope has ended. */
export function refusePromise<T>(name: string, result: T, argument = 'body'): T {
  if (isThenable(result)) {
    // Its own failure would otherwise surface as an unhandled rejection beside this error.
    Promise.resolve(result).catch(() => {});
    throw refusal(name, argument);
  }
  return result;
}
