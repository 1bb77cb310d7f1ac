import { describe, TorchClipError } from '../../errors.js';
import { strided } from '../../layout.js';
import { keep } from '../../scope.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { mismatch } from '../engine/saved.js';

/** A parameter group as a stepper reads it: the options as they are now, and the parameters. */
export type ReferenceGroup<G> = Readonly<Required<G>> & { readonly params: readonly Tensor[] };

/** A stepper's state: of each parameter in the groups' order, null before its first step, and what belongs to none of them. */
export interface ReferenceState {
  own: (Readonly<Record<string, Tensor | number>> | null)[];
  shared: Readonly<Record<string, unknown>>;
}

/**
 * An optimizer as its authors' code computes it, quirks included, on plain tensor operations.
 *
 * The optimizer that delegates to it calls it without recording for autograd.
 */
export interface ReferenceStepper<G> {
  /** Takes a step. What it refuses, it refuses before anything is written. */
  step(groups: readonly ReferenceGroup<G>[]): void;
  /** Copies of the state. */
  save(params: readonly Tensor[]): ReferenceState;
  /**
   * Checks a state against the parameters and options.
   *
   * @returns what takes it over, and cannot fail.
   * @throws {TorchClipError} `ERR_STATE` naming what does not fit.
   */
  parse(state: ReferenceState, params: readonly Tensor[]): () => void;
}

/** The parameters of a group that have gradients, with them. */
export function moving(params: readonly Tensor[]): { params: Tensor[]; grads: Tensor[] } {
  const found = { params: [] as Tensor[], grads: [] as Tensor[] };
  for (const param of params) {
    const { grad } = param;
    if (grad === null) continue;
    if (grad.layout !== strided) {
      throw new TorchClipError('ERR_ARGUMENT', 'the optimizer does not support sparse gradients');
    }
    found.params.push(param);
    found.grads.push(grad);
  }
  return found;
}

/** A copy, of a parameter for instance, that lives as long as its owner. */
export const kept = (t: Tensor): Tensor => keep(t.detach().clone());

export const sameShape = (a: Tensor, b: Tensor): boolean => {
  const [is, wants] = [a.shape, b.shape];
  return is.length === wants.length && is.every((n, d) => n === wants[d]);
};

/** A saved tensor of the parameter's shape, as a copy of its dtype and device. */
export function savedTensor(where: string, value: unknown, like: Tensor): Tensor {
  if (!isTensor(value)) throw mismatch(`${where} must be a Tensor, got ${describe(value)}`);
  if (!sameShape(value, like)) {
    throw mismatch(`${where} has shape [${value.shape.join(', ')}], the parameter has [${like.shape.join(', ')}]`);
  }
  return kept(value.detach().to({ dtype: like.dtype, device: like.device }));
}

export function savedNumber(where: string, value: unknown): number {
  if (typeof value !== 'number') throw mismatch(`${where} must be a number, got ${describe(value)}`);
  return value;
}

export function savedCount(where: string, value: unknown): number {
  const count = isTensor(value) && value.numel() === 1 ? value.item() : value;
  if (!Number.isSafeInteger(count) || (count as number) < 0) {
    throw mismatch(`${where} must be an integer >= 0, got ${describe(count)}`);
  }
  return count as number;
}

/** Refuses a state that was saved under other constructor options. */
export function sameOptions(saved: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(own)) {
    if (saved[name] !== value) {
      throw mismatch(`reference.${name} is ${describe(saved[name])}, the optimizer has ${describe(value)}`);
    }
  }
}
