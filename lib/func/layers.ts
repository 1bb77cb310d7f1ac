// Transforms as the addon knows them, and tensors on their way into and out of them.
import { native } from '../binding/index.js';
import { describe, TorchClipError } from '../errors.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { mapTensors } from './tree.js';

declare const pullbackBrand: unique symbol;
/** The graph between inputs and outputs of a transform that has ended. */
export type Pullback = object & { readonly [pullbackBrand]: 'pullback' };

declare module '../binding/index.js' {
  interface Native {
    /** Each runs `body` inside of a transform, which it leaves on every way out. */
    vmapLayer(size: number, randomness: number, body: (level: number) => unknown): unknown;
    gradLayer(body: (level: number) => unknown): unknown;
    jvpLayer(body: (level: number) => unknown): unknown;
    addBatchDim(t: Handle, dim: number, level: number): Handle;
    removeBatchDim(t: Handle, dim: number, level: number, size: number): Handle;
    /** A tensor as the function that is differentiated sees it; `differentiable` in reverse mode. */
    track(t: Handle, level: number, differentiable: boolean): Handle;
    untrack(t: Handle, level: number): Handle;
    pullback(outputs: Handle[], inputs: Handle[]): Pullback;
    pull(graph: Pullback, gradients: Handle[], retainGraph: boolean, createGraph: boolean): (Handle | null)[];
  }
}

/** Any function; what it is called with and returns is known where the transform is declared. */
export type AnyFunction = (...args: never[]) => unknown;

/** The function of a transform, checked. */
export function functionOf(name: string, func: unknown): AnyFunction {
  refuseAsync(name, func, 'func');
  return func as AnyFunction;
}

/** Calls the function of a transform. */
export const callFunction = (name: string, func: AnyFunction, args: readonly unknown[]): unknown =>
  refusePromise(name, Reflect.apply(func, undefined, args), 'func');

/** Whether gradients that are computed now may be differentiated by a transform or graph outside. */
export const isDifferentiatedOutside = (): boolean =>
  native.gradEnabled() || native.layers().some((kind) => kind !== 'vmap');

export const track = (tensor: Tensor, level: number, differentiable: boolean): Tensor =>
  wrap(native.track(tensor.handle, level, differentiable));
export const untrack = (tensor: Tensor, level: number): Tensor => wrap(native.untrack(tensor.handle, level));
/** Tensors of a result that is not differentiated; anything else stays. */
export const untrackAll = (name: string, value: unknown, level: number): unknown =>
  mapTensors(name, value, (tensor) => untrack(tensor, level));

/** What a function returned, without what it returned beside it. */
export function splitAux(name: string, result: unknown, hasAux: boolean): [output: unknown, aux: unknown] {
  if (!hasAux) return [result, undefined];
  if (Array.isArray(result) && result.length === 2) return [result[0], result[1]];
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `"func" of ${name} must return an array [output, aux] as "hasAux" is true, got ${describe(result)}`,
  );
}

/** Tensors that something is differentiated by, or derivatives of such. */
export function differentiableOf(what: string, values: readonly unknown[]): Tensor[] {
  return values.map((value) => {
    if (!isTensor(value))
      throw new TorchClipError('ERR_ARGUMENT', `${what} must hold Tensors only, got ${describe(value)}`);
    const { dtype } = value;
    if (dtype.isFloatingPoint || dtype.isComplex) return value;
    throw new TorchClipError('ERR_DTYPE', `${what} must be of floating-point or complex dtype, got ${dtype.name}`);
  });
}

/** The tensors that a function which is differentiated returns. */
export function outputsOf(name: string, leaves: readonly unknown[]): Tensor[] {
  if (leaves.length === 0)
    throw new TorchClipError('ERR_ARGUMENT', `"func" of ${name} must return at least one Tensor`);
  return differentiableOf(`what "func" of ${name} returns`, leaves);
}

/** What no complex tensor may be among, as a Jacobian is one of real numbers. */
export function refuseComplex(what: string, values: readonly unknown[]): void {
  for (const value of values) {
    if (isTensor(value) && value.dtype.isComplex) {
      throw new TorchClipError('ERR_DTYPE', `${what} must be real, got ${value.dtype.name}`);
    }
  }
}

/** Tensors of the shape, dtype and device of others. */
export function checkLike(what: string, values: readonly unknown[], like: readonly Tensor[]): Tensor[] {
  const tensors = differentiableOf(what, values);
  for (const [i, { shape, dtype, device }] of like.entries()) {
    const got = tensors[i]!;
    const pairs = [
      ['ERR_SHAPE', 'shape', `[${shape.join(', ')}]`, `[${got.shape.join(', ')}]`],
      ['ERR_DTYPE', 'dtype', dtype.name, got.dtype.name],
      ['ERR_DEVICE', 'device', String(device), String(got.device)],
    ] as const;
    for (const [code, property, expected, given] of pairs) {
      if (expected === given) continue;
      throw new TorchClipError(code, `tensor ${i} of ${what} must have the ${property} ${expected}, got ${given}`);
    }
  }
  return tensors;
}
