// Two sides of one measurement, taken in turn in random order, so that a machine whose speed drifts slows both alike.

/** One side: runs a case some times and returns the seconds it took. */
export interface Side {
  run(name: string, iterations: number): number | Promise<number>;
}

export interface Paired {
  /** Median microseconds a call. */
  ours: number;
  theirs: number;
  /** Median of theirs / ours over the rounds: above 1 we are faster. */
  ratio: number;
  /** Bootstrap 95% interval of that median. */
  interval: [number, number];
  rounds: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The 95% interval of the median, from resampling with replacement. */
export function interval(values: readonly number[], resamples = 2000): [number, number] {
  const medians = Array.from({ length: resamples }, () =>
    median(values.map(() => values[Math.floor(Math.random() * values.length)]!)),
  ).sort((a, b) => a - b);
  return [medians[Math.floor(resamples * 0.025)]!, medians[Math.ceil(resamples * 0.975) - 1]!];
}

/** How many iterations take about `seconds` on a side. */
async function calibrate(side: Side, name: string, seconds: number): Promise<number> {
  let iterations = 1;
  for (;;) {
    const took = await side.run(name, iterations);
    if (took >= seconds / 4) return Math.max(1, Math.round((iterations * seconds) / took));
    iterations *= 4;
  }
}

export async function compare(
  name: string,
  ours: Side,
  theirs: Side,
  { rounds = 31, seconds = 0.1 }: { rounds?: number; seconds?: number } = {},
): Promise<Paired> {
  const iterations = await calibrate(theirs, name, seconds);
  for (const side of [ours, theirs]) await side.run(name, iterations); // warm-up
  const pairs: [number, number][] = [];
  for (let i = 0; i < rounds; i++) {
    const pair: [number, number] = [0, 0];
    const order = Math.random() < 0.5 ? [0, 1] : [1, 0];
    for (const k of order) pair[k] = (await [ours, theirs][k]!.run(name, iterations)) / iterations;
    pairs.push(pair);
  }
  const ratios = pairs.map(([a, b]) => b / a);
  return {
    ours: median(pairs.map(([a]) => a)) * 1e6,
    theirs: median(pairs.map(([, b]) => b)) * 1e6,
    ratio: median(ratios),
    interval: interval(ratios),
    rounds,
  };
}
