import { check, flag, number, oneOrMany, orNull, sizes } from '../../check.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import {
  maxPool1dWithIndices,
  maxUnpool2d as unpool2d,
  maxUnpool3d as unpool3d,
} from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';

export { maxPool1dWithIndices };

type Sizes = number | readonly number[];

/**
 * The maxima of windows that divide `[N, C, L]` into `outputSize` parts.
 *
 * @example
 * F.adaptiveMaxPool1d(x, 4);
 */
export function adaptiveMaxPool1d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool1d(input, outputSize)[0];
}

/**
 * The maxima of windows that divide `[N, C, H, W]` into `outputSize` parts.
 *
 * @example
 * F.adaptiveMaxPool2d(x, 4);
 */
export function adaptiveMaxPool2d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool2d(input, outputSize)[0];
}

/**
 * The maxima of windows that divide `[N, C, D, H, W]` into `outputSize` parts.
 *
 * @example
 * F.adaptiveMaxPool3d(x, 4);
 */
export function adaptiveMaxPool3d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool3d(input, outputSize)[0];
}

/**
 * {@link adaptiveMaxPool1d} and the positions of the maxima.
 *
 * @example
 * const [values, indices] = F.adaptiveMaxPool1dWithIndices(x, 4);
 */
export const adaptiveMaxPool1dWithIndices = ops.adaptiveMaxPool1d;
/**
 * {@link adaptiveMaxPool2d} and the positions of the maxima.
 *
 * @example
 * const [values, indices] = F.adaptiveMaxPool2dWithIndices(x, 4);
 */
export const adaptiveMaxPool2dWithIndices = ops.adaptiveMaxPool2d;
/**
 * {@link adaptiveMaxPool3d} and the positions of the maxima.
 *
 * @example
 * const [values, indices] = F.adaptiveMaxPool3dWithIndices(x, 4);
 */
export const adaptiveMaxPool3dWithIndices = ops.adaptiveMaxPool3d;

/** What the max unpooling functions take beside the input, the indices and the kernel's size. */
export interface MaxUnpoolOptions {
  /** Default: the kernel's size. */
  stride?: Sizes | null;
  /** Default: 0. */
  padding?: Sizes;
  /** The spatial sizes of the result. Default: the smallest that the pooling could have come from. */
  outputSize?: readonly number[] | null;
}

const unpoolTable = {
  stride: [orNull(oneOrMany), null],
  padding: [oneOrMany, 0],
  outputSize: [orNull(oneOrMany), null],
} as const;

/** The sizes that a max unpooling over `n` dimensions needs, from its options. */
function unpoolOf(name: string, n: number) {
  const read = optionsOf(`${name}()`, unpoolTable);
  return (input: Tensor, kernelSize: Sizes, options: MaxUnpoolOptions | undefined) => {
    const o = read(options);
    check('input', input, tensor);
    const kernel = sizes('kernelSize', kernelSize, n, number);
    const stride = o.stride === null ? kernel : sizes('stride', o.stride, n, number);
    const padding = sizes('padding', o.padding, n, number);
    const full: unknown = o.outputSize;
    const size =
      full === null
        ? input.shape.slice(-n).map((length, d) => (length - 1) * stride[d]! + kernel[d]! - 2 * padding[d]!)
        : sizes('outputSize', Array.isArray(full) && full.length === n + 2 ? full.slice(2) : full, n, number);
    return { size, stride, padding };
  };
}

const unpooling1d = unpoolOf('maxUnpool1d', 1);
const unpooling2d = unpoolOf('maxUnpool2d', 2);
const unpooling3d = unpoolOf('maxUnpool3d', 3);

/**
 * Puts the maxima of a pooling of `[N, C, L]` back where they were, and zeros elsewhere.
 *
 * @example
 * const [values, indices] = F.maxPool1dWithIndices(x, 2);
 * F.maxUnpool1d(values, indices, 2);
 */
export function maxUnpool1d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  const [length] = unpooling1d(input, kernelSize, options).size;
  check('indices', indices, tensor);
  return unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [length!, 1]).squeeze(-1);
}

/**
 * Puts the maxima of a pooling of `[N, C, H, W]` back where they were, and zeros elsewhere.
 *
 * @example
 * const [values, indices] = F.maxPool2dWithIndices(x, 2);
 * F.maxUnpool2d(values, indices, 2);
 */
export function maxUnpool2d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  return unpool2d(input, indices, unpooling2d(input, kernelSize, options).size);
}

/**
 * Puts the maxima of a pooling of `[N, C, D, H, W]` back where they were, and zeros elsewhere.
 *
 * @example
 * const [values, indices] = F.maxPool3dWithIndices(x, 2);
 * F.maxUnpool3d(values, indices, 2);
 */
export function maxUnpool3d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  const { size, stride, padding } = unpooling3d(input, kernelSize, options);
  return unpool3d(input, indices, size, stride, padding);
}

/** What the power-average pooling functions take beside the input, the norm and the kernel's size. */
export interface LpPoolOptions {
  /** Default: the kernel's size. */
  stride?: Sizes | null;
  /** Include the windows that the input fills only in part. Default: false. */
  ceilMode?: boolean;
}

type Pool = (input: Tensor, kernelSize: Sizes, options: { stride?: Sizes; ceilMode: boolean }) => Tensor;

const lpPoolTable = { stride: [orNull(oneOrMany), null], ceilMode: [flag, false] } as const;

/** The power-average pooling over `n` dimensions. */
function lpPoolOf(name: string, n: number, average: Pool, maximum: Pool) {
  const read = optionsOf(`${name}()`, lpPoolTable);
  return (input: Tensor, normType: number, kernelSize: Sizes, options?: LpPoolOptions): Tensor => {
    const { stride, ceilMode } = read(options);
    check('input', input, tensor);
    check('normType', normType, number);
    const kernel = sizes('kernelSize', kernelSize, n, number);
    const rest = { ceilMode, ...(stride !== null && { stride: sizes('stride', stride, n, number) }) };
    if (normType === Infinity) return maximum(input.abs(), kernel, rest);
    const mean = average(input.pow(normType), kernel, rest);
    const count = kernel.reduce((product, k) => product * k, 1);
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(count)
      .pow(1 / normType);
  };
}

/**
 * The `normType`-norms of windows of `[N, C, L]`.
 *
 * @example
 * F.lpPool1d(x, 2, 3);
 */
export const lpPool1d = lpPoolOf('lpPool1d', 1, ops.avgPool1d, ops.maxPool1d);

/**
 * The `normType`-norms of windows of `[N, C, H, W]`.
 *
 * @example
 * F.lpPool2d(x, 2, 3);
 */
export const lpPool2d = lpPoolOf('lpPool2d', 2, ops.avgPool2d, ops.maxPool2d);

/**
 * The `normType`-norms of windows of `[N, C, D, H, W]`.
 *
 * @example
 * F.lpPool3d(x, 2, 3);
 */
export const lpPool3d = lpPoolOf('lpPool3d', 3, ops.avgPool3d, ops.maxPool3d);
