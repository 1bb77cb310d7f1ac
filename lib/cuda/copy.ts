// Values from a GPU, read without waiting for it.
import { native } from '../binding/index.js';
import type { Handle } from '../handle.js';
import { local } from '../realm.js';

declare const brand: unique symbol;
type NativeCopy = { readonly [brand]: 'copy' };

declare module '../binding/index.js' {
  interface Native {
    copyBegin(t: Handle, scalar: boolean): NativeCopy;
    copyDone(copy: NativeCopy): boolean;
    copyValue(copy: NativeCopy): unknown;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const millisecond = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

/** The item or the typed array of a tensor on a GPU, once the event behind the copy has come; the event loop goes on meanwhile. */
export async function copied(handle: Handle, scalar: boolean): Promise<unknown> {
  const copy = native.copyBegin(handle, scalar);
  // Short work is over within a few turns; for long work a turn after the other would keep a core busy.
  for (let turns = 0; !native.copyDone(copy); turns++) await (turns < 32 ? turn() : millisecond());
  return local(native.copyValue(copy));
}
