import { check, flag, oneOf, orNull } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { paddingRow } from '../padding-row.js';
import { bagModes, embeddingTable } from '../tables.js';

/** What {@link embedding} takes beside its tensors. */
export interface EmbeddingOptions {
  /** The row that gets no gradient, counted from the end when negative. Default: null. */
  paddingIdx?: number | null;
  /** Rows that are looked up and have a larger norm are scaled down to it, in place. Default: null. */
  maxNorm?: number | null;
  /** The p of that norm. Default: 2. */
  normType?: number;
  /** Divide gradients by how often a row occurs in the batch. Default: false. */
  scaleGradByFreq?: boolean;
  /** Give the weight a sparse gradient. Default: false. */
  sparse?: boolean;
}

const readEmbedding = optionsOf('embedding()', embeddingTable);

/** Scales the rows of `weight` at `indices` down to a norm of at most `maxNorm`, in place. */
function renormalize(weight: Tensor, indices: Tensor, maxNorm: number | null, normType: number): void {
  if (maxNorm !== null) ops.embeddingRenorm_(weight.detach(), indices.contiguous(), maxNorm, normType);
}

/** libtorch says that an index is out of range, but not which one. */
function outside(error: unknown, input: Tensor, weight: Tensor): unknown {
  if (!(error instanceof TorchClipError) || error.code !== 'ERR_INDEX') return error;
  const rows = weight.shape[0]!;
  const [least, most] = input.aminmax().map((t) => Number(t.item()));
  const wrong = least! < 0 ? least : most;
  return new TorchClipError('ERR_INDEX', `"input" must hold indices from 0 to ${rows - 1}, got ${wrong}`, {
    cause: error,
  });
}

/**
 * The rows of `weight` `[V, D]` at indices of any shape.
 *
 * @example
 * F.embedding(torch.tensor([1n, 4n]), weight);   // [2, D]
 */
export function embedding(input: Tensor, weight: Tensor, options?: EmbeddingOptions): Tensor {
  const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = readEmbedding(options);
  check('input', input, tensor);
  check('weight', weight, tensor);
  const row = paddingIdx === null ? -1 : paddingRow(paddingIdx, weight.shape[0] ?? 0);
  renormalize(weight, input, maxNorm, normType);
  try {
    return ops.embedding(weight, input, { paddingIdx: row, scaleGradByFreq, sparse });
  } catch (error) {
    throw outside(error, input, weight);
  }
}

/** What {@link embeddingBag} takes beside its tensors. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag starts in a flat `input`. Default: null, for an input of one bag per row. */
  offsets?: Tensor | null;
  /** Default: `'mean'`. */
  mode?: 'sum' | 'mean' | 'max';
  /** One factor per index, for the mode `'sum'`. Default: null. */
  perSampleWeights?: Tensor | null;
  /** Whether the last offset is the end of the last bag. Default: false. */
  includeLastOffset?: boolean;
}

const readEmbeddingBag = optionsOf('embeddingBag()', {
  ...embeddingTable,
  offsets: [orNull(tensor), null],
  mode: [oneOf(...bagModes), 'mean'],
  perSampleWeights: [orNull(tensor), null],
  includeLastOffset: [flag, false],
});

/**
 * The sums, means or maxima of the rows of `weight` in bags of indices.
 *
 * @example
 * F.embeddingBag(torch.tensor([0n, 1n, 2n]), weight, { offsets: torch.tensor([0n, 2n]), mode: 'sum' });
 */
export function embeddingBag(input: Tensor, weight: Tensor, options?: EmbeddingBagOptions): Tensor {
  const o = readEmbeddingBag(options);
  check('input', input, tensor);
  check('weight', weight, tensor);
  const rows = input.ndim === 2;
  if (rows && o.offsets !== null) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      '"offsets" cannot be combined with a two-dimensional input: each row is a bag',
    );
  }
  if (!rows && o.offsets === null) throw invalidArgument('offsets', 'a Tensor where "input" is flat', o.offsets);
  const length = input.shape[1] ?? 0;
  const starts = ops.arange(0, input.numel(), Math.max(1, length), { dtype: input.dtype, device: input.device });
  const indices = rows ? input.reshape([-1]) : input;
  const weights = o.perSampleWeights === null ? null : rows ? o.perSampleWeights.reshape([-1]) : o.perSampleWeights;
  const padding = o.paddingIdx === null ? null : paddingRow(o.paddingIdx, weight.shape[0] ?? 0);
  renormalize(weight, indices, o.maxNorm, o.normType);
  const { scaleGradByFreq: scale, sparse } = o;
  const mode = bagModes.indexOf(o.mode);
  const last = !rows && o.includeLastOffset;
  return ops.embeddingBag(weight, indices, rows ? starts : o.offsets!, scale, mode, sparse, weights, last, padding)[0];
}
