import type { Tensor } from '../tensor.js';

/**
 * What `GradScaler.step()` returns. Nothing is read from a GPU until {@link skipped} is.
 *
 * @example
 * const { skipped } = scaler.step(optimizer);
 * if (skipped) console.log('the scale was too large');
 */
export class ScaledStep {
  /** Tensors of one number, one per device, 1 where a gradient held NaN or inf, else 0; none where the scaler is not enabled. */
  readonly foundInf: readonly Tensor[];

  /** @internal */
  constructor(foundInf: readonly Tensor[]) {
    this.foundInf = foundInf;
  }

  /** Whether the step was skipped because some gradient held NaN or inf. Waits for the device. */
  get skipped(): boolean {
    return this.foundInf.some((found) => found.item() !== 0);
  }
}
