import { TorchClipError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { type InterpolateMode, interpolate } from '../functional/vision.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/** The size to reach or the factor to grow by: one of the two; a number stands for every spatial dimension. */
export interface UpsampleSize {
  size?: number | readonly number[] | null;
  scaleFactor?: number | readonly number[] | null;
}

/** Options of {@link Upsample}. */
export interface UpsampleOptions extends UpsampleSize {
  /** Default `'nearest'`. */
  mode?: InterpolateMode;
  /** Keep the corners' centres in place; for the linear and cubic modes, default false. */
  alignCorners?: boolean | null;
  /** Compute with the scale of the resulting sizes rather than the one given; default false. */
  recomputeScaleFactor?: boolean | null;
}

/**
 * Resizes the spatial dimensions of `[n, channels, ...]`, 1 to 3 of them.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` unless exactly one of `size` and `scaleFactor` is given.
 *
 * @example
 * new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }).forward(torch.randn([1, 3, 4, 4])).shape; // [1, 3, 8, 8]
 */
export class Upsample extends Module {
  readonly size: number | readonly number[] | null;
  readonly scaleFactor: number | readonly number[] | null;
  readonly mode: InterpolateMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions) {
    const { size = null, scaleFactor = null, mode = 'nearest', ...more } = check.given(options);
    const { alignCorners = null, recomputeScaleFactor = null, ...unknown } = more;
    super();
    check.noUnknown(unknown);
    if ((size === null) === (scaleFactor === null)) {
      throw new TorchClipError('ERR_ARGUMENT', `${new.target.name} takes either "size" or "scaleFactor", and not both`);
    }
    this.size = size === null ? null : check.numbers('size', size, check.positiveInt);
    this.scaleFactor = scaleFactor === null ? null : check.numbers('scaleFactor', scaleFactor, check.positive);
    this.mode = mode;
    this.alignCorners = alignCorners === null ? null : check.bool('alignCorners', alignCorners);
    this.recomputeScaleFactor =
      recomputeScaleFactor === null ? null : check.bool('recomputeScaleFactor', recomputeScaleFactor);
  }

  override forward(input: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return interpolate(input, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }

  override extraRepr(): string {
    const { size, scaleFactor } = this;
    const factor =
      typeof scaleFactor === 'number' ? print.float(scaleFactor) : print.size(scaleFactor?.map(print.float) ?? null);
    return `${scaleFactor === null ? `size=${print.size(size)}` : `scale_factor=${factor}`}, mode='${this.mode}'`;
  }
}

/**
 * {@link Upsample} of `[n, channels, height, width]` by the nearest pixel.
 *
 * @example
 * new nn.UpsamplingNearest2d({ scaleFactor: 2 }).forward(torch.randn([1, 1, 2, 2])).shape; // [1, 1, 4, 4]
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: UpsampleSize) {
    super(onlySize(options));
  }
}

/**
 * {@link Upsample} of `[n, channels, height, width]` by bilinear interpolation that keeps the corners in place.
 *
 * @example
 * new nn.UpsamplingBilinear2d({ scaleFactor: 2 }).forward(torch.randn([1, 1, 2, 2])).shape; // [1, 1, 4, 4]
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: UpsampleSize) {
    super({ ...onlySize(options), mode: 'bilinear', alignCorners: true });
  }
}

function onlySize(options: UpsampleSize): UpsampleSize {
  const { size = null, scaleFactor = null, ...unknown } = check.given(options);
  check.noUnknown(unknown);
  return { size, scaleFactor };
}
