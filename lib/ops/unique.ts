import { invalidArgument } from '../errors.js';
import { withDefaults } from '../options.js';
import { type Handle, isTensor, Tensor, wrap } from '../tensor.js';
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

/**
 * The distinct elements, or with `dim` the distinct slices along it; where each element is among them and how often each
 * occurs come along when asked for, in this order.
 *
 * @example
 * const [values, counts] = torch.unique(t, { returnCounts: true });
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 */
export function unique(input: Tensor, options?: UniqueOptions): Tensor[] {
  const { sorted, returnInverse, returnCounts, dim } = withDefaults('unique', options, {
    sorted: true,
    returnInverse: false,
    returnCounts: false,
    dim: null as number | null,
  });
  if (!isTensor(input)) throw invalidArgument('input', 'a Tensor', input);
  for (const [key, value] of Object.entries({ sorted, returnInverse, returnCounts })) {
    if (typeof value !== 'boolean') throw invalidArgument(key, 'a boolean', value);
  }
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
