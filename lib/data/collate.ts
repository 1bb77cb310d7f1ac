import { tensor } from '../creation/index.js';
import { invalidArgument } from '../errors.js';
import { stack } from '../ops/generated/functions.js';
import { Tensor } from '../tensor.js';

/** What {@link collate} makes of samples of type `T`. */
export type Collated<T> = T extends Tensor | number | bigint | boolean
  ? Tensor
  : T extends string
    ? string[]
    : T extends object
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : never;

/**
 * Puts samples together: tensors are stacked, numbers become a tensor, strings an array, and arrays and plain objects go by element.
 *
 * @example
 * collate([[torch.ones([3]), 0], [torch.zeros([3]), 1]]); // [a 2x3 tensor, a tensor of 2 numbers]
 */
export function collate<T>(samples: readonly T[]): Collated<T> {
  if (!Array.isArray(samples)) throw invalidArgument('samples', 'an array of samples', samples);
  return collateAny(samples) as Collated<T>;
}

function collateAny(samples: readonly unknown[]): unknown {
  const first = samples[0];
  if (samples.every((s) => s instanceof Tensor)) return stack(samples);
  if (typeof first === 'string') return samples;
  if (typeof first === 'number' || typeof first === 'bigint' || typeof first === 'boolean') {
    return tensor(samples as number[]);
  }
  if (Array.isArray(first)) {
    const columns = samples as readonly unknown[][];
    if (columns.some((s) => !Array.isArray(s) || s.length !== first.length)) {
      throw invalidArgument('samples', `arrays of ${first.length} elements, as the first is`, samples, 'ERR_SHAPE');
    }
    return first.map((_, i) => collateAny(columns.map((s) => s[i])));
  }
  if (typeof first === 'object' && first !== null && !(first instanceof Tensor)) {
    const records = samples as readonly Record<string, unknown>[];
    return Object.fromEntries(Object.keys(first).map((key) => [key, collateAny(records.map((s) => s[key]))]));
  }
  throw invalidArgument('samples', 'all tensors, numbers, strings, arrays or objects', samples);
}
