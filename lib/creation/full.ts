import { define } from '../ops/define.js';
import type { FactoryOptions, Scalar } from '../ops/types.js';
import { readAll } from '../options.js';
import { getDefaultDtype } from '../runtime.js';
import type { Tensor } from '../tensor.js';

const atenFull: (size: readonly number[], fillValue: Scalar, options: FactoryOptions & { out?: Tensor }) => Tensor =
  define('full');

/**
 * A tensor of a shape with one value everywhere.
 *
 * A number gives the default dtype, as it does in `torch.tensor`; a bigint int64, a boolean bool, `{ re, im }` a complex dtype.
 *
 * @example
 * torch.full([2, 3], 0.5);
 * @see https://pytorch.org/docs/stable/generated/torch.full.html
 */
export function full(
  size: readonly number[],
  fillValue: Scalar,
  options: FactoryOptions & { out?: Tensor } = {},
): Tensor {
  const read: FactoryOptions & { out?: Tensor } = readAll('full()', options);
  const inferred = typeof fillValue === 'number' && read.dtype == null && read.out === undefined;
  return atenFull(size, fillValue, inferred ? { ...read, dtype: getDefaultDtype() } : read);
}
