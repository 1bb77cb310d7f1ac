// docs/gpu-benchmarks.md as text.
import type { GpuResults, GpuRow, LeftOut, Times } from '../gpu/results.js';
import { type GpuRival, graphs } from '../gpu/runs.js';
import { cases, rivals } from '../lib/cases.js';
import { sizeOf } from '../lib/shapes.js';
import { ratio, table, time } from './page.js';

const named: Record<string, string> = { ...rivals, ...graphs };

function section({ file, results }: { file: string; results: GpuResults }): string {
  const { device, versions, date, control, rows, leftOut } = results;
  const keyOf = ({ shape, copies, dtype }: GpuRow) => `${copies} ${shape} ${dtype}`;
  const keys = [...new Set(rows.map(keyOf))];
  const tables = keys.map((key) => {
    const own = rows.filter((row) => keyOf(row) === key);
    const { shape, copies, dtype } = own[0]!;
    const { title, elements, tensors } = sizeOf(shape, copies);
    const header = `### ${title}, ${dtype}: ${elements.toLocaleString('en')} parameters in ${tensors.toLocaleString('en')} ${tensors === 1 ? 'tensor' : 'tensors'}`;
    return `${header}\n\n${timesTable(own)}\n\n${workTable(own)}`;
  });
  return [
    `## ${device.name}`,
    `${date}: compute capability ${device.capability}, ${device.memoryGB} GB, ${device.multiprocessors} multiprocessors, ${device.l2MB} MB of second-level cache; ` +
      `torch-clip ${versions.torchClip} on libtorch ${versions.libtorch}, Python PyTorch ${versions.pytorch}. ` +
      `\`copy_\` between two tensors of 256 MB: ${control.toFixed(0)} GB/s read and written. Raw: [bench/results/${file}](../bench/results/${file}).`,
    ...tables,
    ...(leftOut.length === 0 ? [] : [`### Left out\n\n${leftOut.map(lineOf).join('\n')}`]),
  ].join('\n\n');
}

function lineOf({ shape, dtype, reason, ...row }: LeftOut): string {
  return `- ${sizeOf(shape).title}, ${dtype}, ${cases[row.case].title}: ${reason}`;
}

function timesTable(rows: GpuRow[]): string {
  const modes = ['warm', 'flushed', 'graph'] as const;
  const lines = rows.flatMap((row) =>
    modes.flatMap((mode) => (row[mode] === null ? [] : [{ row, mode, times: row[mode] as Times }])),
  );
  const columns = [...new Set(lines.flatMap(({ times }) => Object.keys(times.rivals)))] as GpuRival[];
  return table(
    ['case', '', 'a step', 'bytes/param', 'GB/s', 'of copy', ...columns],
    lines.map(({ row, mode, times }) => [
      cases[row.case].title,
      mode,
      time(times.seconds),
      row.bytesPerParameter.toFixed(row.bytesPerParameter % 1 === 0 ? 0 : 1),
      times.gbPerSecond.toFixed(0),
      `${(100 * times.ofControl).toFixed(0)}%`,
      ...columns.map((name) => (times.rivals[name] === undefined ? '' : ratio(times.rivals[name]))),
    ]),
  );
}

function workTable(rows: GpuRow[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.work)))] as (keyof GpuRow['work'])[];
  const text = (row: GpuRow, name: keyof GpuRow['work']) => {
    const work = row.work[name];
    return work === undefined ? '' : [work.kernels, work.others, work.waits].map((n) => n ?? '?').join(' / ');
  };
  return table(
    ['kernels / other work / waits of a step', ...columns],
    rows.map((row) => [cases[row.case].title, ...columns.map((name) => text(row, name))]),
  );
}

export function gpuPage(cards: { file: string; results: GpuResults }[]): string {
  const used = new Set(
    cards.flatMap(({ results }) =>
      results.rows.flatMap(({ warm, graph }) => [warm, graph].flatMap((t) => Object.keys(t?.rivals ?? {}))),
    ),
  );
  return `# Benchmarks on GPUs

<!-- Written by npm run bench:report. -->

\`npm run bench:gpu\` measures, \`npm run bench:report\` writes this page. One process of ours and one of Python share the card; in each round all
contenders of a case and a copy take turns in random order, timed by the GPU's events. A ratio is the rival's time over ours in the same
round: above 1 ours is faster. The tables show the median of the rounds and the bootstrap's 95% interval of that median. Before it is timed,
every contender takes three steps and is compared with fp64.

- *warm*: step after step; *flushed*: after a write that fills the cache; *graph*: a captured step, replayed.
- *bytes/param* is what the algorithm must read and write at least; *GB/s* is based on those bytes; *of copy* compares that with the copy in the same round.
- Our kernels and other work are the nodes of the captured graph; PyTorch's are what its profiler saw, in the first dtype of a shape. Ours waits 0
  times if a step ran under libtorch's sync debug mode 'error', which throws at a wait; PyTorch's waits are those that this mode warned about.
- With bfloat16 parameters our state is fp32. PyTorch's is bfloat16, which is fewer bytes and coarser: norm clip + AdamW reads and writes 24 bytes per
  parameter here, and about 20 in \`fused\`.
- Value clip and AGC let non-finite values pass, as their rivals do (\`nonFinite: 'propagate'\`).
- A layer is repeated as often as there was room for.

${[...used].map((name) => `- \`${name}\`: ${named[name]}`).join('\n')}

${cards.map(section).join('\n\n')}
`;
}
