import { arrayOf, check, flag, instance, integer, listOf, number, oneOf, orNull } from '../../check.js';
import { tensor as makeTensor } from '../../creation/index.js';
import { int64 } from '../../dtype.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { padSequence as pad, sort } from '../../ops/generated/functions.js';
import { nativeOp } from '../../ops/overload.js';
import { optionsOf } from '../../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';
import { invertPermutation, PackedSequence } from '../packed-sequence.js';

export { invertPermutation, PackedSequence };

const packed = instance(PackedSequence, 'a PackedSequence');

/** Lengths as int64 on the CPU. */
function lengthsOf(lengths: Tensor | readonly number[]): Tensor {
  if (isTensor(lengths)) return lengths.to({ dtype: int64, device: 'cpu' });
  return makeTensor(check('lengths', lengths, arrayOf(integer(1))) as number[], { dtype: int64 });
}

/** Options of {@link packPaddedSequence}. */
export interface PackOptions {
  /** The input is `[batch, time, ...]` rather than `[time, batch, ...]`; default false. */
  batchFirst?: boolean;
  /** The sequences come longest first; false to have them sorted. Default true. */
  enforceSorted?: boolean;
}

const readPack = optionsOf('packPaddedSequence()', { batchFirst: [flag, false], enforceSorted: [flag, true] });

/**
 * Packs padded sequences `[time, batch, ...]`.
 *
 * @param lengths how long each sequence is, 1 or more: integers in an array or a tensor.
 * @throws {TorchClipError} where the sequences must come sorted and do not.
 *
 * @example
 * const packed = nn.utils.rnn.packPaddedSequence(x, [5, 3, 2], { batchFirst: true });
 * const [output] = lstm.forward(packed);
 * const [padded, lengths] = nn.utils.rnn.padPackedSequence(output, { batchFirst: true });
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Tensor | readonly number[],
  options: PackOptions = {},
): PackedSequence {
  const { batchFirst, enforceSorted } = readPack(options);
  check('input', input, tensor);
  let long = lengthsOf(lengths);
  const dim = batchFirst ? 0 : 1;
  const { shape } = input;
  if (shape.length < 2 || long.dim() !== 1 || long.shape[0] !== shape[dim]) {
    throw mustHave('lengths', `shape [${shape[dim]}], a length for each sequence`, long.shape);
  }
  let sortedIndices: Tensor | null = null;
  let rows = input;
  if (!enforceSorted) {
    const [sorted, order] = sort(long, { descending: true });
    long = sorted;
    sortedIndices = order.to({ device: input.device });
    rows = input.indexSelect(dim, sortedIndices);
  }
  const native = nativeOp('_pack_padded_sequence');
  const [data, batchSizes] = (native(rows.handle, long.handle, batchFirst) as Handle[]).map((h) => wrap(h));
  return new PackedSequence(data!, batchSizes!, sortedIndices);
}

/** Options of {@link padPackedSequence}. */
export interface PadPackedOptions {
  /** Give `[batch, time, ...]` rather than `[time, batch, ...]`; default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** Pad to this length instead of the longest sequence's; default null. */
  totalLength?: number | null;
}

const readPadPacked = optionsOf('padPackedSequence()', {
  batchFirst: [flag, false],
  paddingValue: [number, 0],
  totalLength: [orNull(integer(0)), null],
});

