// Batches between threads: the tensors by native numbers, the rest by a structured clone.
import { types } from 'node:util';
import { native } from '../../binding/index.js';
import { describe, TorchClipError } from '../../errors.js';
import { isPlainObject } from '../../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';

declare module '../../binding/index.js' {
  interface Native {
    /** Leaves a tensor for another thread; a group is dropped as a whole. */
    sendTensor(t: Handle, group: number): number;
    receiveTensor(id: number): Handle;
    dropTensors(group: number): number;
  }
}

/** A batch on its way: the paths of keys at which its tensors belong in the rest of it. */
export interface Packed {
  rest: unknown;
  tensors: { id: number; path: unknown[] }[];
}

/**
 * Takes a batch apart in the thread that made it.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for what would arrive as something else: instances of classes, and tensors where they are not found.
 */
export function pack(batch: unknown, group: number): Packed {
  const found: { tensor: Tensor; path: unknown[] }[] = [];
  const rest = mapTensors(
    batch,
    (tensor, path) => {
      found.push({ tensor, path });
      return null;
    },
    checkCloned,
  );
  // Only now: what cannot be taken apart leaves nothing behind.
  return { rest, tensors: found.map(({ tensor, path }) => ({ id: native.sendTensor(tensor.handle, group), path })) };
}

/** The error for what does not get from a worker to the loader. */
export const notSendable = (what: string) =>
  new TorchClipError(
    'ERR_ARGUMENT',
    `a batch from a worker must hold tensors and what structuredClone copies: ${what}`,
  );

function checkCloned(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return;
  if (types.isSet(value)) {
    for (const item of value) {
      if (typeof item === 'object' && item !== null) throw notSendable(`a Set of objects has ${describe(item)}`);
    }
  } else {
    let copy: unknown;
    try {
      copy = structuredClone(value);
    } catch {
      // Not even that.
    }
    const isSame = Object.prototype.toString.call(copy) === Object.prototype.toString.call(value);
    if (!isSame || isPlainObject(copy)) throw notSendable(`it has ${describe(value)}`);
  }
}

/** A copy of a batch's containers with something else in place of each tensor; `other` looks at what is neither. */
export function mapTensors(
  value: unknown,
  replace: (tensor: Tensor, path: unknown[]) => unknown,
  other: (value: unknown) => void = () => {},
  path: unknown[] = [],
): unknown {
  const inner = (item: unknown, key: unknown) => mapTensors(item, replace, other, [...path, key]);
  if (isTensor(value)) return replace(value, path);
  if (Array.isArray(value)) return value.map(inner);
  if (types.isMap(value)) return new Map([...value].map(([key, item]) => [key, inner(item, key)]));
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item, key)]));
  }
  other(value);
  return value;
}

/** Lets go of a batch that did not get on its way. */
export function takeBack({ tensors }: Packed): void {
  for (const { id } of tensors) wrap(native.receiveTensor(id)).dispose();
}

/** Puts a batch together again in the thread that receives it. */
export function unpack({ rest, tensors }: Packed): unknown {
  let whole = rest;
  for (const { id, path } of tensors) {
    const tensor = wrap(native.receiveTensor(id));
    const last = path.at(-1);
    let at = whole as unknown;
    for (const key of path.slice(0, -1)) at = inside(at, key);
    if (path.length === 0) whole = tensor;
    else if (types.isMap(at)) at.set(last, tensor);
    // A key may be called __proto__.
    else
      Object.defineProperty(at, last as string, {
        value: tensor,
        writable: true,
        enumerable: true,
        configurable: true,
      });
  }
  return whole;
}

function inside(container: unknown, key: unknown): unknown {
  return types.isMap(container) ? container.get(key) : (container as Record<string, unknown>)[key as string];
}

/** Lets go of what was sent for a group and will not be received. */
export const dropTensors = (group: number): void => {
  native.dropTensors(group);
};
