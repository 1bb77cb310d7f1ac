// The results as lines for a terminal.
import { cases } from '../lib/cases.js';
import type { GpuResults, GpuRow, Times } from './results.js';

const time = (seconds: number) =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(1)} us` : `${(seconds * 1e3).toFixed(2)} ms`;

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
