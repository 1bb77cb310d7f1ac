import { check, finiteNonNegative, integer, number, openFraction } from '../check.js';
import { tensor } from '../creation/index.js';
import { float64 } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { ndtri } from '../ops/generated/special.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

/** Options of {@link tailIndex}. */
export interface TailIndexOptions {
  /** How many of the largest norms the Hill estimate is made of: an integer from 1 to one less than their number; default √n, rounded down. */
  k?: number;
  /** How often the interval holds the index, in (0, 1); default 0.95. */
  confidence?: number;
}

/** How heavy the tail of a history of norms is. */
export interface TailIndex {
  /** The number of norms. */
  count: number;
  /** The quartiles, with linear interpolation as in `numpy.percentile`. */
  q1: number;
  q3: number;
  /** The share of norms above Q3 + 1.5 IQR, divided by 0.0035: 1 for a normal distribution. */
  mildRatio: number;
  /** The share of norms above Q3 + 3 IQR, divided by 1.2e-6: 1 for a normal distribution. */
  extremeRatio: number;
  /** How many of the largest norms made the estimate. */
  k: number;
  /**
   * Hill's estimate: P(norm > x) falls as x^-alpha, so that moments from alpha on do not exist; 2 or less means infinite variance.
   * Infinity where the k + 1 largest norms are equal, NaN where the next one is 0.
   */
  alpha: number;
  /** The confidence interval of `alpha`; asymptotic, the lower end at least 0. */
  interval: [low: number, high: number];
}

const minimum = 10;

const readTailIndex = optionsOf('clip.tailIndex()', { k: [number, undefined], confidence: [openFraction, 0.95] });

/**
 * Measures how heavy-tailed gradient norms are: the share of outliers against that of a normal distribution, and Hill's estimate of the
 * tail index, k / Σᵢ ln(xᵢ / xₖ₊₁) over the k largest, with the interval alpha ± z · alpha / √k.
 *
 * A larger k narrows the interval and, unless the whole tail is a power law, biases the estimate: √n grows slowly enough for the
 * bias to vanish. The norms are taken as independent, which those of neighbouring steps are only roughly.
 *
 * @param history at least 10 norms, finite and >= 0, in any order; a tensor must have one dimension.
 * @see Hill, "A simple general approach to inference about the tail of a distribution", 1975; the ratios: Gorbunov, Danilova &
 * Gasnikov, "Stochastic optimization with heavy-tailed noise via accelerated gradient clipping", 2020.
 *
 * @example
 * norms.push(optimizer.clipStats.norm.item());
 * const { alpha, interval, mildRatio } = clip.tailIndex(norms);
 */
export function tailIndex(history: ArrayLike<number> | Tensor, options?: TailIndexOptions): TailIndex {
  const { k: given, confidence } = readTailIndex(options);
  // Largest first.
  const x = normsOf(history).sort().reverse();
  const n = x.length;
  const k = check('k', given ?? Math.floor(Math.sqrt(n)), integer(1, n - 1));
  const [q1, q3] = [quantile(x, 0.25), quantile(x, 0.75)];
  const share = (whiskers: number) => x.filter((norm) => norm > q3 + whiskers * (q3 - q1)).length / n;

  let logs = 0;
  for (let i = 0; i < k; i++) logs += Math.log(x[i]! / x[k]!);
  const alpha = x[k] === 0 ? Number.NaN : k / logs;
  const z = ndtri(tensor((1 + confidence) / 2, { dtype: float64 })).item() / Math.sqrt(k);
  return {
    count: n,
    q1,
    q3,
    mildRatio: share(1.5) / 0.0035,
    extremeRatio: share(3) / 1.2e-6,
    k,
    alpha,
    interval: [alpha * Math.max(1 - z, 0), alpha * (1 + z)],
  };
}

function normsOf(history: unknown): Float64Array {
  if (isTensor(history) && (history.dim() !== 1 || history.dtype.isComplex)) {
    throw invalidArgument('history', 'a Tensor of real numbers with one dimension', history);
  }
  const list = isTensor(history) ? history.detach().to({ dtype: float64 }).toTypedArray() : history;
  const length = isArrayLike(list) ? list.length : 0;
  if (!isArrayLike(list) || !Number.isSafeInteger(length) || length < minimum) {
    throw invalidArgument('history', `an array or Tensor of at least ${minimum} norms`, history);
  }
  // One by one: memory for the length that an object claims may not be there.
  const norms: number[] = [];
  for (let i = 0; i < length; i++) norms.push(check(`history[${i}]`, list[i], finiteNonNegative));
  return Float64Array.from(norms);
}

const isArrayLike = (value: unknown): value is ArrayLike<unknown> =>
  typeof value === 'object' && value !== null && 'length' in value;

/** numpy's, to the last bit, of numbers that are sorted, largest first. */
function quantile(x: Float64Array, q: number): number {
  const at = q * (x.length - 1);
  const [part, last] = [at % 1, x.length - 1];
  const [below, above] = [x[last - Math.floor(at)]!, x[last - Math.ceil(at)]!];
  return part < 0.5 ? below + (above - below) * part : above - (above - below) * (1 - part);
}
