// Indices, offsets and lengths that an op follows out of its tensors.
import { invalidArgument } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Guard, holds, isReadable } from './guard.js';

/** The targets that a length says are there; what is after them in a padded row is not read. */
function* rowsOf(targets: Tensor, lengths: unknown): Iterable<Tensor> {
  const counts: unknown = isTensor(lengths) ? lengths.flatten().tolist() : lengths;
  if (targets.ndim !== 2 || !Array.isArray(counts)) {
    yield targets;
    return;
  }
  const [rows, width] = targets.shape as [number, number];
  for (let i = 0; i < rows; i++)
    yield targets.select(0, i).narrow(0, 0, Math.min(width, Math.max(0, Number(counts[i]) || 0)));
}

/** The classes index the log-probabilities, and are not checked against them. */
export const knownClasses: Guard = (given) => {
  const [logProbs, targets] = [given('logProbs'), given('targets')];
  if (!isReadable(targets) || !isTensor(logProbs)) return;
  const classes = logProbs.shape.at(-1) ?? 0;
  for (const row of rowsOf(targets, given('targetLengths'))) {
    if (row.numel() === 0) continue;
    const [low, high] = [row.min().item(), row.max().item()];
    if (low >= 0 && high < classes) continue;
    throw invalidArgument('targets', `a Tensor of classes from 0 to ${classes - 1}`, low < 0 ? low : high, 'ERR_INDEX');
  }
};

/** The first offset is read even where there is none, and the others are trusted. */
export const boundedOffsets: Guard = (given) => {
  const [indices, offsets] = [given('indices'), given('offsets')];
  if (!isTensor(indices) || !isReadable(offsets)) return;
  const length = indices.numel();
  if (offsets.numel() === 0) {
    if (length === 0 && given('includeLastOffset') !== true) return;
    throw invalidArgument('offsets', 'a Tensor of at least one offset', offsets, 'ERR_SHAPE');
  }
  const [low, high] = [offsets.min().item(), offsets.max().item()];
  if (!(low >= 0 && high <= length)) {
    throw invalidArgument('offsets', `a Tensor of positions from 0 to ${length}`, low < 0 ? low : high, 'ERR_INDEX');
  }
};

/** The data are read where the offsets say, and where the lengths do if `unsafe` keeps libtorch from adding them up. */
export const withinData: Guard = (argument) => {
  const [data, axis, offsets, lengths] = ['data', 'axis', 'offsets', 'lengths'].map(argument);
  const at = axis === undefined ? 0 : Number(axis);
  if (!isTensor(data) || !(at >= 0 && at < data.ndim)) return;
  const size = data.shape[at]!;
  if (isReadable(offsets) && offsets.numel() > 0) {
    const falls = offsets.diff({ dim: -1 }).lt(0).any().item<boolean>();
    const outside = offsets.min().item() < 0 || offsets.max().item() > size;
    if (falls || outside) {
      throw invalidArgument(
        'offsets',
        `a Tensor of positions from 0 to ${size} that do not fall`,
        offsets,
        'ERR_INDEX',
      );
    }
  }
  if (isReadable(lengths) && argument('unsafe') === true) {
    if (lengths.lt(0).any().item<boolean>() || !holds(lengths.sum(-1).eq(size))) {
      throw invalidArgument('lengths', `a Tensor of lengths >= 0 that add up to ${size}`, lengths, 'ERR_SHAPE');
    }
  }
};
