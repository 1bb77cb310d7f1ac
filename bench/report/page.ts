// docs/benchmarks.md as text.
import { cases, type RivalName, rivals } from '../lib/cases.js';
import type { Results, SmallRow, StepRow } from '../lib/results.js';
import type { Against } from '../lib/rounds.js';
import { shapes } from '../lib/shapes.js';
import { groupsOf } from './groups.js';

export const time = (seconds: number) =>
  seconds < 1e-3 ? `${(seconds * 1e6).toPrecision(3)} µs` : `${(seconds * 1e3).toPrecision(3)} ms`;
export const ratio = ({ ratio, interval }: Against) =>
  `${ratio.toFixed(2)} (${interval.map((bound) => bound.toFixed(2)).join(' to ')})`;
const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
const count = (n: number) => n.toLocaleString('en');

export function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

// From this error on, a rival computes something else than was asked for.
const farOff = 0.01;

/** A rival's ratio, with its error where that is large. */
function rivalCell({ rivals, errors }: StepRow, name: RivalName): string {
  const [against, error = 0] = [rivals[name], errors[name]];
  if (against === undefined) return '';
  return error > farOff ? `${ratio(against)}, **error ${error.toPrecision(2)}**` : ratio(against);
}

/** One shape in one dtype. */
function stepTable(rows: StepRow[]): string {
  const [{ shape, dtype } = rows[0]!] = rows;
  const named = (Object.keys(rivals) as RivalName[]).filter((name) =>
    rows.some((row) => row.rivals[name] !== undefined),
  );
  const { title, tensors, elements } = shapes[shape];
  const worst = ({ errors }: StepRow) =>
    Object.entries(errors)
      .filter(([name]) => name !== 'ours')
      .map(([, error]) => error)
      .reduce((a, b) => Math.max(a, b), 0);
  return [
    `### ${title}, ${dtype}: ${count(elements)} parameters in ${count(tensors)} ${tensors === 1 ? 'tensor' : 'tensors'}`,
    '',
    table(
      [
        'case',
        'policy',
        'a step',
        'ns/param',
        'bytes/param',
        'GB/s',
        'of copy',
        'of in place',
        ...named,
        'error',
        "rivals' error",
      ],
      rows.map((row) => [
        cases[row.case].title,
        row.nonFinite,
        time(row.seconds),
        row.nsPerParameter.toFixed(2),
        row.bytesPerParameter.toFixed(row.bytesPerParameter % 1 === 0 ? 0 : 1),
        row.gbPerSecond.toFixed(1),
        percent(row.ofCopy),
        percent(row.ofInPlace),
        ...named.map((name) => rivalCell(row, name)),
        row.errors.ours!.toExponential(0),
        worst(row).toExponential(0),
      ]),
    ),
  ].join('\n');
}

function smallTable(rows: SmallRow[]): string {
  const named = [...new Set(rows.flatMap((row) => Object.keys(row.rivals)))];
  return table(
    ['', 'ours', ...named],
    rows.map((row) => [
      row.title,
      time(row.seconds),
      ...named.map((name) => (row.rivals[name] === undefined ? '' : ratio(row.rivals[name]))),
    ]),
  );
}

/** Whole models, with the share of our time in JavaScript; nothing where they were not measured. */
function portsTable(rows: SmallRow[]): string {
  if (rows.length === 0) return '';
  const named = [...new Set(rows.flatMap((row) => Object.keys(row.rivals)))];
  const lines = rows.map((row) => [
    row.title,
    time(row.seconds),
    row.javascript === undefined ? '' : percent(row.javascript),
    ...named.map((name) => (row.rivals[name] === undefined ? '' : ratio(row.rivals[name]))),
  ]);
  return `\n\n${table(['training step of', 'ours', 'in JavaScript', ...named], lines)}`;
}

/** Results with ranks, which may have been measured by themselves. */
export interface Ranks {
  file: string;
  results: Results;
}

const rowsOf = ({ small }: Results, name: SmallRow['section']) => small.filter((row) => row.section === name);

/** Two processes as ranks; nothing where they were not measured. */
function ranksPart(ranks: Ranks | undefined, ownFile: string): string {
  if (ranks === undefined) return '';
  const { file, results } = ranks;
  const apart =
    file === ownFile
      ? ''
      : `\n\nMeasured on ${results.date}, commit ${results.commit}: [bench/results/${file}](../bench/results/${file}).`;
  return `## Two ranks

Two processes on this machine form a group, over Gloo, with one thread each: ours run as users run them, and Python's on the same libtorch. All ranks are told at once, and the
slowest one's time counts. *Awaited* is a promise per call, one after the other, where the others block as PyTorch's do. Each rank of the GPT has 2 rows of 64 characters, and of the
MLP 64 rows; losses over both ranks must agree with PyTorch's within 1e-5 before anything is timed. \`fused\` is PyTorch with its fused optimizer.${apart}

${smallTable(rowsOf(results, 'distributed'))}

`;
}

function growthTable({ scaling }: Results): string {
  return table(
    ['norm clip + AdamW over', 'ours', 'each', 'of in place', 'PyTorch, clip + fused'],
    scaling.map(({ by, count: n, seconds, ofInPlace, fused }) => [
      by === 'parameters' ? `one tensor of ${count(n)} elements` : `${count(n)} tensors of ten elements`,
      time(seconds),
      `${((seconds / n) * 1e9).toPrecision(3)} ns`,
      ofInPlace === undefined ? '' : percent(ofInPlace),
      ratio(fused),
    ]),
  );
}

function speeds(controls: Results['controls']): string {
  if (controls === undefined) return '';
  return `: ${controls.copy.toFixed(1)} and ${controls.inPlace.toFixed(1)} GB/s read and written`;
}

