// Numbers, and values of tensors, on which an op ends the process or never ends.
import { invalidArgument } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Guard, holds, isPlain, isReadable } from './guard.js';

const maxDegree = 100_000;

/** The recurrences run as many times as the degree says. */
export const boundedDegree: Guard = (argument) => {
  const n = argument('n');
  // Not the largest one: NaN would hide it.
  const over = isReadable(n)
    ? !n.dtype.isComplex && n.double().gt(maxDegree).any().item<boolean>()
    : (typeof n === 'number' || typeof n === 'bigint') && n > maxDegree;
  if (over) throw invalidArgument('n', `a degree of at most ${maxDegree}`, n);
};

function requireFinite(name: string, value: unknown): void {
  if (isReadable(value) && !holds(value.isfinite())) {
    throw invalidArgument(name, 'a Tensor without NaN and infinities', value);
  }
}

/** LAPACK is given them unchecked here, and writes outside of its memory; `linalg.eig` checks. */
export const finite: Guard = (argument) => requireFinite('input', argument('self'));

/** LAPACK calls them illegal, which libtorch takes for its own fault. */
export const legal: Guard = (argument) => {
  for (const [key, name] of [
    ['self', 'input'],
    ['b', 'b'],
  ] as const) {
    const matrix = argument(key);
    if (isPlain(matrix)) requireFinite(name, matrix);
  }
};

/** A count is an integer of 64 bits on its way to the result. */
export const countableRates: Guard = (argument) => {
  const rates = argument('self');
  if (
    isPlain(rates) &&
    rates.dtype.isFloatingPoint &&
    rates
      .gt(2 ** 62)
      .any()
      .item<boolean>()
  ) {
    throw invalidArgument('input', 'a Tensor of rates from 0 to 2^62', rates);
  }
};

const largest: Readonly<Record<string, number>> = { float32: 2 ** 128 - 2 ** 104, float64: Number.MAX_VALUE };

function requireSpan(name: string, low: number, high: number, dtype: string): void {
  if (!(high - low > largest[dtype]!)) return;
  throw invalidArgument(name, `a range whose width is finite as ${dtype}`, [low, high]);
}

/** The bins would have no width: nothing falls into them. */
const finiteSpan =
  (widths: (values: Tensor) => Tensor): Guard =>
  (argument) => {
    const [self, low, high, range, bins] = ['self', 'min', 'max', 'range', 'bins'].map(argument);
    if (!isPlain(self) || !Object.hasOwn(largest, self.dtype.name)) return;
    const { name } = self.dtype;
    if (Array.isArray(range)) {
      for (let i = 0; i + 1 < range.length; i += 2) requireSpan('range', Number(range[i]), Number(range[i + 1]), name);
      return;
    }
    const [from, to] = [Number(low ?? 0), Number(high ?? 0)];
    if (from !== to) return requireSpan('max', from, to, name);
    // The values themselves are the range, where the bins are numbers of bins.
    const counted = !isTensor(bins) && !(Array.isArray(bins) && bins.some(isTensor));
    if (counted && self.numel() > 0) requireSpan('input', 0, widths(self.double()).max().item(), name);
  };

export const spanOfElements = finiteSpan((values) => values.max().sub(values.min()));
/** Each column has bins of its own. */
export const spanOfColumns = finiteSpan((values) => {
  const rows = values.reshape([-1, values.shape.at(-1) ?? 1]);
  return rows.amax(0).sub(rows.amin(0));
});

/** The sampler loops until a sum that never grows has grown. */
export const binomial: Guard = (argument) => {
  const [count, prob] = [argument('count'), argument('prob')];
  if (isReadable(count) && !holds(count.isfinite()))
    throw invalidArgument('count', 'a Tensor of finite numbers', count);
  if (isReadable(prob) && !prob.dtype.isComplex && !holds(prob.ge(0).logicalAnd(prob.le(1)))) {
    throw invalidArgument('prob', 'a Tensor of numbers from 0 to 1', prob);
  }
};

const least: Readonly<Record<string, bigint>> = { int32: -(2n ** 31n), int64: -(2n ** 63n) };

const hasLeast = (t: Tensor): boolean =>
  Object.hasOwn(least, t.dtype.name) && t.eq(least[t.dtype.name]!).any().item<boolean>();

/** The processor traps where the quotient of the least integer and -1 does not fit. */
export const fittingQuotient: Guard = (given) => {
  const [self, other] = [given('self'), given('other')];
  if (given('roundingMode') !== 'trunc' || !isReadable(self) || !hasLeast(self)) return;
  const negative = isReadable(other) ? other.eq(-1).any().item<boolean>() : other === -1 || other === -1n;
  if (negative) throw invalidArgument('other', `other than -1 where "input" is ${least[self.dtype.name]}`, other);
};

/** Its division by the greatest common divisor, which may come out as -1, traps likewise. */
export const withoutLeast: Guard = (given) => {
  for (const key of ['self', 'other']) {
    const t = given(key);
    if (isReadable(t) && hasLeast(t))
      throw invalidArgument(key, `a Tensor that does not contain ${least[t.dtype.name]}`, t);
  }
};

/** The power of an inverse is counted down from the opposite number, which does not fit. */
export const oppositeFits: Guard = (given) => {
  const n = given('n');
  if (n === least.int64) throw invalidArgument('n', `an integer above ${least.int64}`, n);
};

/** The range of a floating-point tensor is rounded in a loop that does not end at the edge of int64. */
export const floatRange: Guard = (argument) => {
  const input = argument('self');
  if (!isTensor(input) || !input.dtype.isFloatingPoint) return;
  for (const key of ['from', 'to']) {
    const bound = argument(key);
    if (typeof bound === 'bigint' && !Number.isSafeInteger(Number(bound))) {
      throw invalidArgument(key, 'a safe integer for a floating-point Tensor', bound);
    }
  }
};
