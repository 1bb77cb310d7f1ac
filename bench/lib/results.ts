// The results of a run, as they are stored in bench/results.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import torch, { type optim } from '../../lib/index.js';
import type { CaseName, RivalName } from './cases.js';
import type { Control } from './controls.js';
import type { Against, Timing } from './rounds.js';
import type { DtypeName, ShapeName } from './shapes.js';

/** The measurements of a row: seconds per call, one number per contender and round, each the mean of `calls`. */
export interface Raw {
  calls: Timing['calls'];
  samples: Timing['rounds'];
}

export function rawOf({ calls, rounds }: Timing): Raw {
  const short = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(5)));
  return { calls, samples: Object.fromEntries(Object.entries(rounds).map(([name, values]) => [name, short(values)])) };
}

export interface StepRow extends Raw {
  shape: ShapeName;
  dtype: DtypeName;
  case: CaseName;
  /** How our step treats gradients that are not finite. */
  nonFinite: optim.NonFinite;
  rounds: number;
  /** Median seconds of our step. */
  seconds: number;
  nsPerParameter: number;
  /** The bytes that the algorithm must move. */
  bytesPerParameter: number;
  /** Based on those bytes. */
  gbPerSecond: number;
  /** That relative to the controls' in the same round: the median of the ratios. */
  ofCopy: number;
  ofInPlace: number;
  rivals: Partial<Record<RivalName, Against>>;
  /** Against fp64, relative to the largest change of a parameter. */
  errors: Partial<Record<'ours' | RivalName, number>>;
  /** MB of each process that lie on huge pages after the last round; null where the system does not say. */
  hugePages: { ours: number | null; pytorch: number | null; pytorchHuge?: number | null };
}

export interface SmallRow extends Raw {
  section: 'operators' | 'networks' | 'ports' | 'host' | 'distributed';
  title: string;
  rounds: number;
  threads: number;
  seconds: number;
  rivals: Record<string, Against>;
  /** How far our first results are from each rival's, relative to the largest; undefined where the case has none. */
  errors: Record<string, number | undefined>;
  /** The share of our time in JavaScript, for whole models. */
  javascript?: number;
}

export interface ScalingRow extends Raw {
  by: 'parameters' | 'tensors';
  count: number;
  rounds: number;
  seconds: number;
  /** For one tensor: GB/s, based on the bytes that must move, relative to the control's in the same round; the median of the ratios. */
  ofInPlace?: number;
  fused: Against;
}

export interface Results {
  date: string;
  /** The commit of this repository, and a digest of uncommitted changes. */
  commit: string;
  machine: {
    cpu: string;
    cores: number;
    memoryGB: number;
    platform: string;
    /** The core's and the last one. */
    cachesKB?: { l2: number; l3: number };
    /** Who gets transparent huge pages: `always`, `madvise` or `never`. */
    hugePages?: string;
  };
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
  const [l2, l3] = [cacheKB(2), cacheKB(3)];
  return {
    cpu,
    cores: cpus().length,
    memoryGB,
    platform: `${process.platform}-${process.arch}`,
    ...(l2 !== undefined && l3 !== undefined && { cachesKB: { l2, l3 } }),
    hugePages: /\[(\w+)\]/.exec(said('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1],
  };
}

/** What a file of the system says, or nothing. */
function said(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

function cacheKB(level: number): number | undefined {
  const folders = [0, 1, 2, 3, 4].map((index) => `/sys/devices/system/cpu/cpu0/cache/index${index}`);
  const folder = folders.find((path) => said(join(path, 'level')) === String(level));
  return folder === undefined ? undefined : Number.parseInt(said(join(folder, 'size')), 10);
}

export function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: dirname(folder), encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', 'HEAD');
  if (status !== 0) return 'unknown';
  // What a run itself writes does not count as a change.
  const changes = git('diff', 'HEAD', '--', ':/', ':!/bench/results').stdout;
  const digest = createHash('sha256').update(changes).digest('hex').slice(0, 8);
  return `${stdout.trim()}${changes === '' ? '' : `-changed-${digest}`}`;
}

export function fileOf({ date, machine }: Pick<Results, 'date' | 'machine'>): string {
  const name = `${machine.cpu}-${machine.cores}-cores`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return join(folder, `${date}-${name}.json`);
}

/**
 * The results in the file, with these rows in place of older rows of the same measurements.
 *
 * @throws Error where the file's rows are of another commit, machine, version or number of threads.
 */
export function merged(file: string, fresh: Results): Results {
  if (!existsSync(file)) return fresh;
  const old = JSON.parse(readFileSync(file, 'utf8')) as Results;
  for (const about of ['commit', 'machine', 'versions', 'threads'] as const) {
    const [was, is] = [old, fresh].map((results) => JSON.stringify(results[about]));
    if (was !== is)
      throw new Error(`${file} has rows of ${about} ${was}, these are of ${is}: remove it or name another --out`);
  }
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
  // A list of numbers on one line.
  const text = JSON.stringify(results, null, 2).replaceAll(/\[\n[\d\s.,e+-]*\]/g, (list) =>
    list.replaceAll(/\s+/g, ''),
  );
  writeFileSync(file, `${text}\n`);
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