/**
 * Undoes {@link packPaddedSequence}.
 *
 * @returns the padded sequences, in their first order, and their lengths `[batch]` (int64, on the CPU).
 * @throws {TorchClipError} `ERR_ARGUMENT` where `totalLength` is less than the longest sequence.
 *
 * @example
 * const [padded, lengths] = nn.utils.rnn.padPackedSequence(packed);
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: PadPackedOptions = {},
): [padded: Tensor, lengths: Tensor] {
  const { batchFirst, paddingValue, totalLength } = readPadPacked(options);
  const { data, batchSizes, unsortedIndices } = check('sequence', sequence, packed);
  const longest = batchSizes.shape[0]!;
  if (totalLength !== null && totalLength < longest) {
    throw invalidArgument('totalLength', `at least the longest sequence's length ${longest}`, totalLength);
  }
  const native = nativeOp('_pad_packed_sequence');
  const results = native(data.handle, batchSizes.handle, batchFirst, paddingValue, totalLength ?? longest) as Handle[];
  const [padded, lengths] = results.map((h) => wrap(h)) as [Tensor, Tensor];
  if (unsortedIndices === null) return [padded, lengths];
  return [
    padded.indexSelect(batchFirst ? 0 : 1, unsortedIndices),
    lengths.indexSelect(0, unsortedIndices.to({ device: 'cpu' })),
  ];
}

/** Options of {@link padSequence}. */
export interface PadOptions {
  /** Give `[batch, time, ...]` rather than `[time, batch, ...]`; default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** Where the padding goes; default `'right'`. */
  paddingSide?: 'left' | 'right';
}

const readPad = optionsOf('padSequence()', {
  batchFirst: [flag, false],
  paddingValue: [number, 0],
  paddingSide: [oneOf('left', 'right'), 'right'],
});

/**
 * Stacks sequences `[length, ...]` of different lengths, padded to the longest.
 *
 * @example
 * nn.utils.rnn.padSequence([torch.ones([3]), torch.ones([1])], { batchFirst: true }).tolist(); // [[1, 1, 1], [1, 0, 0]]
 */
export function padSequence(sequences: Iterable<Tensor>, options: PadOptions = {}): Tensor {
  const { batchFirst, paddingValue, paddingSide } = readPad(options);
  const list = listOf('sequences', sequences, tensor);
  if (list.length === 0) throw invalidArgument('sequences', 'one or more Tensors', list);
  return pad(list, batchFirst, paddingValue, paddingSide);
}

const readUnpad = optionsOf('unpadSequence()', { batchFirst: [flag, false] });

/**
 * Undoes {@link padSequence}: the first `lengths[i]` elements of each sequence. Unlike in PyTorch, the argument is left as it was.
 *
 * @example
 * nn.utils.rnn.unpadSequence(padded, [3, 1], { batchFirst: true });
 */
export function unpadSequence(
  paddedSequences: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  const { batchFirst } = readUnpad(options);
  const { shape } = check('paddedSequences', paddedSequences, tensor);
  if (shape.length < 2) throw mustHave('paddedSequences', '2 or more dimensions', shape);
  const [time, batch] = batchFirst ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!];
  const list = isTensor(lengths) ? Array.from(lengthsOf(lengths).toTypedArray() as BigInt64Array, Number) : lengths;
  check('lengths', list, arrayOf(integer(0, time), batch));
  return list.map((length, i) =>
    paddedSequences
      .select(batchFirst ? 0 : 1, i)
      .narrow(0, 0, length)
      .clone(),
  );
}

const readPackSequence = optionsOf('packSequence()', { enforceSorted: [flag, true] });

/**
 * Packs sequences `[length, ...]` of different lengths.
 *
 * @param options.enforceSorted the sequences come longest first; false to have them sorted. Default true.
 *
 * @example
 * const packed = nn.utils.rnn.packSequence([torch.randn([3, 8]), torch.randn([2, 8])]);
 */
export function packSequence(sequences: Iterable<Tensor>, options: { enforceSorted?: boolean } = {}): PackedSequence {
  const { enforceSorted } = readPackSequence(options);
  const list = listOf('sequences', sequences, tensor);
  const padded = padSequence(list);
  return packPaddedSequence(
    padded,
    list.map((t) => t.shape[0]!),
    { enforceSorted },
  );
}

/**
 * Undoes {@link packSequence}: the sequences, in their first order.
 *
 * @example
 * const sequences = nn.utils.rnn.unpackSequence(packed);
 */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}
