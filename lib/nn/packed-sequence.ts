import { check, orNull } from '../check.js';
import type { DeviceLike } from '../device.js';
import { type Dtype, float16, float32, float64, int64 } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { device as deviceKind, dtype as dtypeKind, tensor } from '../kinds.js';
import { arange, emptyLike, equal, sort } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';

const readTo = optionsOf('PackedSequence.to()', { device: [deviceKind, undefined], dtype: [dtypeKind, undefined] });

/**
 * The permutation that undoes `permutation` `[n]` (int64); null for null.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` on the CPU for what does not hold each of 0, 1, ..., n - 1 once.
 *
 * @example
 * nn.utils.rnn.invertPermutation(torch.tensor([2n, 0n, 1n])); // [1, 2, 0]
 */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  if (check('permutation', permutation, orNull(tensor)) === null) return null;
  const { device, dtype, ndim } = permutation!;
  const positions = arange(0, permutation!.numel(), { device, dtype: int64 });
  // On a GPU, a look at the values would wait for it.
  const known = dtype !== int64 || ndim !== 1 || device.type === 'cpu';
  if (known && !(dtype === int64 && ndim === 1 && equal(sort(permutation!)[0], positions))) {
    throw invalidArgument('permutation', 'an int64 Tensor of one dimension with each of 0, 1, ... once', permutation);
  }
  return emptyLike(permutation!).scatter_(0, permutation!, positions);
}

/**
 * Sequences of different lengths without padding, which RNN, LSTM and GRU take: all first elements, then all second ones, ...
 *
 * {@link utils.rnn.packPaddedSequence} and {@link utils.rnn.packSequence} make it.
 *
 * @param data `[all elements, ...]`.
 * @param batchSizes how many sequences have a first element, a second one, ...: int64 on the CPU, in descending order.
 * @param sortedIndices which sequence each position holds, where they were sorted by length; default null.
 * @param unsortedIndices the inverse of `sortedIndices`, which it is computed from by default.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` unless `batchSizes` are positive, never grow and add up to the rows of `data`.
 *
 * @example
 * const packed = nn.utils.rnn.packSequence([torch.randn([3, 8]), torch.randn([2, 8])]);
 * packed.batchSizes.tolist(); // [2, 2, 1]
 */
export class PackedSequence {
  readonly data: Tensor;
  readonly batchSizes: Tensor;
  readonly sortedIndices: Tensor | null;
  readonly unsortedIndices: Tensor | null;

  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
    this.data = check('data', data, tensor);
    this.batchSizes = checkBatchSizes(check('batchSizes', batchSizes, tensor), data.shape[0]);
    this.sortedIndices = check('sortedIndices', sortedIndices, orNull(tensor));
    this.unsortedIndices =
      check('unsortedIndices', unsortedIndices, orNull(tensor)) ?? invertPermutation(sortedIndices);
  }

  /** The same sequences with data of another device or dtype; `batchSizes` stay on the CPU. */
  to(options: { device?: DeviceLike; dtype?: Dtype }): PackedSequence {
    const { device, dtype } = readTo(options);
    const data = this.data.to({ device, dtype });
    const move = (indices: Tensor | null) => indices?.to({ device: data.device }) ?? null;
    return new PackedSequence(data, this.batchSizes, move(this.sortedIndices), move(this.unsortedIndices));
  }

  /** The same sequences on the CPU. */
  cpu(): PackedSequence {
    return this.to({ device: 'cpu' });
  }

  /** The same sequences on the current GPU. */
  cuda(): PackedSequence {
    return this.to({ device: 'cuda' });
  }

  /** With data of float64. */
  double(): PackedSequence {
    return this.to({ dtype: float64 });
  }

  /** With data of float32. */
  float(): PackedSequence {
    return this.to({ dtype: float32 });
  }

  /** With data of float16. */
  half(): PackedSequence {
    return this.to({ dtype: float16 });
  }

  /** The same sequences in pinned memory. */
  pinMemory(): PackedSequence {
    const pin = (indices: Tensor | null) => indices?.pinMemory() ?? null;
    return new PackedSequence(
      this.data.pinMemory(),
      this.batchSizes,
      pin(this.sortedIndices),
      pin(this.unsortedIndices),
    );
  }
}

/** The kernels read these numbers unchecked. */
function checkBatchSizes(batchSizes: Tensor, rows: number | undefined): Tensor {
  const { shape, dtype, device } = batchSizes;
  if (shape.length !== 1 || shape[0] === 0 || dtype !== int64 || device.type !== 'cpu') {
    throw invalidArgument(
      'batchSizes',
      'a Tensor of int64 with 1 dimension and 1 or more elements on the CPU',
      batchSizes,
    );
  }
  const list = Array.from(batchSizes.toTypedArray() as BigInt64Array, Number);
  const falls = list.every((size, i) => size > 0 && (i === 0 || size <= list[i - 1]!));
  if (!falls || list.reduce((sum, size) => sum + size, 0) !== rows) {
    throw invalidArgument(
      'batchSizes',
      `positive, in descending order, and add up to ${rows}, the number of rows of "data"`,
      list,
    );
  }
  return batchSizes;
}
