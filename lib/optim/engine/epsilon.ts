import { type Dtype, float64 } from '../../dtype.js';

/**
 * An epsilon that keeps a divisor above 0, at least the least normal number of the dtype that the division is in: a smaller one would be
 * 0 there, and a row of zeros NaN.
 */
export const aboveZero = (epsilon: number, dtype: Dtype): number =>
  Math.max(epsilon, dtype === float64 ? 2 ** -1022 : 2 ** -126);
