import { check } from '../../check.js';
import { mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { linear } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { linearCrossEntropyTable } from '../tables.js';
import { type CrossEntropyOptions, crossEntropy } from './loss.js';

/** What {@link linearCrossEntropy} takes beside its tensors. */
export interface LinearCrossEntropyFunctionOptions extends Omit<CrossEntropyOptions, 'ignoreIndex'> {
  /** `[C, ...]`, the weight's shape without its last dimension. Default: null. */
  linearBias?: Tensor | null;
  /** Targets of this class are ignored; not for targets of probabilities. Default: null, which is -100. */
  ignoreIndex?: number | null;
}

const read = optionsOf('linearCrossEntropy()', linearCrossEntropyTable);

/**
 * The cross entropy of the logits that a linear map gives.
 *
 * @param input `[N, D]` or `[D]`.
 * @param linearWeight `[C, D]`, or `[C, ..., D]` for logits of more dimensions.
 * @param target classes (int64) `[N, ...]`, or class probabilities `[N, C, ...]`.
 *
 * @example
 * F.linearCrossEntropy(hidden, embedding.weight, tokens).backward();
 */
export function linearCrossEntropy(
  input: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  options?: LinearCrossEntropyFunctionOptions,
): Tensor {
  const { linearBias, weight, reduction, ignoreIndex, labelSmoothing } = read(options);
  const [shape, rows] = [check('input', input, tensor).shape, check('linearWeight', linearWeight, tensor).shape];
  check('target', target, tensor);
  if (shape.length !== 1 && shape.length !== 2) throw mustHave('input', '1 or 2 dimensions', shape);
  if (rows.length < 2 || rows.at(-1) !== shape.at(-1)) {
    const expected = `2 or more dimensions, the last of size ${shape.at(-1)} as that of "input"`;
    throw mustHave('linearWeight', expected, rows);
  }
  const leading = rows.slice(0, -1);
  if (leading.length > 1 && shape.length === 1) {
    throw mustHave('input', '2 dimensions, as "linearWeight" has more than 2', shape);
  }
  if (linearBias !== null && String(linearBias.shape) !== String(leading)) {
    throw mustHave('linearBias', `shape [${leading.join(', ')}]`, linearBias.shape);
  }
  const full = [...shape.slice(0, -1), ...leading];
  if (ignoreIndex !== null && sameShape(target.shape, full)) {
    throw new TorchClipError('ERR_ARGUMENT', '"ignoreIndex" cannot be combined with a target of probabilities');
  }
  const logits = linear(input, linearWeight.reshape([-1, shape.at(-1)!]), linearBias?.reshape([-1]) ?? null);
  return crossEntropy(logits.reshape(full), target, {
    weight,
    reduction,
    ignoreIndex: ignoreIndex ?? -100,
    labelSmoothing,
  });
}
