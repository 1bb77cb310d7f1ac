import { release, type } from 'node:os';
import { type Binaries, type Binary, findBinaries } from '../binding/binaries.js';
import { tryInChild } from '../binding/check.js';
import { fits, type Resolution, resolveInstallation } from '../binding/resolve.js';
import type { Answer } from '../binding/trial.js';
import { TorchClipError } from '../errors.js';
import {
  cached,
  cacheRoots,
  type FoundLibtorch,
  findLibtorch,
  inspect,
  isSupported,
  LibtorchError,
} from '../setup/libtorch.js';
import { versionOf } from '../setup/root.js';
import { type CudaVerdict, cudaVerdict, type Gpu, nvidia } from './nvidia.js';

/** All that `doctor` finds out; `doctor --json` prints it. */
export interface Diagnosis {
  torchClip: string;
  node: { version: string; path: string };
  platform: string;
  system: string;
  /** `'glibc 2.36'`, `'musl'`, which libtorch does not run on; null where there is none. */
  libc: string | null;
  libtorch: FoundLibtorch | null;
  binary: (Binary & { why: string }) | null;
  /** All binaries that could be chosen. */
  binaries: Binary[];
  /** Binaries and libtorchs that were passed over, and why; where no libtorch was found, the places that were looked at. */
  passedOver: string[];
  /** Whether `import 'torch-clip'` works. */
  loads: boolean;
  /** Whether that was tried in a process of its own; false where none could be started. */
  tried: boolean;
  error: { code: string; message: string } | null;
  driver: string | null;
  gpus: Gpu[];
  /** What nvidia-smi said where it failed. */
  nvidiaSmi: string | null;
  cuda: CudaVerdict;
}

export function diagnose(root: string, env: NodeJS.ProcessEnv = process.env): Diagnosis {
  let resolution: Resolution | undefined;
  let error: Diagnosis['error'] = null;
  let answer: Answer | undefined;
  try {
    resolution = resolveInstallation(root, env);
    answer = tryInChild(resolution, env);
  } catch (e) {
    if (!(e instanceof TorchClipError)) throw e;
    error = { code: e.code, message: e.message };
  }
  const { usable, damaged } = binariesOf(root, env);
  const { libtorch, left } = resolution
    ? {
        libtorch: resolution.libtorch,
        left: resolution.libtorch.refused.map(({ root: at, reason }) => `${at}: ${reason}`),
      }
    : anyLibtorch(root, env);
  const machine = nvidia(env);
  const loads = error === null;
  const binary = resolution?.binary;
  const seen = answer?.cuda?.gpus.map(({ name, major, minor, totalMemory }) => ({
    name,
    capability: `${major}.${minor}`,
    memory: `${Math.round(totalMemory / 2 ** 20)} MiB`,
  }));
  return {
    torchClip: versionOf(root),
    node: { version: process.versions.node, path: process.execPath },
    platform: `${process.platform}-${process.arch}`,
    system: `${type()} ${release()}`,
    libc: libc(),
    libtorch: libtorch ?? null,
    binary: resolution ? { ...resolution.binary, why: why(resolution) } : null,
    binaries: usable,
    passedOver: [...damaged.map((one) => one.why), ...left],
    loads,
    tried: answer !== undefined,
    error,
    driver: machine.driver ?? null,
    // A container may have a driver and no nvidia-smi.
    gpus: machine.gpus.length > 0 ? machine.gpus : (seen ?? []),
    nvidiaSmi: machine.said ?? null,
    cuda: cudaVerdict({ ...machine, libtorch, other: otherCuda(root, env, usable), binary, answer, loads }),
  };
}

/** Prints the diagnosis; returns the exit code: 0 where the package can be used (with `cuda`: on a GPU too). */
export function doctor(root: string, { json, cuda }: { json?: boolean; cuda?: boolean }): number {
  const found = diagnose(root);
  console.log(json ? JSON.stringify(found, null, 2) : `${text(found)}\n\n${verdict(found, cuda)}`);
  return found.loads && (!cuda || found.cuda.usable) ? 0 : 1;
}

