import { invalidArgument, TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { nativeOp } from '../../ops/overload.js';
import { withDefaults } from '../../options.js';
import { type Handle, type Tensor, wrap } from '../../tensor.js';
import { checkTensors, numbers, wordCode } from './arguments.js';

/** How {@link interpolate} fills in values. */
export type InterpolateMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

/** What {@link interpolate} takes beside the input: `size` or `scaleFactor`. */
export interface InterpolateOptions {
  /** The spatial sizes of the result. */
  size?: number | readonly number[] | null;
  /** What the spatial sizes are multiplied with. */
  scaleFactor?: number | readonly number[] | null;
  /** Default: `'nearest'`. */
  mode?: InterpolateMode;
  /** Whether the corners' centres stay in place; for the linear and cubic modes. Default: false. */
  alignCorners?: boolean | null;
  /** Compute with the scale of the sizes instead of the one given. Default: false. */
  recomputeScaleFactor?: boolean | null;
  /** Smooth before making smaller; for bilinear and bicubic. Default: false. */
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

/**
 * Resizes the spatial dimensions of `[N, C, ...]` (1 to 3 of them).
 *
 * @example
 * F.interpolate(images, { scaleFactor: 2, mode: 'bilinear' });
 */
export function interpolate(input: Tensor, options: InterpolateOptions): Tensor {
  const o = withDefaults('interpolate', options, {
    size: null as number | readonly number[] | null,
    scaleFactor: null as number | readonly number[] | null,
    mode: 'nearest' as InterpolateMode,
    alignCorners: null as boolean | null,
    recomputeScaleFactor: null as boolean | null,
    antialias: false,
  });
  checkTensors({ input });
  const dims = input.ndim - 2;
  if (dims < 1 || dims > 3) {
    throw new TorchClipError(
      'ERR_SHAPE',
      `"input" must have 3 to 5 dimensions, got a tensor of shape [${input.shape}]`,
    );
  }
  if ((o.size === null) === (o.scaleFactor === null)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'either "size" or "scaleFactor" of interpolate() must be given, and not both',
    );
  }
  const nearest = o.mode === 'nearest' || o.mode === 'nearest-exact' || o.mode === 'area';
  if (nearest && o.alignCorners !== null) {
    throw invalidArgument('alignCorners', `absent in the mode '${o.mode}'`, o.alignCorners);
  }
  let size = o.size === null ? null : numbers('size', o.size, dims);
  let scales = o.scaleFactor === null ? null : numbers('scaleFactor', o.scaleFactor, dims);
  if (scales !== null && (o.recomputeScaleFactor || o.mode === 'area')) {
    size = input.shape.slice(2).map((n, d) => Math.floor(n * scales![d]!));
    scales = null;
  }
  if (o.mode === 'area') {
    return [ops.adaptiveAvgPool1d, ops.adaptiveAvgPool2d, ops.adaptiveAvgPool3d][dims - 1]!(input, size!);
  }
  const name = Object.hasOwn(modes, o.mode) ? modes[o.mode]!(dims, o.antialias) : undefined;
  if (name === undefined) {
    throw invalidArgument('mode', `an interpolation of ${dims} spatial dimensions`, o.mode);
  }
  const native = nativeOp(name, 'vec');
  const args = nearest ? [size, scales] : [size, o.alignCorners ?? false, scales];
  return wrap(native(input.handle, ...args) as Handle);
}

/** What {@link gridSample} takes beside its tensors. */
export interface GridSampleOptions {
  /** Default: `'bilinear'`. */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What is outside. Default: `'zeros'`. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the corner pixels' centres and not their outer edges. Default: false. */
  alignCorners?: boolean;
}

/** The values of `input` `[N, C, H, W]` at the places of `grid` `[N, h, w, 2]`, as x and y from -1 to 1; or in three dimensions. */
export function gridSample(input: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  const { mode, paddingMode, alignCorners } = withDefaults('gridSample', options, {
    mode: 'bilinear',
    paddingMode: 'zeros',
    alignCorners: false,
  });
  const interpolation = wordCode('mode', ['bilinear', 'nearest', 'bicubic'], mode);
  const padding = wordCode('paddingMode', ['zeros', 'border', 'reflection'], paddingMode);
  return ops.gridSampler(input, grid, interpolation, padding, alignCorners);
}

/** The grid of {@link gridSample} that maps by the affine matrices `theta` `[N, 2, 3]` onto a result of `size` `[N, C, H, W]`. */
export function affineGrid(theta: Tensor, size: readonly number[], options?: { alignCorners?: boolean }): Tensor {
  const { alignCorners } = withDefaults('affineGrid', options, { alignCorners: false });
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
const unfoldDefaults = { dilation: 1 as Pair, padding: 0 as Pair, stride: 1 as Pair };

/** The windows of `[N, C, H, W]` as columns, `[N, C * kh * kw, L]`. */
export function unfold(input: Tensor, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const { dilation, padding, stride } = withDefaults('unfold', options, unfoldDefaults);
  return ops.im2col(input, kernelSize, dilation, padding, stride);
}

/** Adds up the columns of {@link unfold} in an image of `outputSize`. */
export function fold(input: Tensor, outputSize: Pair, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const { dilation, padding, stride } = withDefaults('fold', options, unfoldDefaults);
  return ops.col2im(input, outputSize, kernelSize, dilation, padding, stride);
}
