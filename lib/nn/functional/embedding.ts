import { invalidArgument, TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { withDefaults } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkTensors, wordCode } from './arguments.js';

/** What {@link embedding} takes beside its tensors. */
export interface EmbeddingOptions {
  /** The row that gets no gradient. Default: null. */
  paddingIdx?: number | null;
  /** Rows with a larger norm are scaled down to it, in place. Default: null. */
  maxNorm?: number | null;
  /** The norm of `maxNorm`. Default: 2. */
  normType?: number;
  /** Divide gradients by how often a row occurs in the batch. Default: false. */
  scaleGradByFreq?: boolean;
  /** Give the weight a sparse gradient. Default: false. */
  sparse?: boolean;
}

function paddingRow(weight: Tensor, index: number | null): number {
  if (index === null) return -1;
  const rows = weight.shape[0]!;
  if (!Number.isInteger(index) || index < -rows || index >= rows) {
    throw invalidArgument('paddingIdx', `null or an integer from ${-rows} to ${rows - 1}`, index, 'ERR_INDEX');
  }
  return index < 0 ? index + rows : index;
}

/**
 * The rows of `weight` `[V, D]` at indices of any shape.
 *
 * @example
 * F.embedding(torch.tensor([1n, 4n]), weight);   // [2, D]
 */
export function embedding(input: Tensor, weight: Tensor, options?: EmbeddingOptions): Tensor {
  const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = withDefaults('embedding', options, {
    paddingIdx: null as number | null,
    maxNorm: null as number | null,
    normType: 2,
    scaleGradByFreq: false,
    sparse: false,
  });
  checkTensors({ input, weight });
  const row = paddingRow(weight, paddingIdx);
  const indices = maxNorm === null ? input : input.contiguous();
  if (maxNorm !== null) ops.embeddingRenorm_(weight.detach(), indices, maxNorm, normType);
  return ops.embedding(weight, indices, { paddingIdx: row, scaleGradByFreq, sparse });
}

/** What {@link embeddingBag} takes beside its tensors. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag starts in a flat `input`. Default: null, for an input of one bag a row. */
  offsets?: Tensor | null;
  /** Default: `'mean'`. */
  mode?: 'sum' | 'mean' | 'max';
  /** A weight an index, for the mode `'sum'`. Default: null. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the end of the last bag. Default: false. */
  includeLastOffset?: boolean;
}

/** The sums, means or maxima of the rows of `weight` in bags of indices. */
export function embeddingBag(input: Tensor, weight: Tensor, options?: EmbeddingBagOptions): Tensor {
  const o = withDefaults('embeddingBag', options, {
    paddingIdx: null as number | null,
    maxNorm: null as number | null,
    normType: 2,
    scaleGradByFreq: false,
    sparse: false,
    offsets: null as Tensor | null,
    mode: 'mean' as 'sum' | 'mean' | 'max',
    perSampleWeights: null as Tensor | null,
    includeLastOffset: false,
  });
  checkTensors({ input, weight });
  if (o.perSampleWeights !== null) checkTensors({ perSampleWeights: o.perSampleWeights });
  const rows = input.ndim === 2;
  if (rows !== (o.offsets === null)) {
    const expected = rows ? 'absent, as "input" has a bag a row' : 'a Tensor, as "input" is flat';
    throw new TorchClipError('ERR_ARGUMENT', `"offsets" must be ${expected}`);
  }
  const length = input.shape[1] ?? 0;
  const starts = ops.arange(0, input.numel(), Math.max(1, length), { dtype: input.dtype, device: input.device });
  const indices = rows ? input.reshape([-1]) : input;
  const weights = o.perSampleWeights === null ? null : rows ? o.perSampleWeights.reshape([-1]) : o.perSampleWeights;
  if (o.maxNorm !== null) ops.embeddingRenorm_(weight.detach(), indices, o.maxNorm, o.normType);
  const padding = o.paddingIdx === null ? null : paddingRow(weight, o.paddingIdx);
  const mode = wordCode('mode', ['sum', 'mean', 'max'], o.mode);
  const { scaleGradByFreq: scale, sparse } = o;
  const last = !rows && o.includeLastOffset;
  return ops.embeddingBag(weight, indices, rows ? starts : o.offsets!, scale, mode, sparse, weights, last, padding)[0];
}
