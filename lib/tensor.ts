import { refuseBackwardInTransforms, runBackward } from './autograd/anomaly.js';
import { type GraphHook, type HookHandle, removable } from './autograd/hook.js';
import { attachHook, type NativeHook } from './autograd/tensor-hook.js';
import { native } from './binding/index.js';
import { anything, check, elementsOf, flag, kind, orNull } from './check.js';
import { copied } from './cuda/copy.js';
import { type Device, parseDevice } from './device.js';
import { type Dtype, dtypeOf } from './dtype.js';
import { type Element, type ElementArray, type Nested, nested, type Read } from './elements.js';
import { invalidArgument, isCallable, TorchClipError } from './errors.js';
import type { Handle } from './handle.js';
import { contiguousFormat, type Layout, layoutOf, MemoryFormat } from './layout.js';
import { optionsOf } from './options.js';
import { local } from './realm.js';
import { enroll } from './scope.js';
import { refuseAsync, refuseLater, refusePromise } from './sync.js';

export type { HookHandle } from './autograd/hook.js';
export type { Element, ElementArray, Nested, Read } from './elements.js';
export type { Handle } from './handle.js';

declare module './binding/index.js' {
  interface Native {
    shape(t: Handle): number[];
    strides(t: Handle): number[];
    numel(t: Handle): number;
    dim(t: Handle): number;
    nbytes(t: Handle): number;
    dtype(t: Handle): number;
    layout(t: Handle): number;
    device(t: Handle): string;
    version(t: Handle): number;
    isContiguous(t: Handle, memoryFormat: number): boolean;
    dataPtr(t: Handle): bigint;
    isSame(t: Handle, u: Handle): boolean;
    dispose(t: Handle): void;
    isDisposed(t: Handle): boolean;
    requiresGrad(t: Handle): boolean;
    setRequiresGrad(t: Handle, on: boolean): void;
    isLeaf(t: Handle): boolean;
    gradFn(t: Handle): string | null;
    grad(t: Handle): Handle | null;
    setGrad(t: Handle, grad: Handle | null): void;
    retainGrad(t: Handle): void;
    setData(t: Handle, data: Handle): void;
    backward(
      outputs: Handle[],
      gradients: (Handle | null)[],
      retainGraph: boolean,
      createGraph: boolean,
      inputs?: Handle[],
    ): void;
    registerPostAccumulateGradHook(leaf: Handle, hook: (leaf: Handle) => void): GraphHook;
    item(t: Handle): Element;
    toTyped(t: Handle): ElementArray;
  }
}

/** Options of {@link Tensor.backward}. */
export interface BackwardOptions {
  /** The gradient of the result with respect to this tensor, of its shape; needed unless it has one element, whose default is 1. */
  gradient?: Tensor | null;
  /** Keep the graph for another backward; default `createGraph`. */
  retainGraph?: boolean;
  /** Record the gradients' own graph, for higher derivatives; default false. */
  createGraph?: boolean;
  /** Accumulate into the `grad` of these leaves only, at least one; default all. */
  inputs?: readonly Tensor[];
}

/**
 * A multi-dimensional array of one dtype on one device, as `torch.Tensor`.
 *
 * Tensors are made by functions (`torch.tensor`, `torch.zeros`, every op), not by `new`. Memory is released when the
 * collector finds the tensor unused, or at once by {@link Tensor.dispose}, `using` or `torch.scope`.
 *
 * @example
 * const w = torch.randn([3, 2], { requiresGrad: true });
 * w.pow(2).sum().backward();
 * console.log(w.grad);
 */
export class Tensor {
  /** @internal */
  readonly handle: Handle;
  /** @internal Set by `keep`. */
  declare escapes?: boolean;

