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

/** What {@link uniqueConsecutive} takes beside the tensor. */
export type UniqueConsecutiveOptions = Omit<UniqueOptions, 'sorted'>;

declare module '../tensor.js' {
  interface Tensor {
    /** The distinct elements; see {@link unique}. */
    unique(options?: UniqueOptions): Tensor[];
    /** The elements without repetitions of their neighbours; see {@link uniqueConsecutive}. */
    uniqueConsecutive(options?: UniqueConsecutiveOptions): Tensor[];
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

const readConsecutive = optionsOf('uniqueConsecutive()', {
  returnInverse: [flag, false],
  returnCounts: [flag, false],
  dim: [orNull(integer()), null],
});

/**
 * The elements, or with `dim` the slices along it, without those that are equal to the one before; which run each element belongs to and how
 * long each run is come along when asked for, in this order.
 *
 * @example
 * const [values, counts] = torch.uniqueConsecutive(torch.tensor([1, 1, 2, 1]), { returnCounts: true });
 * // values: [1, 2, 1], counts: [2, 1, 1]
 * @see https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html
 */
export function uniqueConsecutive(input: Tensor, options?: UniqueConsecutiveOptions): Tensor[] {
  const { returnInverse, returnCounts, dim } = readConsecutive(options);
  check('input', input, tensor);
  const results = nativeOp('unique_consecutive')(input.handle, returnInverse, returnCounts, dim) as Handle[];
  const [values, inverse, counts] = results.map(wrap);
  return [values!, ...(returnInverse ? [inverse!] : []), ...(returnCounts ? [counts!] : [])];
}

const methods = {
  unique(this: Tensor, options?: UniqueOptions) {
    return unique(this, options);
  },
  uniqueConsecutive(this: Tensor, options?: UniqueConsecutiveOptions) {
    return uniqueConsecutive(this, options);
  },
};
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
