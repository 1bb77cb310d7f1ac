import { type Dtype, float16, float64 } from './dtype.js';

/** The least number above 0 that a dtype holds in every mode: float32's and float64's subnormal numbers may be flushed to 0. */
const least = (dtype: Dtype): number => (dtype === float64 ? 2 ** -1022 : dtype === float16 ? 2 ** -24 : 2 ** -126);

/** @internal An epsilon that keeps a divisor of this dtype above 0, where a smaller one would be 0 itself and zeros become NaN. */
export const aboveZero = (epsilon: number, dtype: Dtype): number => Math.max(epsilon, least(dtype));