  /** @internal */
  constructor(handle: Handle) {
    if (typeof handle !== 'object' || Array.isArray(handle) || ArrayBuffer.isView(handle)) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        'a tensor is made by functions such as torch.tensor([1, 2]) and torch.zeros([2, 3]), not by new Tensor()',
      );
    }
    this.handle = handle;
  }

  /** The sizes, outermost first. */
  get shape(): number[] {
    return local(native.shape(this.handle));
  }
  /** The element type. */
  get dtype(): Dtype {
    return dtypeOf(native.dtype(this.handle));
  }
  /** Where the memory is. */
  get device(): Device {
    return parseDevice(native.device(this.handle))!;
  }
  /** How the elements are kept: `torch.strided` or a sparse layout. */
  get layout(): Layout {
    return layoutOf(native.layout(this.handle));
  }
  /** The number of dimensions. */
  get ndim(): number {
    return native.dim(this.handle);
  }
  /** Bytes of all elements. */
  get nbytes(): number {
    return native.nbytes(this.handle);
  }
  /** Bytes of one element. */
  get itemsize(): number {
    return this.dtype.itemsize;
  }
  /** How often the memory was written in place; autograd compares it. */
  get version(): number {
    return native.version(this.handle);
  }
  /** The dimensions in reverse. */
  get T(): Tensor {
    return this.numpyT();
  }

  /**
   * The same memory outside the graph. Setting it gives this tensor the memory, shape and dtype of another, while it stays
   * the same object for autograd, modules and optimizers.
   *
   * @throws {TorchClipError} where the other is of another layout or kind of device, or cannot hold gradients that this one
   * requires; nothing has changed then.
   *
   * @example
   * p.data = p.data.mul(0.5);
   */
  get data(): Tensor {
    return this.detach();
  }
  set data(data: Tensor) {
    if (!isTensor(data)) throw invalidArgument('data', 'a Tensor', data);
    native.setData(this.handle, data.handle);
  }

  /** The number of elements. */
  numel(): number {
    return native.numel(this.handle);
  }
  /** The number of dimensions. */
  dim(): number {
    return native.dim(this.handle);
  }
  /** The sizes, or that of one dimension (negative counts from the end). */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    return dim === undefined ? this.shape : entry(this.shape, dim);
  }
  /** Elements between neighbours along each dimension, or along one. */
  stride(): number[];
  stride(dim: number): number;
  stride(dim?: number): number | number[] {
    const strides = local(native.strides(this.handle));
    return dim === undefined ? strides : entry(strides, dim);
  }
  /** Whether the elements lie in memory in the order of the dimensions, or of `memoryFormat`. */
  isContiguous(memoryFormat: MemoryFormat = contiguousFormat): boolean {
    if (!(memoryFormat instanceof MemoryFormat)) throw invalidArgument('memoryFormat', 'a memory format', memoryFormat);
    return native.isContiguous(this.handle, memoryFormat.code);
  }
  /** The address of the first element: equal for tensors that share memory from there. */
  dataPtr(): bigint {
    return native.dataPtr(this.handle);
  }

  /** Whether autograd records what is done with this tensor. Can be set on leaves of floating-point or complex dtype. */
  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }
  set requiresGrad(on: boolean) {
    check('requiresGrad', on, flag);
    native.setRequiresGrad(this.handle, on);
  }
  /** Sets {@link Tensor.requiresGrad} and returns this tensor. */
  requiresGrad_(on = true): this {
    this.requiresGrad = on;
    return this;
  }
  /** Whether the tensor was made by the user and not by a recorded op. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }
  /** The name of the function that made the tensor, such as `'AddBackward0'`; null for a leaf. */
  get gradFn(): string | null {
    return native.gradFn(this.handle);
  }
  /** The gradient that `backward` has accumulated, or null. Setting needs the same shape, dtype and device. */
  get grad(): Tensor | null {
    const grad = native.grad(this.handle);
    return grad === null ? null : wrap(grad);
  }
  set grad(grad: Tensor | null) {
    if (grad !== null && !isTensor(grad)) throw invalidArgument('grad', 'a Tensor or null', grad);
    native.setGrad(this.handle, grad === null ? null : grad.handle);
  }
  /** Makes `backward` fill `grad` of this tensor although it is not a leaf. */
  retainGrad(): void {
    native.retainGrad(this.handle);
  }

  /**
   * Computes the gradient of this tensor with respect to the graph's leaves and adds it to their `grad`.
   *
   * @throws {TorchClipError} `ERR_AUTOGRAD` when there is no graph, when it was released by an earlier backward, or when
   * the tensor has more than one element and no `gradient` is given.
   *
   * @example
   * loss.backward();
   * y.backward({ gradient: torch.onesLike(y), retainGraph: true });
   */
  backward(options: BackwardOptions = {}): void {
    const { gradient, createGraph, retainGraph = createGraph, inputs } = readBackward(options);
    const leaves = leavesOf(inputs);
    const seed = gradient === null ? null : gradient.handle;
    refuseBackwardInTransforms();
    runBackward(() => native.backward([this.handle], [seed], retainGraph, createGraph, leaves));
  }

  /**
   * Calls `hook` with this tensor's gradient whenever one is computed; a returned tensor replaces it.
   *
   * A hook belongs to the tensor as it is now: after an operation in place it still sees the gradient of the value before.
   * It is released with the graph, at the latest when nothing refers to it. One that refers to its own tensor is released
   * too, but one that refers to what was computed from the tensor keeps the graph until it is removed.
   *
   * @param hook a synchronous function; hooks may be added and removed while one runs, and take effect with the next gradient
   * (added) or at once (removed).
   * @throws {TorchClipError} `ERR_AUTOGRAD` for a tensor that records no gradient, `ERR_ASYNC_SCOPE` for an async function.
   *
   * @example
   * const h = y.registerHook((g) => g.mul(2));
   * h.remove();
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing.
  registerHook(hook: (grad: Tensor) => Tensor | undefined | void): HookHandle {
    if (!isCallable(hook)) throw invalidArgument('hook', 'a function', hook);
    refuseAsync('registerHook', hook);
    return attachHook(this.handle, nativeHook(hook));
  }

  /**
   * Calls `hook` with this leaf after a backward pass has added to its `grad`, so that an optimizer can step at once and free it.
   *
   * @throws {TorchClipError} `ERR_AUTOGRAD` for a tensor that is not a leaf or does not require gradients.
   *
   * @example
   * for (const [p, optimizer] of optimizers) {
   *   p.registerPostAccumulateGradHook(() => {
   *     optimizer.step();
   *     optimizer.zeroGrad();
   *   });
   * }
   */
  registerPostAccumulateGradHook(hook: (param: this) => void): HookHandle {
    if (!isCallable(hook)) throw invalidArgument('hook', 'a function', hook);
    refuseAsync('registerPostAccumulateGradHook', hook);
    return removable(native.registerPostAccumulateGradHook(this.handle, leafHook(this, hook)));
  }

  /**
   * The value of a tensor of one element: a number, a boolean for bool, `{ re, im }` for complex, and a bigint for an
   * integer outside JavaScript's safe range, whatever the tensor's dtype: `BigInt(t.item<bigint>())` is always one. Waits
   * for the device.
   */
  item<T extends Element = number>(): Read<T> {
    return local(native.item(this.handle)) as Read<T>;
  }
  /**
   * {@link Tensor.item} as of this call, whatever is written to the tensor afterwards. The event loop goes on while a GPU
   * works; from the host's memory the value is read at once.
   */
  itemAsync<T extends Element = number>(): Promise<Read<T>> {
    const { handle, device } = this;
    return (device.type === 'cuda' ? copied(handle, true) : later(local(native.item(handle)))) as Promise<Read<T>>;
  }
  /** The elements in row-major order, copied to the host; complex ones as pairs. Waits for the device. */
  toTypedArray<T extends ElementArray = ElementArray>(): T {
    return local(native.toTyped(this.handle)) as T;
  }
  /**
   * {@link Tensor.toTypedArray} as of this call, whatever is written to the tensor afterwards. The event loop goes on while
   * a GPU works; from the host's memory the elements are copied at once.
   */
  toTypedArrayAsync<T extends ElementArray = ElementArray>(): Promise<T> {
    const { handle, device } = this;
    return (device.type === 'cuda' ? copied(handle, false) : later(local(native.toTyped(handle)))) as Promise<T>;
  }
  /** The elements as nested arrays; a bare element for a tensor without dimensions. */
  tolist<T extends Element = number>(): Nested<Read<T>> {
    return nested(this.toTypedArray(), this.dtype, this.shape) as Nested<Read<T>>;
  }

  /**
   * Refuses: JSON of a tensor would hold no values.
   *
   * @throws {TorchClipError} `ERR_ARGUMENT`, always.
   */
  toJSON(): never {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'a tensor cannot be written as JSON: save it with torch.save(), or write its values with tolist()',
    );
  }

  /**
   * The text of a tensor, as in `String(x)` and template literals. JavaScript's operators know nothing of tensors: `x + y`, `x * 2`, `x > 3`
   * and `Number(x)` are refused rather than give a string or NaN.
   *
   * @throws {TorchClipError} `ERR_ARGUMENT` where a number or an operand is asked for.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'a tensor cannot be an operand in JavaScript: use methods such as x.add(y), x.mul(2) and x.gt(3), item() for its number, or a template literal for its text',
    );
  }

  /** Whether the other object is a handle of the very same tensor. */
  isSame(other: Tensor): boolean {
    return native.isSame(this.handle, handleOf(other));
  }
  /** Whether {@link Tensor.dispose} was called. */
  get isDisposed(): boolean {
    return native.isDisposed(this.handle);
  }
  /** Lets go of the memory now; later uses of this object throw `ERR_DISPOSED`, and a second call does nothing. */
  dispose(): void {
    native.dispose(this.handle);
  }
  [Symbol.dispose](): void {
    native.dispose(this.handle);
  }
}

