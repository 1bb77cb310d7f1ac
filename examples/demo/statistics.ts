// What the demo says about a run's losses and gradient norms.

/** The q-th quantile, 0 <= q <= 1, with linear interpolation; NaN of nothing. */
export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  return below + (at % 1) * ((sorted[Math.ceil(at)] ?? Number.NaN) - below);
}

/** The mean of the last `count` values, or of all where there are fewer. */
export function lastMean(values: number[], count: number): number {
  const last = values.slice(-count);
  return last.reduce((a, b) => a + b, 0) / last.length;
}
