import { isPlainObject } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

/** @internal The tensors of a result: itself, or those in arrays and plain objects. */
export function* tensorsIn(value: unknown): Generator<Tensor> {
  if (isTensor(value)) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* tensorsIn(item);
  else if (isPlainObject(value)) yield* tensorsIn(Object.values(value));
}
