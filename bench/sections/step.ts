// Clip and step over the layers of real networks, compared with what PyTorch offers for it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOf, type CaseName, cases, optimizerOf, type Run } from '../lib/cases.js';
import { type Child, python } from '../lib/child.js';
import { type Control, type Controls, controlBytes, controls, shareOf, speedOf } from '../lib/controls.js';
import { rawOf, type StepRow } from '../lib/results.js';
import { openRivals } from '../lib/rivals.js';
import { against, here, measure } from '../lib/rounds.js';
import { shapes } from '../lib/shapes.js';
import { median } from '../lib/statistics.js';
import { Tensors } from '../lib/tensors.js';

// How far our result may be from fp64's.
const tolerance = { float32: 1e-5, bfloat16: 1e-3 };
const factors = [1, 4, 0.25];

export interface StepOptions {
  rounds: number;
  only?: readonly CaseName[];
  onRow(row: StepRow): void;
  /** GB/s of each control. */
  onControls(speeds: Record<Control, number>): void;
}

/** One shape in one dtype; the tensors are made once on both sides. */
export async function stepRun(run: Run, options: StepOptions): Promise<void> {
  const names = options.only?.filter((name) => [...run.cases, ...(run.more ?? [])].includes(name)) ?? run.cases;
  if (names.length === 0) return;
  const needed = memoryOf(run);
  if (needed > process.availableMemory()) {
    console.log(
      `${shapes[run.shape].title}, ${run.dtype}: left out, it needs ${(needed / 2 ** 30).toFixed(1)} GB of memory`,
    );
    return;
  }
  const side = python();
  const files = mkdtempSync(join(tmpdir(), 'torch-clip-bench-'));
  const tensors = new Tensors(run.shape, run.dtype);
  try {
    await side.call('open', { shape: run.shape, dtype: run.dtype });
    const beside = controls();
    for (const name of names) {
      options.onRow(await oneCase(name, run, { side, files, tensors, beside, ...options }));
      // The state of the case's optimizer.
      globalThis.gc?.();
    }
    beside.dispose();
  } finally {
    tensors.dispose();
    rmSync(files, { recursive: true });
    await side.close();
  }
}

type Context = StepOptions & { side: Child; files: string; tensors: Tensors; beside: Controls };

async function oneCase(name: CaseName, { shape, dtype, leave = [] }: Run, context: Context): Promise<StepRow> {
  const { side, files, tensors, beside, rounds } = context;
  const gate = cases[name].gate ?? factors;
  const optimizer = optimizerOf(name, tensors.params);
  tensors.reset();
  for (const factor of gate) {
    tensors.gradients(factor);
    optimizer.step();
  }
  writeFileSync(join(files, 'ours'), tensors.sample());
  const chosen = cases[name].rivals.filter((rival) => !leave.includes(rival));
  const rivals = await openRivals({ name, shape, dtype, rivals: chosen, factors: gate }, side, files);
  const { errors } = rivals;
  if (!(errors.ours! <= tolerance[dtype])) {
    throw new Error(
      `${shape} ${dtype} ${name}: error ${errors.ours} against fp64, at most ${tolerance[dtype]} is allowed`,
    );
  }

  tensors.reset();
  const { copy, inPlace } = beside;
  const timing = await measure({ ours: here(() => optimizer.step()), copy, inPlace, ...rivals.contenders }, { rounds });
  const hugePages = await rivals.hugePages();
  await rivals.close();

  const seconds = median(timing.rounds.ours!);
  const { elements } = shapes[shape];
  const bytesPerParameter = bytesOf(name, shape, dtype);
  const bytes = bytesPerParameter * elements;
  context.onControls({ copy: speedOf(timing, 'copy'), inPlace: speedOf(timing, 'inPlace') });
  return {
    shape,
    dtype,
    case: name,
    nonFinite: optimizer.nonFinite,
    rounds,
    ...rawOf(timing),
    seconds,
    nsPerParameter: (seconds / elements) * 1e9,
    bytesPerParameter,
    gbPerSecond: bytes / seconds / 1e9,
    ofCopy: shareOf(timing, 'copy', bytes),
    ofInPlace: shareOf(timing, 'inPlace', bytes),
    rivals: Object.fromEntries(chosen.map((rival) => [rival, against(timing, rival)])) as StepRow['rivals'],
    errors,
    hugePages,
  };
}

/** The bytes of all sides at their peak: parameter, gradient and state, what foreach and compile keep in addition, and the controls. */
function memoryOf({ shape, dtype, leave = [] }: Run): number {
  const width = dtype === 'float32' ? 4 : 2;
  const sides = leave.includes('fusedHuge') ? 2 : 3;
  const whole = leave.includes('foreach') ? 1 : 2;
  const compiled = leave.includes('compile') ? 0 : 2;
  return shapes[shape].elements * (sides * (2 * width + 8) + (whole + compiled) * width) + controlBytes;
}
