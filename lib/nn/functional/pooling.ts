import * as ops from '../../ops/generated/functions.js';
import {
  maxPool1dWithIndices,
  maxUnpool2d as unpool2d,
  maxUnpool3d as unpool3d,
} from '../../ops/generated/functions.js';
import { withDefaults } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkTensors, numbers } from './arguments.js';

export { maxPool1dWithIndices };

type Sizes = number | readonly number[];

/** The maxima of windows that divide `[N, C, L]` into `outputSize` parts. */
export function adaptiveMaxPool1d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool1d(input, outputSize)[0];
}

/** The maxima of windows that divide `[N, C, H, W]` into `outputSize` parts. */
export function adaptiveMaxPool2d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool2d(input, outputSize)[0];
}

/** The maxima of windows that divide `[N, C, D, H, W]` into `outputSize` parts. */
export function adaptiveMaxPool3d(input: Tensor, outputSize: Sizes): Tensor {
  return ops.adaptiveMaxPool3d(input, outputSize)[0];
}

/** {@link adaptiveMaxPool1d} and the places of the maxima. */
export const adaptiveMaxPool1dWithIndices = ops.adaptiveMaxPool1d;
/** {@link adaptiveMaxPool2d} and the places of the maxima. */
export const adaptiveMaxPool2dWithIndices = ops.adaptiveMaxPool2d;
/** {@link adaptiveMaxPool3d} and the places of the maxima. */
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

function unpooledSize(name: string, input: Tensor, kernelSize: Sizes, options: unknown, n: number): number[] {
  const o = withDefaults(name, options, {
    stride: null as Sizes | null,
    padding: 0 as Sizes,
    outputSize: null as readonly number[] | null,
  });
  checkTensors({ input });
  if (o.outputSize !== null) {
    const sizes: unknown = o.outputSize;
    return numbers('outputSize', Array.isArray(sizes) && sizes.length === n + 2 ? sizes.slice(2) : sizes, n);
  }
  const kernel = numbers('kernelSize', kernelSize, n);
  const stride = o.stride === null ? kernel : numbers('stride', o.stride, n);
  const padding = numbers('padding', o.padding, n);
  const sizes = input.shape.slice(-n);
  return sizes.map((size, d) => (size - 1) * stride[d]! + kernel[d]! - 2 * padding[d]!);
}

/** Puts the maxima of a pooling of `[N, C, L]` back where they were, zeros elsewhere. */
export function maxUnpool1d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  const [length] = unpooledSize('maxUnpool1d', input, kernelSize, options, 1);
  checkTensors({ indices });
  return unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [length!, 1]).squeeze(-1);
}

/** Puts the maxima of a pooling of `[N, C, H, W]` back where they were, zeros elsewhere. */
export function maxUnpool2d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  return unpool2d(input, indices, unpooledSize('maxUnpool2d', input, kernelSize, options, 2));
}

/** Puts the maxima of a pooling of `[N, C, D, H, W]` back where they were, zeros elsewhere. */
export function maxUnpool3d(input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions): Tensor {
  const kernel = numbers('kernelSize', kernelSize, 3);
  const { stride, padding } = { stride: null, padding: 0, ...options };
  const size = unpooledSize('maxUnpool3d', input, kernelSize, options, 3);
  return unpool3d(input, indices, size, stride ?? kernel, padding);
}

/** What the power-average pooling functions take beside the input, the norm and the kernel's size. */
export interface LpPoolOptions {
  /** Default: the kernel's size. */
  stride?: Sizes | null;
  /** Also the windows that the input fills in part. Default: false. */
  ceilMode?: boolean;
}

type Pool = (input: Tensor, kernelSize: Sizes, options: { stride?: Sizes; ceilMode: boolean }) => Tensor;

function lpPool(
  name: string,
  n: number,
  average: Pool,
  maximum: Pool,
  input: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: unknown,
) {
  const { stride, ceilMode } = withDefaults(name, options, { stride: null as Sizes | null, ceilMode: false });
  checkTensors({ input });
  const kernel = numbers('kernelSize', kernelSize, n);
  const rest = { ceilMode, ...(stride === null ? {} : { stride }) };
  if (normType === Number.POSITIVE_INFINITY) return maximum(input.abs(), kernel, rest);
  const mean = average(input.pow(normType), kernel, rest);
  const count = kernel.reduce((product, k) => product * k, 1);
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

/** The `normType`-norms of windows of `[N, C, L]`. */
export function lpPool1d(input: Tensor, normType: number, kernelSize: Sizes, options?: LpPoolOptions): Tensor {
  return lpPool('lpPool1d', 1, ops.avgPool1d, ops.maxPool1d, input, normType, kernelSize, options);
}

/** The `normType`-norms of windows of `[N, C, H, W]`. */
export function lpPool2d(input: Tensor, normType: number, kernelSize: Sizes, options?: LpPoolOptions): Tensor {
  return lpPool('lpPool2d', 2, ops.avgPool2d, ops.maxPool2d, input, normType, kernelSize, options);
}

/** The `normType`-norms of windows of `[N, C, D, H, W]`. */
export function lpPool3d(input: Tensor, normType: number, kernelSize: Sizes, options?: LpPoolOptions): Tensor {
  return lpPool('lpPool3d', 3, ops.avgPool3d, ops.maxPool3d, input, normType, kernelSize, options);
}
