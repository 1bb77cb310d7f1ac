// The results of a run on a GPU, as they are stored in bench/results.
import { join } from 'node:path';
import { cuda } from '../../lib/index.js';
import type { CaseName } from '../lib/cases.js';
import { folder, machine, type Results, versions } from '../lib/results.js';
import type { Against } from '../lib/rounds.js';
import type { DtypeName, ShapeName } from '../lib/shapes.js';
import type { DeviceName, Work } from './device.js';
import type { GpuRival } from './runs.js';

export interface Times {
  /** Median seconds of our step. */
  seconds: number;
  gbPerSecond: number;
  /** That relative to the control's, the copy in the same round: the median of the ratios. */
  ofControl: number;
  rivals: Partial<Record<GpuRival, Against>>;
}

export interface GpuRow {
  shape: ShapeName;
  /** Copies of the shape: as many as there was room for. */
  copies: number;
  dtype: DtypeName;
  case: CaseName;
  rounds: number;
  bytesPerParameter: number;
  /** Step after step; after something else has filled the cache; as a graph, beside PyTorch's as one. */
  warm: Times;
  flushed: Times;
  graph: Times | null;
  /** The rivals' count is the same in every dtype, and is taken with a shape's first one. */
  work: Partial<Record<'ours' | GpuRival, Work>>;
  /** Against fp64, relative to the largest change of a parameter. */
  errors: Partial<Record<'ours' | GpuRival, number>>;
  /** What could not be measured, and why. */
  notes: string[];
}

/** A case that was not measured, and why. */
export interface LeftOut {
  shape: ShapeName;
  dtype: DtypeName;
  case: CaseName;
  reason: string;
}

export interface GpuResults {
  kind: 'gpu';
  date: string;
  device: { name: string; capability: string; memoryGB: number; l2MB: number; multiprocessors: number };
  machine: Results['machine'];
  versions: Results['versions'];
  /** GB/s of copy_ between two tensors of 256 MB, the median of all rounds. */
  control: number;
  rows: GpuRow[];
  leftOut: LeftOut[];
}

export function begin(device: DeviceName, pytorch: string): GpuResults {
  return {
    kind: 'gpu',
    date: new Date().toISOString().slice(0, 10),
    device: device === 'cuda' ? card() : { name: 'none', capability: '', memoryGB: 0, l2MB: 0, multiprocessors: 0 },
    machine: machine(),
    versions: versions(pytorch),
    control: 0,
    rows: [],
    leftOut: [],
  };
}

function card(): GpuResults['device'] {
  const { name, major, minor, totalMemory, l2CacheSize, multiProcessorCount } = cuda.getDeviceProperties();
  return {
    name,
    capability: `${major}.${minor}`,
    memoryGB: Math.round(totalMemory / 2 ** 30),
    l2MB: Math.round(l2CacheSize / 2 ** 20),
    multiprocessors: multiProcessorCount,
  };
}

/** `2026-01-31-nvidia-h100-80gb-hbm3.json`, beside the processors' results. */
export function fileOf({ date, device }: GpuResults): string {
  return join(folder, `${date}-${device.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.json`);
}
