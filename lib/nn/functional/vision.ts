import { arrayOf, check, flag, integer, number, oneOf, oneOrMany, orNull, sizes } from '../../check.js';
import { invalidArgument, mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { nativeOp } from '../../ops/overload.js';
import { alternative, optionsOf } from '../../options.js';
import { type Handle, type Tensor, wrap } from '../../tensor.js';
import { interpolateModes } from '../tables.js';

/** How {@link interpolate} fills in values. */
export type InterpolateMode = (typeof interpolateModes)[number];

/** What {@link interpolate} takes beside the input: `size` or `scaleFactor`. */
export interface InterpolateOptions {
  /** The spatial sizes of the result; default null, by `scaleFactor`. */
  size?: number | readonly number[] | null;
  /** What the spatial sizes are multiplied by; default null, by `size`. */
  scaleFactor?: number | readonly number[] | null;
  /** Default: `'nearest'`. */
  mode?: InterpolateMode;
  /** Whether the corners' centres stay in place; for the linear and cubic modes. Default: false. */
  alignCorners?: boolean | null;
  /** Compute with the ratio of the sizes instead of the scale that was given. Default: false. */
  recomputeScaleFactor?: boolean | null;
  /** Smooth the input before shrinking it; for bilinear and bicubic. Default: false. */
  antialias?: boolean;
}

const modes: Readonly<Record<string, (dims: number, antialias: boolean) => string | undefined>> = {
  nearest: (dims) => `upsample_nearest${dims}d`,
  'nearest-exact': (dims) => `_upsample_nearest_exact${dims}d`,
  linear: (dims) => (dims === 1 ? 'upsample_linear1d' : undefined),
  bilinear: (dims, aa) => (dims === 2 ? (aa ? '_upsample_bilinear2d_aa' : 'upsample_bilinear2d') : undefined),
  bicubic: (dims, aa) => (dims === 2 ? (aa ? '_upsample_bicubic2d_aa' : 'upsample_bicubic2d') : undefined),
  trilinear: (dims) => (dims === 3 ? 'upsample_trilinear3d' : undefined),
};

const readInterpolate = optionsOf('interpolate()', {
  size: [orNull(oneOrMany), null],
  scaleFactor: [orNull(oneOrMany), null],
  mode: [oneOf(...interpolateModes), 'nearest'],
  alignCorners: [orNull(flag), null],
  recomputeScaleFactor: [orNull(flag), null],
  antialias: [flag, false],
});

/**
 * Resizes the spatial dimensions of `[N, C, ...]` (1 to 3 of them).
 *
 * @example
 * F.interpolate(images, { scaleFactor: 2, mode: 'bilinear' });
 */
export function interpolate(input: Tensor, options: InterpolateOptions): Tensor {
  const o = readInterpolate(options);
  check('input', input, tensor);
  const dims = input.ndim - 2;
  if (dims < 1 || dims > 3) {
    throw mustHave('input', '3 to 5 dimensions', input.shape);
  }
  alternative('interpolate()', { size: o.size, scaleFactor: o.scaleFactor });
  const nearest = o.mode === 'nearest' || o.mode === 'nearest-exact' || o.mode === 'area';
  if (nearest && o.alignCorners !== null) {
    throw new TorchClipError('ERR_ARGUMENT', `"alignCorners" cannot be combined with the mode '${o.mode}'`);
  }
  let size = o.size === null ? null : sizes('size', o.size, dims, number);
  let scales = o.scaleFactor === null ? null : sizes('scaleFactor', o.scaleFactor, dims, number);
  if (scales !== null && (o.recomputeScaleFactor || o.mode === 'area')) {
    size = input.shape.slice(2).map((n, d) => Math.floor(n * scales![d]!));
    scales = null;
  }
  if (o.mode === 'area') {
    return [ops.adaptiveAvgPool1d, ops.adaptiveAvgPool2d, ops.adaptiveAvgPool3d][dims - 1]!(input, size!);
  }
  const name = modes[o.mode]!(dims, o.antialias);
  if (name === undefined) throw invalidArgument('mode', `one for ${dims} spatial dimensions`, o.mode);
  const native = nativeOp(name, 'vec');
  const args = nearest ? [size, scales] : [size, o.alignCorners ?? false, scales];
  return wrap(native(input.handle, ...args) as Handle);
}

/** What {@link gridSample} takes beside its tensors. */
export interface GridSampleOptions {
  /** Default: `'bilinear'`. */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside the input. Default: `'zeros'`. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the corner pixels' centres and not their outer edges. Default: false. */
  alignCorners?: boolean;
}

const gridModes = ['bilinear', 'nearest', 'bicubic'] as const;
const gridPaddings = ['zeros', 'border', 'reflection'] as const;
const readGridSample = optionsOf('gridSample()', {
  mode: [oneOf(...gridModes), 'bilinear'],
  paddingMode: [oneOf(...gridPaddings), 'zeros'],
  alignCorners: [flag, false],
});

/**
 * The values of `input` `[N, C, H, W]` at the points of `grid` `[N, h, w, 2]`, given as x and y from -1 to 1; or in three dimensions.
 *
 * In two dimensions on the CPU, a NaN coordinate is the first pixel's with `'border'` and `'reflection'`, and its
 * gradient is 0.
 *
 * @example
 * F.gridSample(images, F.affineGrid(theta, images.shape, { alignCorners: false }), { alignCorners: false });
 */
export function gridSample(input: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  const { mode, paddingMode, alignCorners } = readGridSample(options);
  check('input', input, tensor);
  check('grid', grid, tensor);
  return ops.gridSampler(input, grid, gridModes.indexOf(mode), gridPaddings.indexOf(paddingMode), alignCorners);
}

const readAffineGrid = optionsOf('affineGrid()', { alignCorners: [flag, false] });

/**
 * The grid of {@link gridSample} that maps by the affine matrices `theta` `[N, 2, 3]` onto a result of `size` `[N, C, H, W]`.
 *
 * @example
 * const grid = F.affineGrid(theta, [8, 3, 32, 32], { alignCorners: false });
 */
export function affineGrid(theta: Tensor, size: readonly number[], options?: { alignCorners?: boolean }): Tensor {
  const { alignCorners } = readAffineGrid(options);
  check('theta', theta, tensor);
  check('size', size, arrayOf(integer()));
  return ops.affineGridGenerator(theta, size, alignCorners);
}

/** What {@link unfold} and {@link fold} take beside the input and sizes; one number stands for both dimensions. */
export interface UnfoldOptions {
  /** Default: 1. */
  dilation?: number | readonly number[];
  /** Default: 0. */
  padding?: number | readonly number[];
  /** Default: 1. */
  stride?: number | readonly number[];
}

type Pair = number | readonly number[];
const unfoldTable = { dilation: [oneOrMany, 1], padding: [oneOrMany, 0], stride: [oneOrMany, 1] } as const;
const readUnfold = optionsOf('unfold()', unfoldTable);

/**
 * The windows of `[N, C, H, W]` as columns, `[N, C * kh * kw, L]`.
 *
 * @example
 * const patches = F.unfold(images, 3, { padding: 1 });
 */
export function unfold(input: Tensor, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const { dilation, padding, stride } = readUnfold(options);
  check('input', input, tensor);
  check('kernelSize', kernelSize, oneOrMany);
  return ops.im2col(input, kernelSize, dilation, padding, stride);
}

const readFold = optionsOf('fold()', unfoldTable);

/**
 * Adds up the columns of {@link unfold} in an image of `outputSize`.
 *
 * @example
 * const images = F.fold(patches, [32, 32], 3, { padding: 1 });
 */
export function fold(input: Tensor, outputSize: Pair, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const { dilation, padding, stride } = readFold(options);
  check('input', input, tensor);
  check('outputSize', outputSize, oneOrMany);
  check('kernelSize', kernelSize, oneOrMany);
  return ops.col2im(input, outputSize, kernelSize, dilation, padding, stride);
}
