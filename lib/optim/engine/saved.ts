// Reading a state dict: each function names what does not fit.
import { describe, TorchClipError } from '../../errors.js';
import { sparseCoo, strided } from '../../layout.js';
import { keep } from '../../scope.js';
import { sameShape, shapeText } from '../../shape.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** @internal */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** @internal A state dict that was saved for something else. */
export const mismatch = (message: string) => new TorchClipError('ERR_STATE', message);

/** @internal A copy that no scope disposes: its owner lives longer. */
export const kept = (t: Tensor): Tensor => keep(t.detach().clone());

/** @internal Whether a tensor has elements that can be copied: neither a sparse nor a meta one is what a state dict holds. */
export const hasValues = (t: Tensor): boolean => t.layout === strided && t.device.type !== 'meta';

/** @internal The momentum of sparse gradients, which PyTorch's SGD saves as it is, made dense. */
export const dense = (t: Tensor): Tensor =>
  t.layout === sparseCoo && t.device.type !== 'meta' ? t.detach().toDense() : t;

/** @internal A saved tensor of the parameter's shape, as a copy of its dtype and device. */
export function savedTensor(where: string, value: unknown, like: Tensor): Tensor {
  if (!isTensor(value)) throw mismatch(`${where} must be a Tensor, got ${describe(value)}`);
  if (!hasValues(value)) throw mismatch(`${where} must be a dense Tensor with values`);
  if (!sameShape(value.shape, like.shape)) {
    throw mismatch(`${where} has shape ${shapeText(value.shape)}, the parameter has ${shapeText(like.shape)}`);
  }
  return kept(value.detach().to({ dtype: like.dtype, device: like.device }));
}

/** @internal */
export function savedNumber(where: string, value: unknown): number {
  const number = numberOf(value);
  if (typeof number !== 'number') throw mismatch(`${where} must be a number, got ${describe(value)}`);
  return number;
}

/** @internal */
export function savedCount(where: string, value: unknown): number {
  const count = numberOf(value);
  if (!Number.isSafeInteger(count) || (count as number) < 0) {
    throw mismatch(`${where} must be an integer >= 0, got ${describe(count)}`);
  }
  return count as number;
}

// PyTorch keeps numbers in tensors.
const numberOf = (value: unknown): unknown => (isTensor(value) && value.numel() === 1 ? value.item() : value);
