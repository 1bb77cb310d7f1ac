import type { Tensor } from '../../tensor.js';
import { type InterpolateOptions, interpolate } from './vision.js';

/**
 * {@link interpolate}, by its old name.
 *
 * @example
 * F.upsample(images, { scaleFactor: 2 });
 */
export function upsample(
  input: Tensor,
  options: Pick<InterpolateOptions, 'size' | 'scaleFactor' | 'mode' | 'alignCorners'>,
): Tensor {
  return interpolate(input, options);
}

/**
 * {@link interpolate} by the nearest element, by its old name.
 *
 * @example
 * F.upsampleNearest(images, { size: [32, 32] });
 */
export function upsampleNearest(input: Tensor, options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>): Tensor {
  return interpolate(input, { ...options, mode: 'nearest' });
}

/**
 * {@link interpolate} of `[N, C, H, W]` bilinearly with the corners in place, by its old name.
 *
 * @example
 * F.upsampleBilinear(images, { size: [32, 32] });
 */
export function upsampleBilinear(input: Tensor, options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>): Tensor {
  return interpolate(input, { ...options, mode: 'bilinear', alignCorners: true });
}
