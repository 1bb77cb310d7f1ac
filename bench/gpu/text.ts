// The results as lines for a terminal.
import { cases } from '../lib/cases.js';
import { table } from '../report/page.js';
import type { GpuResults, GpuRow, Times } from './results.js';
import { type GpuRival, type GraphName, graphs } from './runs.js';

const time = (seconds: number) =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(1)} us` : `${(seconds * 1e3).toFixed(2)} ms`;

const graphNames = Object.keys(graphs) as GraphName[];

export function titleOf({ device, versions }: GpuResults): string {
  return (
    `${device.name}${device.capability && `, compute capability ${device.capability}, ${device.memoryGB} GB`}; ` +
    `libtorch ${versions.libtorch}, PyTorch ${versions.pytorch}\n` +
    "Ratios are the rival's time over ours, above 1 we are faster, with the median's 95% interval."
  );
}

export function lineOf(row: GpuRow): string {
  const { ours, ...others } = row.work;
  const started = (name: string, work: (typeof row.work)['ours']) =>
    `${name} ${work?.kernels ?? '?'} kernels + ${work?.others ?? '?'} others, ${work?.waits ?? '?'} waits`;
  return [
    cases[row.case].title,
    `  warm     ${timesOf(row.warm)}`,
    `  flushed  ${timesOf(row.flushed)}`,
    ...(row.graph === null ? [] : [`  graph    ${timesOf(row.graph)}`]),
    `  starts   ${[started('ours', ours), ...Object.entries(others).map(([name, work]) => started(name, work))].join('; ')}`,
    `  error    ${Object.entries(row.errors)
      .map(([name, error]) => `${name} ${error.toExponential(0)}`)
      .join('  ')}`,
    ...row.notes.map((note) => `  note     ${note}`),
  ].join('\n');
}

function timesOf({ seconds, gbPerSecond, ofControl, rivals }: Times): string {
  const beside = Object.entries(rivals).map(
    ([name, { ratio, interval }]) => `${name} ${ratio.toFixed(2)} [${interval.map((x) => x.toFixed(2)).join(', ')}]`,
  );
  const speed = `${gbPerSecond.toFixed(0)} GB/s = ${(100 * ofControl).toFixed(0)}% of copy`;
  return [time(seconds).padStart(9), speed.padEnd(24), ...beside].join('  ');
}

/** All cases as one table. */
export function summaryOf({ rows, leftOut }: GpuResults): string {
  const rivals = [...new Set(rows.flatMap(({ warm }) => Object.keys(warm.rivals) as GpuRival[]))];
  const short = (ratio: number | undefined) => ratio?.toFixed(2) ?? '';
  const beside = ({ warm, flushed }: GpuRow, name: GpuRival) =>
    warm.rivals[name] === undefined ? '' : `${short(warm.rivals[name].ratio)} / ${short(flushed.rivals[name]?.ratio)}`;
  const measured = rows.map((row) => {
    const { shape, copies, dtype, warm, flushed, graph } = row;
    return [
      ...[copies > 1 ? `${copies} x ${shape}` : shape, dtype, cases[row.case].title],
      ...[time(warm.seconds), `${(100 * warm.ofControl).toFixed(0)}%`, time(flushed.seconds)],
      ...rivals.map((name) => beside(row, name)),
      graph === null ? '' : time(graph.seconds),
      ...graphNames.map((name) => short(graph?.rivals[name]?.ratio)),
      startsOf(rows, row),
    ];
  });
  const missing = leftOut.map(({ shape, dtype, reason, ...row }) => [
    ...[shape, dtype, cases[row.case].title, reason.startsWith('failed') ? 'failed' : `left out: ${reason}`],
    ...Array.from({ length: rivals.length + graphNames.length + 4 }, () => ''),
  ]);
  const header = [
    'shape',
    'dtype',
    'case',
    'a step',
    'of copy',
    'flushed',
    ...rivals,
    'as a graph',
    ...graphNames,
    'launches',
  ];
  return [
    table(header, [...measured, ...missing]),
    '',
    "Under the rivals' names their time over ours, warm / flushed; under the graphs' theirs over our graph's.",
    "Launches: kernels and other work of a step, and in brackets how often it waits. Ours are the captured graph's nodes, the rivals' those",
    "that PyTorch's profiler saw in the first dtype of the shape. Ours waits 0 times where it ran under the sync debug mode 'error', the rivals",
    'as often as that mode warned.',
  ].join('\n');
}

function startsOf(rows: readonly GpuRow[], row: GpuRow): string {
  const counted = rows.filter(({ shape, case: name }) => shape === row.shape && name === row.case);
  const work = Object.assign({}, ...counted.map(({ work }) => work), { ours: row.work.ours }) as GpuRow['work'];
  return Object.entries(work)
    .map(([name, { kernels, others, waits }]) => `${name} ${sum(kernels, others) ?? '?'} (${waits ?? '?'})`)
    .join(', ');
}

const sum = (a: number | null, b: number | null) => (a === null || b === null ? null : a + b);
