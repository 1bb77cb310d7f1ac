import { TorchClipError } from '../../errors.js';
import type { Handle, Tensor } from '../../tensor.js';

/** @internal */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** @internal A state dict that was saved for something else. */
export const mismatch = (message: string) => new TorchClipError('ERR_STATE', message);

/**
 * @internal Hands out handles and keeps their tensors. A handle alone does not: its tensor may be collected, and the number may name
 * another one by the time it is used.
 */
export class Held {
  readonly #tensors: Tensor[] = [];

  handle(tensor: Tensor): Handle {
    this.#tensors.push(tensor);
    return tensor.handle;
  }
}
