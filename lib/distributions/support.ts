// Supports that can be written down value by value.
import { flag } from '../check.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import type { EnumerateOptions } from './distribution.js';

const read = optionsOf('enumerateSupport()', { expand: [flag, true] });

/** 0, 1, ... along a new first dimension, in the dtype of `like`. */
export const outcomes = (
  count: number,
  like: Pick<Tensor, 'dtype' | 'device'>,
  batchShape: readonly number[],
  options?: EnumerateOptions,
): Tensor => overBatch(ops.arange(count, { dtype: like.dtype, device: like.device }), batchShape, options);

/** Values along the first dimension, with a dimension for each of the batch's after it, expanded or of size 1. */
export function overBatch(values: Tensor, batchShape: readonly number[], options?: EnumerateOptions): Tensor {
  const { expand } = read(options);
  const [count, ...event] = values.shape as [number, ...number[]];
  const view = values.view([count, ...batchShape.map(() => 1), ...event]);
  return expand ? view.expand([count, ...batchShape, ...event]) : view;
}
