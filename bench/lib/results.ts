// What a run found, as it is kept in bench/results.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import torch, { type optim } from '../../lib/index.js';
import type { CaseName, RivalName } from './cases.js';
import type { Control } from './controls.js';
import type { Against, Timing } from './rounds.js';
import type { DtypeName, ShapeName } from './shapes.js';

export interface StepRow {
  shape: ShapeName;
  dtype: DtypeName;
  case: CaseName;
  /** What our step does about gradients that are not finite. */
  nonFinite: optim.NonFinite;
  rounds: number;
  calls: Timing['calls'];
  /** Median seconds of a step of ours. */
  seconds: number;
  nsPerParameter: number;
  /** What the algorithm cannot do without. */
  bytesPerParameter: number;
  /** On those bytes. */
  gbPerSecond: number;
  /** That against the controls' in the same round: the median of the ratios. */
  ofCopy: number;
  ofInPlace: number;
  rivals: Partial<Record<RivalName, Against>>;
  /** Against fp64, relative to the largest change of a parameter. */
  errors: Partial<Record<'ours' | RivalName, number>>;
  /** MB of huge pages that each process lies on, after the last round; null where the system does not say. */
  hugePages: { ours: number | null; pytorch: number | null; pytorchHuge?: number | null };
}

export interface SmallRow {
  section: 'operators' | 'networks' | 'host';
  title: string;
  rounds: number;
  calls: Timing['calls'];
  threads: number;
  seconds: number;
  rivals: Record<string, Against>;
}

export interface ScalingRow {
  by: 'parameters' | 'tensors';
  count: number;
  rounds: number;
  calls: Timing['calls'];
  seconds: number;
  /** Of one tensor: GB/s on the least bytes against the control's in the same round, the median of the ratios. */
  ofInPlace?: number;
  fused: Against;
}

export interface Results {
  date: string;
  machine: { cpu: string; cores: number; memoryGB: number; platform: string };
  versions: { torchClip: string; libtorch: string; pytorch: string; node: string; capability: string };
  threads: number;
  /** GB/s of copy_ between two tensors of 256 MB and of mul_ in place on one: the medians of all cases. */
  controls?: Record<Control, number>;
  step: StepRow[];
  small: SmallRow[];
  scaling: ScalingRow[];
}

export const folder = fileURLToPath(new URL('../results', import.meta.url));

export function machine(): Results['machine'] {
  const cpu = cpus()[0]?.model.trim() ?? process.arch;
  const memoryGB = Math.round(totalmem() / 2 ** 30);
  return { cpu, cores: cpus().length, memoryGB, platform: `${process.platform}-${process.arch}` };
}

export function fileOf({ date, machine }: Pick<Results, 'date' | 'machine'>): string {
  const name = `${machine.cpu}-${machine.cores}-cores`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return join(folder, `${date}-${name}.json`);
}

/** The results in the file, with those rows in place of older ones of the same thing. */
export function merged(file: string, fresh: Results): Results {
  if (!existsSync(file)) return fresh;
  const old = JSON.parse(readFileSync(file, 'utf8')) as Results;
  const join = <T>(a: T[], b: T[], key: (row: T) => string) => [
    ...new Map([...a, ...b].map((row) => [key(row), row])).values(),
  ];
  return {
    ...fresh,
    controls: fresh.controls ?? old.controls,
    step: join(old.step, fresh.step, (row) => `${row.shape} ${row.dtype} ${row.case}`),
    small: join(old.small, fresh.small, (row) => row.title),
    scaling: join(old.scaling, fresh.scaling, (row) => `${row.by} ${row.count}`),
  };
}

export function write(file: string, results: object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

export function versions(pytorch: string): Results['versions'] {
  const { torchClip, libtorch } = torch.version;
  return {
    torchClip,
    libtorch,
    pytorch,
    node: process.versions.node,
    capability: process.env.ATEN_CPU_CAPABILITY ?? 'default',
  };
}
