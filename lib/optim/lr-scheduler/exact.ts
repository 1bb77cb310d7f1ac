// cos and pow rounded to the nearest double. Math.cos and Math.pow may differ from the C library's, hence Python's, in the
// last bit, which the recurrence of CosineAnnealingLR magnifies a thousand times where 1 + cos is small.

const bits = 160n;
const one = 1n << bits;
const pi = 0x3243f6a8885a308d313198a2e03707344a4093822n;

const fixed = (x: number) => BigInt(Math.trunc(x * 2 ** 100)) << (bits - 100n);
const toNumber = (x: bigint) => Number(x) / 2 ** Number(bits);
const nearest = (x: bigint, unit: bigint) => (2n * x + unit) / (2n * unit) - (2n * x + unit < 0n ? 1n : 0n);

/** cos x, for x in radians. */
export function cos(x: number): number {
  if (!Number.isFinite(x)) return NaN;
  const angle = fixed(x) % (2n * pi);
  const square = (angle * angle) >> bits;
  let sum = 0n;
  for (let term = one, n = 1n; term !== 0n; n += 2n) {
    sum += term;
    term = (-term * square) / (n * (n + 1n)) / one;
  }
  return toNumber(sum);
}

function log(m: bigint): bigint {
  const z = ((m - one) << bits) / (m + one);
  const square = (z * z) >> bits;
  let sum = 0n;
  for (let power = z, n = 1n; power !== 0n; n += 2n) {
    sum += power / n;
    power = (power * square) / one;
  }
  return 2n * sum;
}

const ln2 = log(2n * one);

/** x to the power of y. */
export function pow(x: number, y: number): number {
  if (!(x > 2 ** -1000 && x < 2 ** 1000 && Math.abs(y) < 2 ** 40)) return x ** y;
  const exponent = Math.round(Math.log2(x));
  const t = (fixed(y) * (log(fixed(x * 2 ** -exponent)) + BigInt(exponent) * ln2)) / one;
  const k = nearest(t, ln2);
  const rest = t - k * ln2;
  let sum = 0n;
  for (let term = one, n = 1n; term !== 0n; n++) {
    sum += term;
    term = (term * rest) / (n * one);
  }
  return toNumber(sum) * 2 ** Number(k);
}
