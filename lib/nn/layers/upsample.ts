import {
  arrayOf,
  check,
  finitePositive,
  flag,
  integer,
  type Kind,
  kind,
  oneOf,
  oneOrMany,
  orNull,
} from '../../check.js';
import { alternative, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { type InterpolateMode, interpolate } from '../functional/vision.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { interpolateModes } from '../tables.js';

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

/** One number, or one for each dimension. */
const anyOf = (element: Kind<number>): Kind<number | readonly number[]> =>
  kind(`${element.expected}, or an array of them`, (v) => (Array.isArray(v) ? arrayOf(element) : element).accepts(v));

const sizeTable = { size: [orNull(oneOrMany), null], scaleFactor: [orNull(oneOrMany), null] } as const;
const readSize = optionsOf('Upsample', sizeTable);
const readUpsample = optionsOf('Upsample', {
  ...sizeTable,
  mode: [oneOf(...interpolateModes), 'nearest'],
  alignCorners: [orNull(flag), null],
  recomputeScaleFactor: [orNull(flag), null],
});

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
    super();
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = readUpsample(options, new.target.name);
    alternative(new.target.name, { size, scaleFactor });
    this.size = check('size', size, orNull(anyOf(integer(1))));
    this.scaleFactor = check('scaleFactor', scaleFactor, orNull(anyOf(finitePositive)));
    this.mode = mode;
    this.alignCorners = alignCorners;
    this.recomputeScaleFactor = recomputeScaleFactor;
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
    super(readSize(options, new.target.name));
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
    super({ ...readSize(options, new.target.name), mode: 'bilinear', alignCorners: true });
  }
}
