// One case on the tensors of one shape: checked against fp64 on both sides, then timed in turn.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type CaseName, optimizerOf } from '../lib/cases.js';
import type { Child } from '../lib/child.js';
import { against, type Contender, measure, type Timing } from '../lib/rounds.js';
import { sizeOf } from '../lib/shapes.js';
import { median } from '../lib/statistics.js';
import type { Tensors } from '../lib/tensors.js';
import { capture, type DeviceName, timed, type Work } from './device.js';
import type { GpuRow, Times } from './results.js';
import { type GpuRival, type GpuRun, isGraph, rivalsOf } from './runs.js';

// How far our result may be from fp64's.
const tolerance = { float32: 1e-5, bfloat16: 1e-3 };
const factors = [1, 4, 0.25];

export interface Context {
  device: DeviceName;
  side: Child;
  /** A folder for samples. */
  files: string;
  tensors: Tensors;
  copy: () => unknown;
  copyBytes: number;
  rounds: number;
  copies: number;
  /** The shapes and cases for which the launches of each side are known. */
  counted: Set<string>;
  /** The rivals that are measured; by default all that there are. */
  only: string[] | undefined;
  onControl(gbPerSecond: number): void;
}

export async function rowOf(name: CaseName, { shape, dtype }: GpuRun, context: Context): Promise<GpuRow> {
  const { device, side, files, tensors, copy, rounds, copies, counted, only } = context;
  const notes: string[] = [];
  const optimizer = optimizerOf(name, tensors.params);
  const known = (rivalsOf[name] ?? []).filter((rival) => only?.includes(rival) ?? true);
  const rivals = known.filter((rival) => !isGraph(rival));

  tensors.reset();
  for (const factor of factors) {
    tensors.gradients(factor);
    optimizer.step();
  }
  const sample = join(files, 'ours');
  writeFileSync(sample, tensors.sample());
  const errors = await side.call<GpuRow['errors']>('check', { case: name, rivals, factors, files: { ours: sample } });
  if (!(errors.ours! <= tolerance[dtype])) {
    throw new Error(`error ${errors.ours} against fp64, at most ${tolerance[dtype]} is allowed`);
  }

  tensors.reset();
  await side.call('prepare', { case: name, rivals });
  const captured: GpuRival[] = [];
  for (const graph of known.filter(isGraph)) {
    try {
      await side.call('prepare', { case: name, rivals: [graph] });
      captured.push(graph);
    } catch (error) {
      notes.push(`${graph} of PyTorch: ${(error as Error).message}`);
    }
  }
  const step = () => optimizer.step();
  step();
  const { replay, work, reason } = capture(step, device);
  if (reason !== undefined) notes.push(`our ${replay === null ? 'graph' : 'step'}: ${reason}`);
  const done: Partial<Record<'ours' | GpuRival, Work>> = { ours: work };
  for (const rival of counted.has(`${shape} ${name}`) ? [] : rivals) {
    done[rival] = await side.call<Work>('counted', { rival });
  }
  counted.add(`${shape} ${name}`);

  const bytesPerParameter = bytesOf(name, shape, dtype);
  const bytes = bytesPerParameter * sizeOf(shape, copies).elements;
  const run = async (ours: () => unknown, chosen: GpuRival[], flushed: boolean): Promise<Times> => {
    const contenders: Record<string, Contender> = { ours: timed(ours, device, flushed), copy: timed(copy, device) };
    for (const rival of chosen) {
      contenders[rival] = (iterations) => side.call<number>('timed', { rival, iterations, flushed });
    }
    const timing = await measure(contenders, { rounds, seconds: 0.01 });
    context.onControl(context.copyBytes / median(timing.rounds.copy!) / 1e9);
    return times(timing, chosen, bytes, context.copyBytes);
  };
  const warm = await run(step, rivals, false);
  const flushed = await run(step, rivals, true);
  const graph = replay === null ? null : await run(replay, captured, false);
  return {
    shape,
    copies,
    dtype,
    case: name,
    rounds,
    bytesPerParameter,
    warm,
    flushed,
    graph,
    work: done,
    errors,
    notes,
  };
}

function times(timing: Timing, rivals: GpuRival[], bytes: number, copyBytes: number): Times {
  const seconds = median(timing.rounds.ours!);
  const ofControl = timing.rounds.ours!.map((ours, i) => bytes / ours / (copyBytes / timing.rounds.copy![i]!));
  return {
    seconds,
    gbPerSecond: bytes / seconds / 1e9,
    ofControl: median(ofControl),
    rivals: Object.fromEntries(rivals.map((rival) => [rival, against(timing, rival)])),
  };
}