function cachesText(caches: Results['machine']['cachesKB']): string {
  if (caches === undefined) return '';
  const [l2, l3] = [caches.l2 / 1024, caches.l3 / 1024];
  return `
Dashed lines: where parameter, gradient and state, at 16 bytes per element, fill a core's second-level cache (${l2} MB) and the last-level one (${l3} MB). From there on
each element costs more. A second thread joins at 131,072 elements.
`;
}

/** How much memory of each process lies on huge pages. */
function hugePages(rows: readonly StepRow[]): string {
  const asked = rows.filter((row) => typeof row.hugePages.pytorchHuge === 'number');
  if (asked.length === 0) return '';
  const each = asked.map(({ shape, dtype, hugePages: { ours, pytorch, pytorchHuge } }) => {
    return `${shapes[shape].title} in ${dtype} ${ours}, ${pytorch} and ${pytorchHuge} MB`;
  });
  return `- Tensors of 2 MB and more ask for huge pages here. In PyTorch they do so only with THP_MEM_ALLOC_ENABLE=1, and on boundaries of 4 KB, so that the ends of each
  tensor stay on small pages. Memory on huge pages after the rounds of norm clip + AdamW, in our process (with the control's 512 MB), in PyTorch's, and in the PyTorch that
  asks for them (\`fusedHuge\`, \`gradScaleHuge\`): ${each.join('; ')}.
`;
}

export function page(results: Results, file: string, notes: string, ranks?: Ranks): string {
  const { machine, versions, threads, date, controls, step, small } = results;
  const groups = groupsOf(step);
  const about = Object.entries(rivals).map(([name, text]) => `- \`${name}\`: ${text}`);
  const section = (name: SmallRow['section']) => rowsOf(results, name);
  const rounds = [...step, ...small, ...results.scaling].map((row) => row.rounds);
  return `# Benchmarks

<!-- Written by npm run bench:report; the last part is bench/notes.md. -->

\`npm run bench\` (\`-- --only step --shapes gpt2 --rounds 30\`) measures, \`npm run bench:report\` writes this page.
These figures are from ${date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.platform}; torch-clip ${versions.torchClip} on libtorch ${versions.libtorch},
Python PyTorch ${versions.pytorch}, Node.js ${versions.node}, ${threads} threads, commit ${results.commit}, transparent huge pages: ${machine.hugePages ?? 'unknown'}.
The raw data, with the seconds of every contender in every round: [bench/results/${file}](../bench/results/${file}).

![Ratios](benchmarks.svg)

The chart compares each case with the fastest of its rivals; the tables have all of them.

## How it is measured

- One process of ours and one of Python run on the same libtorch, with the same shapes, values and number of threads. In each of ${Math.min(...rounds)} rounds, all contenders of a case and
  the controls take turns in random order after a warm-up. A turn is one call that is not timed, unless a call takes more than a quarter of a second, and then as many calls as
  take about 20 ms (operators and networks: 100 ms), at least one.
- A ratio is the rival's time over ours in the same round: above 1 ours is faster. The tables show the median of the rounds, and the bootstrap's 95% interval of that median.
- The controls are \`copy_\` between two tensors of 256 MB, and \`mul_(1)\` in place on one${speeds(controls)}. *bytes/param* is what the algorithm must read and write at
  least: parameter and state both ways, the gradient once, and once more where a norm over more than a core's cache decides about it (for AGC the parameter too). *GB/s* is based on those
  bytes; *of copy* and *of in place* compare that with the controls in the same round. A copy is an easy mark, since the processor fetches the memory that it writes first: 12 bytes per
  element where 8 are counted. In place, what is counted is what moves, as in a step; above 100% are shapes that stay in the cache.
- Before it is timed, every contender takes the case's first steps, with gradients that grow and shrink (one step for ClippedSGD, whose original clips something else from the second step on),
  and is compared with fp64 in some 200,000 elements, including the last row of each tensor. *error* is the largest difference beyond the rounding of the parameter itself, relative to the
  largest change. Ours must stay below 1e-5 (1e-3 for bfloat16), or else nothing is timed. A rival is timed whatever its error, which stands beside its ratio if it is above ${farOff}.
- With bfloat16 parameters our state is fp32. PyTorch's is bfloat16, which is fewer bytes and coarser.
- *policy* is our step's \`nonFinite\`: \`propagate\` lets non-finite gradients pass, as the rivals do; \`skip\`, the default with a clipper, looks at all gradients before the first parameter
  changes, which a global norm does anyway.
- The stochastic clipper's draw is fixed to "clip", the more expensive outcome. Since its rival would not clip again what it has clipped in place, that one's gradients are written anew
  before each of its steps, which is not timed. tfjs's backend has one thread in Node.js.
${hugePages(step)}
Rivals:

${about.join('\n')}

## Clip and step

${groups.map(stepTable).join('\n\n')}

## Where the host decides

Our side runs as users run it: compiled JavaScript, in a Node.js process that does nothing else. Operators use ${threads} threads, networks one, as in the demo; \`fused\` is
PyTorch with its fused optimizer instead of its default. Both sides start from the same seed. The operators' results, the losses of the networks' first three steps, and the demo's first losses and
norms must agree with PyTorch's within 1e-5 of the largest, or else nothing is timed. The epoch is the demo's own code, and the same script in Python: both compute the norm of the gradient
and then clip it by its norm.

${smallTable(section('operators'))}

${smallTable(section('networks'))}${portsTable(section('ports'))}

${smallTable(section('host'))}

${ranksPart(ranks, file)}## Growth

![Growth](benchmarks-growth.svg)
${cachesText(machine.cachesKB)}
${growthTable(results)}

${notes}`;
}
