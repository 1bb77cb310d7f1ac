// Memory of JavaScript that users hand over: typed arrays, DataViews and buffers. It may be gone: transferred to another thread, or cut off
// by a resizable buffer that has become too short for a view.
import { types } from 'node:util';
import { describe, TorchClipError } from './errors.js';

export type Memory = ArrayBufferView | ArrayBufferLike;

const { at } = Object.getPrototypeOf(Uint8Array.prototype) as { at(index: number): unknown };

/** Whether an operation that looks at memory fails: it does so where the memory is gone, and the sizes of such a view are 0 then. */
function fails(look: () => unknown): boolean {
  try {
    look();
    return false;
  } catch {
    return true;
  }
}

function isGone(memory: Memory): boolean {
  if (types.isTypedArray(memory)) return memory.length === 0 && fails(() => Reflect.apply(at, memory, [0]));
  if (types.isAnyArrayBuffer(memory)) return memory.byteLength === 0 && fails(() => new Uint8Array(memory));
  return fails(() => new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength));
}

/**
 * The memory itself.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where it is gone.
 */
export function present<T extends Memory>(name: string, memory: T): T {
  if (!isGone(memory)) return memory;
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `"${name}" must have its memory, got ${describe(memory)} whose buffer was transferred or has become too short`,
  );
}

/** The bytes of memory that is {@link present}, without a copy. */
export function bytesOf(name: string, memory: Memory): Uint8Array<ArrayBuffer> {
  const there = present(name, memory);
  const [buffer, start, length] = ArrayBuffer.isView(there)
    ? [there.buffer, there.byteOffset, there.byteLength]
    : [there, 0, there.byteLength];
  return new Uint8Array(buffer as ArrayBuffer, start, length);
}
