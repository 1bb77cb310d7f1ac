// What an `autograd.Function` hands from its forward pass to its backward pass.
import { describe, TorchClipError } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';

/** @internal What only the functions themselves may do with a context. */
export let inForward: (ctx: FunctionContext, on: boolean) => void;
/** @internal */
export let read: (ctx: FunctionContext, saved: readonly (Tensor | null)[] | undefined) => typeof saved;
/** @internal */
export let take: (ctx: FunctionContext) => Notes;
/** @internal */
export let forget: (ctx: FunctionContext) => void;

/** @internal What a forward pass has said of its tensors. */
export interface Notes {
  saved: (Tensor | null)[];
  forForward: (Tensor | null)[];
  dirty: Tensor[];
  nonDifferentiable: Tensor[];
  materialize: boolean;
}
/** @internal */
export const blank = (): Notes => ({ saved: [], forForward: [], dirty: [], nonDifferentiable: [], materialize: true });

/**
 * What `forward` hands on to `backward` of an `autograd.Function`. Any other property can be set on it, for numbers and options;
 * tensors go through {@link saveForBackward}, as a property that is an input or output of the function keeps the graph for good.
 *
 * @example
 * class Scale extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionContext, x: Tensor, factor: number) {
 *     ctx.factor = factor;
 *     return x.mul(factor);
 *   }
 *   static backward(ctx: torch.autograd.FunctionContext, gradient: Tensor) {
 *     return [gradient.mul(ctx.factor as number), null];
 *   }
 * }
 */
export class FunctionContext {
  [property: string]: unknown;

  /** Whether each argument of `apply` is a tensor that requires gradients: what `backward` need not compute can be left out. */
  needsInputGrad: readonly boolean[] = [];
  #notes = blank();
  #open = false;
  #saved: readonly (Tensor | null)[] | undefined;

  static {
    inForward = (ctx, on) => {
      ctx.#open = on;
    };
    read = (ctx, saved) => {
      const before = ctx.#saved;
      ctx.#saved = saved;
      return before;
    };
    take = (ctx) => {
      const notes = ctx.#notes;
      ctx.#notes = { ...blank(), forForward: notes.forForward };
      return notes;
    };
    forget = (ctx) => {
      ctx.#notes = blank();
    };
  }

  /**
   * Keeps inputs and outputs of the function for `backward`, which reads {@link savedTensors}. One that is written in place before that
   * is refused there.
   */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.#notes.saved = this.#list('saveForBackward', tensors, true);
  }

  /** Keeps tensors for `jvp`, which reads {@link savedTensors}. */
  saveForForward(...tensors: (Tensor | null)[]): void {
    this.#notes.forForward = this.#list('saveForForward', tensors, true);
  }

  /** Names the inputs that `forward` has written in place; they must be among its outputs. */
  markDirty(...tensors: Tensor[]): void {
    this.#notes.dirty = this.#list('markDirty', tensors) as Tensor[];
  }

  /** Names the outputs that have no gradient, such as indices. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    this.#notes.nonDifferentiable = this.#list('markNonDifferentiable', tensors) as Tensor[];
  }

  /** Whether `backward` is given zeros, instead of null, for outputs whose gradient is not needed; default true. */
  setMaterializeGrads(on: boolean): void {
    this.#check('setMaterializeGrads');
    if (typeof on !== 'boolean') throw new TorchClipError('ERR_ARGUMENT', '"on" must be true or false');
    this.#notes.materialize = on;
  }

  /** What {@link saveForBackward} has kept; to be read in `backward`, or in `jvp` what {@link saveForForward} has kept. */
  get savedTensors(): readonly Tensor[] {
    if (this.#saved === undefined) {
      throw new TorchClipError('ERR_STATE', 'ctx.savedTensors can be read in backward() and jvp() only');
    }
    return this.#saved as readonly Tensor[];
  }

  #check(name: string): void {
    if (this.#open) return;
    throw new TorchClipError('ERR_STATE', `ctx.${name}() can be called in forward() or setupContext() only`);
  }

  #list(name: string, tensors: readonly unknown[], orNull = false): (Tensor | null)[] {
    this.#check(name);
    return tensors.map((tensor, i) => {
      if (isTensor(tensor) || (orNull && (tensor === null || tensor === undefined))) return tensor ?? null;
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `argument ${i} of ctx.${name}() must be a Tensor, got ${describe(tensor)}`,
      );
    });
  }
}