function text(d: Diagnosis): string {
  const none = (what: string) => [`none${what}`];
  const rows: [string, string[]][] = [
    ['torch-clip', [d.torchClip]],
    [
      'platform',
      [
        [d.platform, d.system, d.libc === 'musl' ? `musl: ${noMusl}` : d.libc]
          .filter((part) => part !== null)
          .join(', '),
      ],
    ],
    ['Node.js', [`${d.node.version}, ${d.node.path}`]],
    [
      'libtorch',
      d.libtorch
        ? [`${d.libtorch.version} (${d.libtorch.flavour}), ${d.libtorch.root}`, `found through ${d.libtorch.place}`]
        : none(''),
    ],
    ['binary', d.binary ? [d.binary.addon, d.binary.why] : ['none chosen', ...d.binaries.map(describe)]],
    ['passed over', d.passedOver],
    ['loads', [loadsText(d)]],
    [
      'GPUs',
      d.gpus.length ? d.gpus.map(({ name, capability, memory }) => `${name}, ${capability}, ${memory}`) : none(''),
    ],
    ['driver', d.driver ? [`NVIDIA ${d.driver}`] : none('')],
    ['nvidia-smi', d.nvidiaSmi ? [d.nvidiaSmi] : []],
    [
      'CUDA',
      d.cuda.usable ? ['usable'] : [`not usable: ${d.cuda.reason}`, ...(d.cuda.fix ? [`fix: ${d.cuda.fix}`] : [])],
    ],
  ];
  const lines = rows
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name.padEnd(12)}${values.join(`\n${' '.repeat(12)}`)}`);
  return lines.join('\n');
}

function verdict({ error, cuda }: Diagnosis, onGpu = false): string {
  if (error) return `It does not work: ${error.message}`;
  return onGpu && !cuda.usable ? 'It works, on the CPU only.' : 'It works.';
}

const noMusl = 'not supported, because libtorch is made for glibc';

function describe({ addon, torch, flavour }: Binary): string {
  return `${addon}, for torch ${torch ?? '?'} (${flavour ?? '?'})`;
}

function loadsText({ loads, tried, error }: Diagnosis): string {
  if (!loads) return `no: ${error?.code}`;
  return tried ? 'yes, tried in a process of its own' : 'unknown: no process could be started to try it';
}

function why({ binary, libtorch }: Resolution): string {
  if (binary.torch === undefined) return `${binary.origin}; no file beside it says what it was made for`;
  const same = `${binary.torch} (${binary.flavour})`;
  return libtorch.version.startsWith(`${binary.torch}.`) && libtorch.flavour === binary.flavour
    ? `${binary.origin}, made for torch ${same} as the libtorch is`
    : `${binary.origin}, made for torch ${same}, because TORCH_CLIP_SKIP_VERSION_CHECK is set`;
}

function anyLibtorch(root: string, env: NodeJS.ProcessEnv): { libtorch?: FoundLibtorch; left: string[] } {
  try {
    return { libtorch: findLibtorch({ env, caches: cacheRoots(root, env), anyVersion: true }), left: [] };
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    return { left: error.tried };
  }
}

/** The newest CUDA build of the caches, chosen or not. */
function otherCuda(root: string, env: NodeJS.ProcessEnv, usable: Binary[]) {
  const all = cacheRoots(root, env).flatMap((cache) => cached(cache, true).flatMap((folder) => inspect(folder) ?? []));
  const found = all.find(({ version, flavour }) => flavour === 'cu13' && isSupported(version));
  return found && { ...found, fits: usable.some((binary) => fits(binary, found)) };
}

function binariesOf(root: string, env: NodeJS.ProcessEnv): Binaries {
  try {
    return findBinaries(root, env);
  } catch {
    return { usable: [], damaged: [] };
  }
}

function libc(): string | null {
  if (process.platform !== 'linux') return null;
  // Without this the report looks up the names of network peers, which takes seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl';
}
