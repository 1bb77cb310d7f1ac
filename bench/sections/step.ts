// Clip and step over the layers of real networks, beside what PyTorch offers for it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOf, type CaseName, cases, optimizerOf, type RivalName, type Run } from '../lib/cases.js';
import { type Child, node, python } from '../lib/child.js';
import { type Controls, controlBytes, controls, shareOf, speedOf } from '../lib/controls.js';
import { rawOf, type StepRow } from '../lib/results.js';
import { against, type Contender, here, measure } from '../lib/rounds.js';
import { seeds, shapes, strideOf } from '../lib/shapes.js';
import { median } from '../lib/statistics.js';
import { poolOf, Tensors } from '../lib/tensors.js';

// How far the gate lets our result be from fp64's.
const tolerance = { float32: 1e-5, bfloat16: 1e-3 };
const factors = [1, 4, 0.25];

export interface StepOptions {
  rounds: number;
  only?: readonly CaseName[];
  onRow(row: StepRow): void;
  /** GB/s of each control. */
  onControls(speeds: { copy: number; inPlace: number }): void;
}

/** One shape in one dtype: the tensors are made once, on both sides. */
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
  const chosen = cases[name].rivals.filter((rival) => !leave.includes(rival));
  const gate = cases[name].gate ?? factors;
  const optimizer = optimizerOf(name, tensors.params);
  const samples: Record<string, string> = { ours: join(files, 'ours') };
  tensors.reset();
  for (const factor of gate) {
    tensors.gradients(factor);
    optimizer.step();
  }
  writeFileSync(samples.ours!, tensors.sample());
  const tfjs = chosen.includes('tfjs') ? await openTfjs(shape, files) : undefined;
  if (tfjs !== undefined) {
    samples.tfjs = join(files, 'tfjs');
    await tfjs.call('check', { factors: gate, stride: strideOf(shape), file: samples.tfjs });
  }
  const huge = chosen.some(asksForHuge) ? python('cpu', { THP_MEM_ALLOC_ENABLE: '1' }) : undefined;
  await huge?.call('open', { shape, dtype });
  /** The rivals in PyTorch that run there, by what they are called there. */
  const kindsIn = (child: Child) =>
    chosen
      .filter((rival) => rival !== 'tfjs' && asksForHuge(rival) === (child === huge))
      .map((rival) => [rival.replace('Huge', ''), rival] as const);
  const errors: StepRow['errors'] = {};
  const contenders: Record<string, Contender> = {
    ours: here(() => optimizer.step()),
    copy: beside.copy,
    inPlace: beside.inPlace,
  };
  for (const child of huge === undefined ? [side] : [side, huge]) {
    const kinds = new Map(kindsIn(child));
    const seen = await child.call<Record<string, number>>('check', {
      case: name,
      rivals: [...kinds.keys()],
      factors: gate,
      files: child === side ? samples : {},
    });
    for (const [kind, error] of Object.entries(seen)) errors[(kinds.get(kind) ?? kind) as RivalName] = error;
    await child.call('prepare', { case: name, rivals: [...kinds.keys()] });
    for (const [kind, rival] of kinds) {
      contenders[rival] = (iterations, untimed) => child.call<number>('step', { rival: kind, iterations, untimed });
    }
  }
  if (tfjs !== undefined) {
    contenders.tfjs = (iterations, untimed) => tfjs.call<number>('step', { iterations, untimed });
  }
  if (!(errors.ours! <= tolerance[dtype])) {
    throw new Error(
      `${shape} ${dtype} ${name}: error ${errors.ours} against fp64, at most ${tolerance[dtype]} is allowed`,
    );
  }

  tensors.reset();
  const timing = await measure(contenders, { rounds });
  const hugePages: StepRow['hugePages'] = {
    ours: hugePagesHere(),
    pytorch: await side.call('huge_pages'),
    ...(huge !== undefined && { pytorchHuge: await huge.call('huge_pages') }),
  };
  await huge?.close();
  await tfjs?.close();

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

const asksForHuge = (rival: RivalName) => rival.endsWith('Huge');

/** MB of this process on huge pages, or null where the system does not say. */
function hugePagesHere(): number | null {
  const rollup = '/proc/self/smaps_rollup';
  if (!existsSync(rollup)) return null;
  return Math.floor(Number(/^AnonHugePages: *(\d+)/m.exec(readFileSync(rollup, 'utf8'))![1]) / 1024);
}

async function openTfjs(shape: Run['shape'], files: string): Promise<Child> {
  const child = node('tfjs');
  const pools = Object.fromEntries(
    Object.entries(seeds).map(([name, [seed, scale]]) => {
      const file = join(files, name);
      writeFileSync(file, poolOf(seed, scale, 'float32').toTypedArray<Float32Array<ArrayBuffer>>());
      return [name, file];
    }),
  );
  await child.call('open', { shape, pools });
  return child;
}

/** Of all sides at their largest: parameter, gradient and state, what foreach keeps beside them, the control. */
function memoryOf({ shape, dtype, leave = [] }: Run): number {
  const width = dtype === 'float32' ? 4 : 2;
  const sides = leave.includes('fusedHuge') ? 2 : 3;
  const whole = leave.includes('foreach') ? 1 : 2;
  return shapes[shape].elements * (sides * (2 * width + 8) + whole * width) + controlBytes;
}
