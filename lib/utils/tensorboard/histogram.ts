import { tensor } from '../../creation/index.js';
import { float64 } from '../../dtype.js';
import { bucketize } from '../../ops/generated/functions.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Histogram } from './summary.js';

/** TensorBoard's own buckets: each a tenth wider than the one before, on both sides of 0. */
const limits: readonly number[] = (() => {
  const positive: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit);
  return [...positive.map((limit) => -limit).reverse(), 0, ...positive];
})();

/** The counts of a tensor's finite values; undefined where it has none. */
export function histogramOf(values: Tensor): Histogram | undefined {
  return scope(() => {
    const all = values.detach().cpu().to({ dtype: float64 }).reshape([-1]);
    const finite = all.maskedSelect(all.isfinite());
    const count = finite.numel();
    if (count === 0) return undefined;
    // A bucket begins with the last limit and ends before its own, as NumPy's do.
    const bucket = bucketize(finite, tensor(Float64Array.from(limits)), { right: true });
    const counts = bucket.bincount({ minlength: limits.length + 1 }).tolist() as number[] | bigint[];
    const numbers = Array.from(counts, Number);
    // Buckets that are empty on the outside are left out, all but one on each side, which show where the others begin.
    const first = Math.max(0, numbers.findIndex((n) => n > 0) - 1);
    const last = Math.min(
      numbers.length - 1,
      numbers.findLastIndex((n) => n > 0),
    );
    const most = Number.MAX_VALUE;
    return {
      min: finite.min().item(),
      max: finite.max().item(),
      count,
      sum: finite.sum().item(),
      sumOfSquares: finite.square().sum().item(),
      limits: [...limits, most].slice(first, last + 1),
      counts: numbers.slice(first, last + 1),
    };
  });
}
