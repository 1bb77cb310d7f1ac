import { invalidArgument } from '../errors.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { uniqueDim } from './generated/functions.js';
import { nativeOp } from './overload.js';

/**
 * The distinct elements, or with `dim` the distinct slices along it; where each element is among them and how often each
 * occurs come along when asked for, in this order.
 *
 * @param options.sorted ascending. Default: true.
 * @example
 * const [values, counts] = torch.unique(t, { returnCounts: true });
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 */
export function unique(
  input: Tensor,
  options: { sorted?: boolean; returnInverse?: boolean; returnCounts?: boolean; dim?: number | null } = {},
): Tensor[] {
  const { sorted = true, returnInverse = false, returnCounts = false, dim = null } = options;
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
