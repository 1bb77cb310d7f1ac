import { types } from 'node:util';

/** Every code that a {@link TorchClipError} can carry. */
export type ErrorCode =
  | 'ERR_ARGUMENT'
  | 'ERR_SHAPE'
  | 'ERR_DTYPE'
  | 'ERR_DEVICE'
  | 'ERR_INDEX'
  | 'ERR_DISPOSED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_STATE'
  | 'ERR_FILE'
  | 'ERR_NONFINITE'
  | 'ERR_AUTOGRAD'
  | 'ERR_ASYNC_SCOPE'
  | 'ERR_OP_UNAVAILABLE'
  | 'ERR_CUDA_UNAVAILABLE'
  | 'ERR_DISTRIBUTED'
  | 'ERR_DISTRIBUTED_UNAVAILABLE'
  | 'ERR_TIMEOUT'
  | 'ERR_LIBTORCH'
  | 'ERR_LIBTORCH_NOT_FOUND'
  | 'ERR_LIBTORCH_VERSION'
  | 'ERR_BINARY'
  | 'ERR_BINARY_NOT_FOUND'
  | 'ERR_BUNDLED'
  | 'ERR_PACKAGE_NOT_FOUND'
  | 'ERR_INTERNAL';

/**
 * The one error class of torch-clip: one sentence in `message`, the kind in `code`.
 *
 * A bad argument changes nothing: when this is thrown, tensors and state are as they were before the call.
 *
 * @example
 * try {
 *   torch.zeros([2]).add(torch.zeros([3]));
 * } catch (e) {
 *   if (e instanceof torch.TorchClipError && e.code === 'ERR_SHAPE') console.log(e.message);
 * }
 */
export class TorchClipError extends Error {
  override readonly name = 'TorchClipError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Says what came, shortly enough for a sentence; never runs the value's own code (a hostile toString, say). */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      if (!isCallable(value)) return 'a class';
      return isAsync(value) ? 'an async function' : 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      break;
    default:
      return String(value);
  }
  if (Array.isArray(value)) {
    if (value.length > 8) return `an array of ${value.length} elements`;
    return `[${value.map((v) => (typeof v === 'object' && v !== null ? '...' : describe(v))).join(', ')}]`;
  }
  if (ArrayBuffer.isView(value)) return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  const name = className(value as object);
  return name === 'Object' ? 'an object' : `${/^[aeiou]/i.test(name) ? 'an' : 'a'} ${name}`;
}

/** Whether a value can be called: a class can only be constructed. */
export function isCallable(value: unknown): value is (...args: never[]) => unknown {
  if (typeof value !== 'function') return false;
  // Class syntax makes `prototype` read-only; among other functions only built-ins have that.
  const prototype = Object.getOwnPropertyDescriptor(value, 'prototype');
  return prototype?.writable !== false || !/^class\b/.test(Function.prototype.toString.call(value));
}

/** Whether a value is an async function, of any realm. */
export const isAsync = (value: unknown): boolean => types.isAsyncFunction(value);

function className(value: object): string {
  try {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : 'Object';
  } catch {
    return 'Object';
  }
}

/** The sentence for a bad argument: its name, what was expected, what came. */
export function invalidArgument(
  name: string,
  expected: string,
  got: unknown,
  code: ErrorCode = 'ERR_ARGUMENT',
): TorchClipError {
  // Nobody waits for it; its own failure would end the process.
  if (types.isPromise(got)) got.catch(() => {});
  return new TorchClipError(code, `"${name}" must be ${expected}, got ${describe(got)}`);
}

/** The sentence for an argument that lacks a property, such as a number of dimensions: `"input" must have 2 dimensions, got [3]`. */
export function mustHave(name: string, property: string, got: unknown, code: ErrorCode = 'ERR_SHAPE'): TorchClipError {
  return new TorchClipError(code, `"${name}" must have ${property}, got ${describe(got)}`);
}

/**
 * @internal What a promise comes to that other threads than JavaScript's settle. Its error was made where there is no stack of JavaScript:
 * it gets that of those who await this, so that it names their lines.
 */
export async function awaited<T>(promise: PromiseLike<T> | T): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof TorchClipError) Error.captureStackTrace(error);
    throw error;
  }
}
