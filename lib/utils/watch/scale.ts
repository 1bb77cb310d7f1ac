// From values to positions on the page.

/** A mapping of values to pixels. */
export interface Scale {
  readonly isLog: boolean;
  readonly domain: readonly [low: number, high: number];
  at(value: number): number;
  /** About `count` round values. */
  ticks(count: number): number[];
}

/** A scale over the values of `domain`, on which `from` and `to` are the pixels of its ends. */
export function scale(domain: readonly [number, number], from: number, to: number, isLog = false): Scale {
  let [low, high] = domain;
  if (!(low < high)) {
    // One value is in the middle.
    const room = isLog ? 2 : Math.abs(low) / 2 || 1;
    [low, high] = isLog ? [low / room, low * room] : [low - room, low + room];
  }
  const [a, b] = isLog ? [Math.log10(low), Math.log10(high)] : [low, high];
  return {
    isLog,
    domain: [low, high],
    at: (value) => from + (((isLog ? Math.log10(value) : value) - a) / (b - a)) * (to - from),
    ticks: (count) => (isLog ? logTicks(low, high, count) : linearTicks(low, high, count)),
  };
}

function linearTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((s) => s >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) && ticks.length < 100; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

function logTicks(low: number, high: number, count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const all = (digits: number[], every: number) => {
    const ticks: number[] = [];
    for (let power = first; power <= last; power++) {
      if (power % every === 0) ticks.push(...digits.map((digit) => Number(`${digit}e${power}`)));
    }
    return ticks.filter((tick) => tick >= low && tick <= high);
  };
  // As many as there is room for; a narrow range needs the digits between.
  for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
    const ticks = all(digits, 1);
    if (ticks.length <= count) return ticks.length >= 2 ? ticks : linearTicks(low, high, count);
  }
  return all([1], Math.ceil((last - first) / count));
}
