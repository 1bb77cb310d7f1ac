// npm run bench: torch-clip beside Python PyTorch on the same libtorch.
//   npm run bench -- --only step --shapes gpt2 --cases adamw,agc --dtypes float32 --rounds 3
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import torch from '../lib/index.js';
import { type CaseName, cases, type RivalName, rivals, runs } from './lib/cases.js';
import { python } from './lib/child.js';
import type { Control } from './lib/controls.js';
import { commit, fileOf, machine, merged, type Results, versions, write } from './lib/results.js';
import type { Against } from './lib/rounds.js';
import { shapes } from './lib/shapes.js';
import { median } from './lib/statistics.js';
import { distributed } from './sections/distributed.js';
import { scaling } from './sections/scaling.js';
import { host, networks, operators, ports } from './sections/small.js';
import { stepRun } from './sections/step.js';

const sections = ['step', 'operators', 'networks', 'ports', 'host', 'distributed', 'scaling'] as const;
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    shapes: { type: 'string' },
    cases: { type: 'string' },
    dtypes: { type: 'string' },
    leave: { type: 'string' },
    rounds: { type: 'string', default: '30' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
});

/** The names in a list such as `step,host`, or undefined for all. */
function chosen<T extends string>(option: 'only' | 'shapes' | 'cases' | 'dtypes' | 'leave', known: readonly T[]) {
  const names = values[option]?.split(',') as T[] | undefined;
  const wrong = names?.find((name) => !known.includes(name));
  if (wrong === undefined) return names;
  console.error(`--${option}: no such name as ${wrong}; there are ${known.join(', ')}`);
  return process.exit(1);
}
const only = chosen('only', sections);
const shapeNames = chosen('shapes', Object.keys(shapes));
const caseNames = chosen('cases', Object.keys(cases) as CaseName[]);
const dtypes = chosen('dtypes', ['float32', 'bfloat16']);
const left = chosen('leave', Object.keys(rivals) as RivalName[]) ?? [];
const rounds = Number(values.rounds);

// Each section runs in a process of its own, as Python's side does, so that what one leaves in memory does not slow the next.
const asked = sections.filter((section) => only?.includes(section) ?? true);
if (asked.length > 1) {
  const rest = Object.entries(values).flatMap(([name, value]) => (name === 'only' ? [] : [`--${name}`, value]));
  for (const section of asked) {
    const args = [...process.execArgv, process.argv[1]!, '--only', section, ...rest];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (signal !== null) console.error(`${section} was ended by ${signal}`);
    if (status !== 0) process.exit(status ?? 1);
  }
  process.exit(0);
}

torch.setNumThreads(Number(values.threads));
const side = python();
const { torch: pytorch } = await side.call<{ torch: string }>('versions');
await side.close();
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  commit: commit(),
  machine: machine(),
  versions: versions(pytorch),
  threads: torch.getNumThreads(),
  step: [],
  small: [],
  scaling: [],
};
const file = values.out ?? fileOf(results);
// Results of fewer rounds mean too little to be stored unless asked for.
const kept = rounds >= 30 || values.out !== undefined;
function keep(): void {
  if (kept) write(file, merged(file, results));
}
try {
  if (kept) merged(file, results);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}

const us = (seconds: number) =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(2)} us` : `${(seconds * 1e3).toFixed(2)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
const beside = (rivals: Partial<Record<string, Against>>) =>
  Object.entries(rivals)
    .map(([name, r]) => `${name} ${r!.ratio.toFixed(2)} [${r!.interval.map((x) => x.toFixed(2)).join(', ')}]`)
    .join('  ');

const { cpu, cores } = results.machine;
console.log(
  `${cpu}, ${cores} cores; libtorch ${results.versions.libtorch}, PyTorch ${pytorch}, ${results.threads} threads, ` +
    `${rounds} rounds\nRatios are the rival's time over ours, above 1 we are faster, with the median's 95% interval.`,
);
const wanted = (section: (typeof sections)[number]) => only?.includes(section) ?? true;

if (wanted('step')) {
  const speeds: Record<Control, number>[] = [];
  for (const run of runs) {
    if (!(shapeNames?.includes(run.shape) ?? true) || !(dtypes?.includes(run.dtype) ?? true)) continue;
    console.log(`\n${shapes[run.shape].title}, ${run.dtype}`);
    await stepRun(
      { ...run, leave: [...(run.leave ?? []), ...left] },
      {
        rounds,
        only: caseNames,
        onControls: (each) => speeds.push(each),
        onRow(row) {
          console.log(
            `${cases[row.case].title.padEnd(27)} ${us(row.seconds).padStart(9)}  ${row.nsPerParameter.toFixed(2)} ns/param  ` +
              `${row.gbPerSecond.toFixed(1)} GB/s = ${percent(row.ofCopy)} of copy, ${percent(row.ofInPlace)} of in place  ` +
              `${beside(row.rivals)}  error ${row.errors.ours!.toExponential(0)}`,
          );
          results.step.push(row);
          keep();
        },
      },
    );
  }
  if (speeds.length > 0) {
    const middle = (control: Control) => median(speeds.map((each) => each[control]));
    results.controls = { copy: middle('copy'), inPlace: middle('inPlace') };
  }
}
const small = { rounds, onRow: smallRow };
function smallRow(row: Results['small'][number]): void {
  const share = row.javascript === undefined ? '' : `  ${percent(row.javascript)} in JavaScript`;
  console.log(`${row.title.padEnd(52)} ${us(row.seconds).padStart(9)}  ${beside(row.rivals)}${share}`);
  results.small.push(row);
  keep();
}
for (const [section, run] of Object.entries({ operators, networks, ports, host, distributed })) {
  if (!wanted(section as 'host')) continue;
  console.log(`\n${section}`);
  await run(small);
}
if (wanted('scaling')) {
  console.log('\nscaling');
  await scaling({
    rounds,
    onRow(row) {
      const { by, count, seconds, fused, ofInPlace } = row;
      const share = ofInPlace === undefined ? '' : `${percent(ofInPlace)} of in place  `;
      console.log(
        `${`${count.toLocaleString('en')} ${by}`.padEnd(24)} ${us(seconds).padStart(9)}  ` +
          `${((seconds / count) * 1e9).toFixed(2)} ns each  ${share}${beside({ fused })}`,
      );
      results.scaling.push(row);
      keep();
    },
  });
}
if (kept) keep();
console.log(kept ? `\nwritten to ${file}` : '\nnot kept: fewer than 30 rounds, and no --out');
