import { native } from '../binding/index.js';
import { isCapturing } from '../cuda/graph.js';
import { TorchClipError } from '../errors.js';
import { keep } from '../scope.js';
import type { Tensor } from '../tensor.js';

type Copy = ReturnType<typeof native.copyBegin>;

/**
 * Counts iterations in a row whose gradients held NaN or inf. A GPU keeps the count itself and is asked without waiting, so its answer
 * may be a few iterations late.
 */
export class SkipCount {
  readonly #most: number;
  #inARow = 0;
  #onDevice: Tensor | undefined;
  #asked: Copy | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @param found a tensor of one number, more than 0 where there was NaN or inf.
   * @throws {TorchClipError} `ERR_NONFINITE` when that is known to have happened more often in a row than allowed.
   */
  add(found: Tensor): void {
    if (found.device.type === 'cpu') this.#inARow = found.item() > 0 ? this.#inARow + 1 : 0;
    else this.#addOnDevice(found);
    if (this.#inARow > this.#most) {
      throw new TorchClipError(
        'ERR_NONFINITE',
        `more than maxConsecutiveSkips = ${this.#most} steps in a row had gradients with NaN or inf and were skipped; ` +
          'no scale can fix that, so look for what makes them',
      );
    }
  }

  #addOnDevice(found: Tensor): void {
    const bad = found.gt(0);
    this.#onDevice = keep((this.#onDevice ?? found.mul(0)).add(1).mul(bad));
    if (isCapturing()) return;
    if (this.#asked !== undefined) {
      if (!native.copyDone(this.#asked)) return;
      this.#inARow = native.copyValue(this.#asked) as number;
    }
    this.#asked = native.copyBegin(this.#onDevice.handle, true);
  }
}
