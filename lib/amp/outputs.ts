import { elementsOf } from '../check.js';
import { invalidArgument } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';

/** Tensors in arrays, as deep as they come. */
export type Outputs = Tensor | readonly Outputs[];

/** Refuses what is not a tensor or an array of them, before anything is computed. */
export function checkOutputs(outputs: unknown): void {
  const queue = [outputs];
  const above = new Set<unknown>();
  while (queue.length > 0) {
    const value = queue.pop();
    if (isTensor(value)) continue;
    // A hole is refused as soon as it comes; an array inside itself would never end.
    if (!Array.isArray(value) || above.has(value)) {
      throw invalidArgument('outputs', 'a Tensor or an array of Tensors', value);
    }
    above.add(value);
    queue.push(...elementsOf<unknown>(value));
  }
}
