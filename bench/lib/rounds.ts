// Contenders take turns, in a new random order each round, so that a machine whose speed drifts slows all of them alike.
import { setTimeout } from 'node:timers/promises';
import { interval, median } from './statistics.js';

/** Runs something `untimed` times, by default once, then `iterations` times, and returns the seconds that the latter took. */
export type Contender = (iterations: number, untimed?: number) => number | Promise<number>;

/** A rival's median seconds per call, and the ratio of its time to ours: the median of the rounds' ratios with its 95% interval. */
export interface Against {
  seconds: number;
  ratio: number;
  interval: [number, number];
}

export interface Timing {
  /** Seconds per call: one number per contender and round. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
  /** How many calls each of those numbers is the mean of. */
  readonly calls: Readonly<Record<string, number>>;
}

/** A function as a contender in this process. */
export function here(run: () => unknown): Contender {
  return (iterations, untimed = 1) => {
    for (let i = 0; i < untimed; i++) run();
    const start = process.hrtime.bigint();
    for (let i = 0; i < iterations; i++) run();
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
}

// OpenMP's second thread spins for some milliseconds after its last work, and would disturb the next contender.
const rest = 5;
// A call that takes this many seconds needs no warm-up.
const long = 0.25;

/** How many calls take about `seconds`, from the fastest of three probes after a warm-up, and how many calls come before them. */
async function calibrate(run: Contender, seconds: number): Promise<{ iterations: number; untimed: number }> {
  await run(1);
  await setTimeout(rest);
  for (let iterations = 1; ; iterations *= 4) {
    const first = await run(iterations);
    if (first >= seconds / 4) {
      const call = Math.min(first, await run(iterations), await run(iterations)) / iterations;
      return { iterations: Math.max(1, Math.round(seconds / call)), untimed: call < long ? 1 : 0 };
    }
  }
}

export interface Measure {
  rounds: number;
  /** How long a contender's turn is, unless one call takes longer. */
  seconds?: number;
}

/** Times all contenders after a warm-up: each turn is at most one call that is not timed, and then as many as take `seconds`. */
export async function measure(
  contenders: Record<string, Contender>,
  { rounds, seconds = 0.02 }: Measure,
): Promise<Timing> {
  const entries = Object.entries(contenders).map(([name, run]) => ({
    name,
    run,
    times: [] as number[],
    iterations: 0,
    untimed: 0,
  }));
  for (const entry of entries) Object.assign(entry, await calibrate(entry.run, seconds));
  for (let round = -1; round < rounds; round++) {
    for (const { run, times, iterations, untimed } of shuffled(entries)) {
      await setTimeout(rest);
      const took = (await run(iterations, untimed)) / iterations;
      if (round >= 0) times.push(took);
    }
  }
  return {
    rounds: Object.fromEntries(entries.map(({ name, times }) => [name, times])),
    calls: Object.fromEntries(entries.map(({ name, iterations }) => [name, iterations])),
  };
}

function shuffled<T>(values: readonly T[]): T[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const k = Math.floor(Math.random() * (i + 1));
    [order[i], order[k]] = [order[k]!, order[i]!];
  }
  return order;
}

/** The rounds' ratios of `rival` to `ours`. */
export function ratios({ rounds }: Timing, rival: string, ours = 'ours'): number[] {
  return rounds[rival]!.map((seconds, i) => seconds / rounds[ours]![i]!);
}

export function against(timing: Timing, rival: string): Against {
  const values = ratios(timing, rival);
  return { seconds: median(timing.rounds[rival]!), ratio: median(values), interval: interval(values) };
}
