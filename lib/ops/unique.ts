import { check, flag, integer, orNull } from '../check.js';
import { tensor } from '../kinds.js';
import { optionsOf } from '../options.js';
import { type Handle, Tensor, wrap } from '../tensor.js';
import { uniqueDim } from './generated/functions.js';
import { nativeOp } from './overload.js';

/** What {@link unique} takes beside the tensor. */
export interface UniqueOptions {
  /** Ascending. Default: true. */
  sorted?: boolean;
  /** Say where each element is among the distinct ones. Default: false. */
  returnInverse?: boolean;
  /** Say how often each occurs. Default: false. */
  returnCounts?: boolean;
  /** Compare slices along a dimension, not elements. Default: null. */
  dim?: number | null;
}

declare module '../tensor.js' {
  interface Tensor {
    /** The distinct elements; see {@link unique}. */
    unique(options?: UniqueOptions): Tensor[];
  }
}

const readUnique = optionsOf('unique()', {
  sorted: [flag, true],
  returnInverse: [flag, false],
  returnCounts: [flag, false],
  dim: [orNull(integer()), null],
});

/**
 * The distinct elements, or with `dim` the distinct slices along it; where each element is among them and how often each
 * occurs come along when asked for, in this order.
 *
 * @example
 * const [values, counts] = torch.unique(t, { returnCounts: true });
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 */
export function unique(input: Tensor, options?: UniqueOptions): Tensor[] {
  const { sorted, returnInverse, returnCounts, dim } = readUnique(options);
  check('input', input, tensor);
  const [values, inverse, counts] =
    dim === null
      ? (nativeOp('_unique2')(input.handle, sorted, returnInverse, returnCounts) as Handle[]).map(wrap)
      : uniqueDim(input, dim, { sorted, returnInverse, returnCounts });
  return [values!, ...(returnInverse ? [inverse!] : []), ...(returnCounts ? [counts!] : [])];
}

Object.defineProperty(Tensor.prototype, 'unique', {
  value(this: Tensor, options?: UniqueOptions) {
    return unique(this, options);
  },
  writable: true,
  configurable: true,
});
