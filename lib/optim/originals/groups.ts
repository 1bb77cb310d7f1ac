import { describe, TorchClipError } from '../../errors.js';
import { strided } from '../../layout.js';
import type { Tensor } from '../../tensor.js';
import { mismatch } from '../engine/saved.js';

/** The parameters of a group that have gradients, and these gradients. */
export function moving(params: readonly Tensor[]): { params: Tensor[]; grads: Tensor[] } {
  const found = { params: [] as Tensor[], grads: [] as Tensor[] };
  for (const param of params) {
    const { grad } = param;
    if (grad === null) continue;
    if (grad.layout !== strided) {
      throw new TorchClipError('ERR_ARGUMENT', 'the optimizer does not support sparse gradients with reference: true');
    }
    found.params.push(param);
    found.grads.push(grad);
  }
  return found;
}

/** Refuses a state that was saved under other constructor options. */
export function sameOptions(saved: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(own)) {
    if (saved[name] !== value) {
      throw mismatch(`reference.${name} is ${describe(saved[name])}, the optimizer has ${describe(value)}`);
    }
  }
}
