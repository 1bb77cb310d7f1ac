import { TorchClipError } from './errors.js';

// libtorch's modes belong to the thread and not to an async context: across an `await` another task would run in them.
function refusal(name: string): TorchClipError {
  return new TorchClipError(
    'ERR_ASYNC_SCOPE',
    `"body" of ${name} must be a synchronous function, got an async one; await outside it, or call ${name} between awaits`,
  );
}

const AsyncFunction = (async () => {}).constructor;

/** Refuses an async function before it runs. */
export function refuseAsync(name: string, body: unknown): void {
  if (typeof body !== 'function') {
    throw new TorchClipError('ERR_ARGUMENT', `"body" of ${name} must be a function, got ${typeof body}`);
  }
  if (body instanceof AsyncFunction) throw refusal(name);
}

/** Refuses a promise that a plain function returned: its rest would run after the scope has ended. */
export function refusePromise<T>(name: string, result: T): T {
  if (typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function') {
    // Its own failure would otherwise surface as an unhandled rejection beside this error.
    Promise.resolve(result).catch(() => {});
    throw refusal(name);
  }
  return result;
}
