import { check, flag, integer, oneOf, orNull } from '../check.js';
import { optionsOf } from '../options.js';
import type { ProfilerEvent } from './events.js';

/** The events of one name together. Times are in microseconds. */
export interface EventAverage {
  name: string;
  /** The shapes of the arguments, where they are grouped by these; else empty. */
  shapes: string;
  count: number;
  cpuTimeTotal: number;
  selfCpuTimeTotal: number;
  cudaTimeTotal: number;
  selfCudaTimeTotal: number;
  memory: number;
  selfMemory: number;
  flops: number;
}

const columns = [
  'cpuTimeTotal',
  'selfCpuTimeTotal',
  'cudaTimeTotal',
  'selfCudaTimeTotal',
  'memory',
  'selfMemory',
  'flops',
  'count',
] as const;

/** What the rows of a table can be sorted by. */
export type SortBy = (typeof columns)[number];

/** Options of {@link EventAverages.table}. */
export interface TableOptions {
  /** The column whose largest values come first; default the order in which the names first appeared. */
  sortBy?: SortBy | null;
  /** How many rows to show; default 100. */
  rowLimit?: number;
}

const readTable = optionsOf('keyAverages().table()', {
  sortBy: [orNull(oneOf(...columns)), null],
  rowLimit: [integer(1), 100],
});

const time = (us: number): string =>
  Math.abs(us) >= 1e6
    ? `${(us / 1e6).toFixed(3)}s`
    : Math.abs(us) >= 1e3
      ? `${(us / 1e3).toFixed(3)}ms`
      : `${us.toFixed(3)}us`;
const share = (part: number, whole: number): string => `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(2)}%`;
const bytes = (n: number): string => {
  const size = Math.abs(n);
  if (size >= 2 ** 30) return `${(n / 2 ** 30).toFixed(2)} GB`;
  if (size >= 2 ** 20) return `${(n / 2 ** 20).toFixed(2)} MB`;
  return size >= 1024 ? `${(n / 1024).toFixed(2)} KB` : `${n} B`;
};

/**
 * Averages of a profile by name, as {@link Profile.keyAverages} returns them: an array with a {@link table}.
 *
 * @example
 * const slowest = profile.keyAverages().sort((a, b) => b.selfCpuTimeTotal - a.selfCpuTimeTotal)[0];
 */
export class EventAverages extends Array<EventAverage> {
  /** What `map` and `filter` return. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /**
   * The averages as text: a line per name, its share of the time, and the totals below.
   *
   * @example
   * console.log(profile.keyAverages().table({ sortBy: 'selfCpuTimeTotal', rowLimit: 10 }));
   */
  table(options: TableOptions = {}): string {
    const { sortBy, rowLimit } = readTable(options);
    const rows = Array.from(this);
    if (sortBy !== null) rows.sort((a, b) => b[sortBy] - a[sortBy]);
    const sum = (value: (row: EventAverage) => number) => rows.reduce((total, row) => total + value(row), 0);
    const [cpu, cuda] = [sum((row) => row.selfCpuTimeTotal), sum((row) => row.selfCudaTimeTotal)];
    const has = (value: (row: EventAverage) => number | string) => rows.some((row) => Boolean(value(row)));
    const shown: [string, (row: EventAverage) => string][] = [
      ['Name', (row) => row.name],
      ['Self CPU %', (row) => share(row.selfCpuTimeTotal, cpu)],
      ['Self CPU', (row) => time(row.selfCpuTimeTotal)],
      ['CPU total %', (row) => share(row.cpuTimeTotal, cpu)],
      ['CPU total', (row) => time(row.cpuTimeTotal)],
      ['CPU time avg', (row) => time(row.cpuTimeTotal / row.count)],
    ];
    if (cuda > 0) {
      shown.push(
        ['Self CUDA', (row) => time(row.selfCudaTimeTotal)],
        ['Self CUDA %', (row) => share(row.selfCudaTimeTotal, cuda)],
        ['CUDA total', (row) => time(row.cudaTimeTotal)],
        ['CUDA time avg', (row) => time(row.cudaTimeTotal / row.count)],
      );
    }
    if (has(({ memory }) => memory)) {
      shown.push(['Mem', (row) => bytes(row.memory)], ['Self Mem', (row) => bytes(row.selfMemory)]);
    }
    shown.push(['# of Calls', (row) => String(row.count)]);
    if (has(({ shapes }) => shapes)) shown.push(['Input Shapes', (row) => row.shapes]);
    if (has(({ flops }) => flops)) shown.push(['Total FLOPs', (row) => String(row.flops)]);
    const cells = rows.slice(0, rowLimit).map((row) => shown.map(([, cell]) => cell(row)));
    const widths = shown.map(([title], i) => Math.max(title.length, ...cells.map((line) => line[i]!.length)));
    const line = (texts: string[]) =>
      texts.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ');
    const rule = widths.map((width) => '-'.repeat(width)).join('  ');
    return [
      rule,
      line(shown.map(([title]) => title)),
      rule,
      ...cells.map(line),
      rule,
      `Self CPU time total: ${time(cpu)}`,
      ...(cuda > 0 ? [`Self CUDA time total: ${time(cuda)}`] : []),
      '',
    ].join('\n');
  }
}

/** @internal */
export function averagesOf(events: readonly ProfilerEvent[], groupByInputShape: unknown): EventAverages {
  const byShape = check('groupByInputShape', groupByInputShape, flag);
  const rows = new Map<string, EventAverage>();
  for (const event of events) {
    const shapes = byShape ? event.shapes : '';
    const key = `${event.name}\0${shapes}`;
    const row = rows.get(key) ?? {
      name: event.name,
      shapes,
      count: 0,
      cpuTimeTotal: 0,
      selfCpuTimeTotal: 0,
      cudaTimeTotal: 0,
      selfCudaTimeTotal: 0,
      memory: 0,
      selfMemory: 0,
      flops: 0,
    };
    rows.set(key, row);
    row.count++;
    const onHost = event.device === 'cpu';
    row.cpuTimeTotal += onHost ? event.duration : 0;
    row.selfCpuTimeTotal += onHost ? event.selfDuration : 0;
    row.cudaTimeTotal += event.cudaTime;
    // A kernel's time is that of the operator which started it.
    row.selfCudaTimeTotal += onHost ? event.selfCudaTime : 0;
    row.memory += event.memory;
    row.selfMemory += event.selfMemory;
    row.flops += event.flops;
  }
  const averages = new EventAverages();
  averages.push(...rows.values());
  return averages;
}