// Outside of the method: closures made there would keep the tensor, and so the graph that holds them, for good.

function nativeHook(hook: (grad: Tensor) => unknown): NativeHook {
  return (handle) => {
    const replaced = refusePromise('registerHook', hook(wrap(handle)));
    if (replaced === undefined || replaced === null) return undefined;
    if (!isTensor(replaced)) throw invalidArgument('the result of a hook', 'a Tensor or undefined', replaced);
    return replaced.handle;
  };
}

/** The hook is given the user's own object while there is one; held strongly, it would never be let go. */
function leafHook<T extends Tensor>(leaf: T, hook: (leaf: T) => void): (handle: Handle) => void {
  const own = new WeakRef(leaf);
  return (handle) => {
    const other = wrap(handle);
    refuseLater('hook', hook(own.deref() ?? (other as T)));
  };
}

/** @internal Makes the tensor of a handle that the addon returned. */
export function wrap(handle: Handle): Tensor {
  const tensor = new Tensor(handle);
  enroll(tensor);
  return tensor;
}

/**
 * Whether a value is a {@link Tensor}.
 *
 * @example
 * torch.isTensor(torch.ones([1])); // true
 */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

/** @internal The handle of a tensor. */
export function handleOf(tensor: Tensor): Handle {
  if (!(tensor instanceof Tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  return tensor.handle;
}

/** @internal The handles of an array of tensors, `name` being the argument that holds it. */
export function handlesOf(name: string, tensors: readonly Tensor[]): Handle[] {
  if (!Array.isArray(tensors)) throw invalidArgument(name, 'an array of Tensors', tensors);
  return elementsOf(tensors as readonly unknown[]).map((tensor, i) => {
    if (!isTensor(tensor)) throw invalidArgument(`${name}[${i}]`, 'a Tensor', tensor);
    return tensor.handle;
  });
}

/**
 * The handles of the leaves that a backward pass is limited to; undefined for all.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for an empty array, which libtorch would take for all of them.
 */
export function leavesOf(inputs: unknown): Handle[] | undefined {
  if (inputs === undefined) return undefined;
  const handles = handlesOf('inputs', inputs as readonly Tensor[]);
  if (handles.length === 0) throw invalidArgument('inputs', 'an array of at least one Tensor', inputs);
  return handles;
}

/** A promise of a value that lets the event loop turn. */
const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value));

function entry(values: number[], dim: number): number {
  const value = Number.isInteger(dim) ? values.at(dim) : undefined;
  if (value === undefined) throw invalidArgument('dim', `one of ${values.length} dimensions`, dim, 'ERR_INDEX');
  return value;
}

const readBackward = optionsOf('backward()', {
  gradient: [orNull(kind<Tensor>('a Tensor', isTensor)), null],
  createGraph: [flag, false],
  retainGraph: [flag, undefined],
  inputs: [anything, undefined],
});
