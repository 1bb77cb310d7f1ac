// What the report says about a run's losses and gradient norms.

/** The q-th quantile, 0 <= q <= 1, with linear interpolation; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  return below + (at % 1) * ((sorted[Math.ceil(at)] ?? Number.NaN) - below);
}

/** The mean of the last `count` values, or of all where there are fewer. */
export function lastMean(values: readonly number[], count: number): number {
  const last = values.slice(-count);
  return last.reduce((a, b) => a + b, 0) / last.length;
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** Counts the positive, finite values in bins of equal ratio, `perDecade` per power of ten. */
export function logBins(values: readonly number[], perDecade: number): Bin[] {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bin = Math.floor(Math.log10(value) * perDecade);
    if (isUsable(value) && Number.isFinite(bin)) counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  const edge = (bin: number) => 10 ** (bin / perDecade);
  return [...counts].map(([bin, count]) => ({ from: edge(bin), to: edge(bin + 1), count }));
}

/** The share of values above the third quartile by more than one and a half times the quartiles' distance: 0.35% of normal ones. */
export function tailShare(values: readonly number[]): number {
  const [q1, q3] = [quantile(values, 0.25), quantile(values, 0.75)];
  const limit = q3 + 1.5 * (q3 - q1);
  return values.filter((value) => value > limit).length / values.length;
}

/** Whether a value can be drawn, and summed up with others: it is finite, and not at the end of the numbers. */
export const isUsable = (value: number): boolean => Math.abs(value) <= 1e300;

/** The mean of each value and those before it, `width` of them at most; those that are not finite are passed over. */
export function rollingMean(values: readonly number[], width: number): number[] {
  const means: number[] = [];
  let [sum, count] = [0, 0];
  for (const [i, value] of values.entries()) {
    if (isUsable(value)) [sum, count] = [sum + value, count + 1];
    const old = values[i - width];
    if (old !== undefined && isUsable(old)) [sum, count] = [sum - old, count - 1];
    means.push(count === 0 ? Number.NaN : sum / count);
  }
  return means;
}
