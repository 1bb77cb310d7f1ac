import { release, type } from 'node:os';
import { join } from 'node:path';
import { type Binary, type Damaged, findBinaries } from '../binding/binaries.js';
import { tryInChild } from '../binding/check.js';
import { type Resolution, resolveInstallation } from '../binding/resolve.js';
import { TorchClipError } from '../errors.js';
import { objectOf } from '../setup/files.js';
import { cacheRoots, type FoundLibtorch, findLibtorch, LibtorchError } from '../setup/libtorch.js';
import { type CudaVerdict, cudaVerdict, type Gpu, nvidia } from './nvidia.js';

/** All that `doctor` finds out; `doctor --json` prints it. */
export interface Diagnosis {
  torchClip: string;
  node: { version: string; path: string };
  platform: string;
  system: string;
  /** `'glibc 2.36'`, `'musl'`; null where there is none. */
  libc: string | null;
  libtorch: FoundLibtorch | null;
  binary: (Binary & { why: string }) | null;
  /** Binaries and places that were passed over, and why. */
  passedOver: string[];
  /** Whether `import 'torch-clip'` works, which was tried in a process of its own. */
  loads: boolean;
  error: { code: string; message: string } | null;
  driver: string | null;
  gpus: Gpu[];
  cuda: CudaVerdict;
}

export function diagnose(root: string, env: NodeJS.ProcessEnv = process.env): Diagnosis {
  let resolution: Resolution | undefined;
  let error: Diagnosis['error'] = null;
  let cudaBuilt: boolean | undefined;
  try {
    resolution = resolveInstallation(root, env);
    cudaBuilt = tryInChild(resolution, env)?.cudaBuilt;
  } catch (e) {
    if (!(e instanceof TorchClipError)) throw e;
    error = { code: e.code, message: e.message };
  }
  const { libtorch, tried } = resolution ? { libtorch: resolution.libtorch, tried: [] } : anyLibtorch(root, env);
  const { driver, gpus } = nvidia(env);
  return {
    torchClip: String(objectOf(join(root, 'package.json')).version),
    node: { version: process.versions.node, path: process.execPath },
    platform: `${process.platform}-${process.arch}`,
    system: `${type()} ${release()}`,
    libc: libc(),
    libtorch: libtorch ?? null,
    binary: resolution ? { ...resolution.binary, why: why(resolution) } : null,
    passedOver: [...(resolution?.damaged ?? anyDamage(root, env)).map(({ why }) => why), ...tried],
    loads: error === null,
    error,
    driver: driver ?? null,
    gpus,
    cuda: cudaVerdict({ driver, gpus, libtorch, binary: resolution?.binary, cudaBuilt, loads: error === null }),
  };
}

/** Prints the diagnosis; returns the exit code: 0 where the package can be used (with `cuda`: on a GPU too). */
export function doctor(root: string, { json, cuda }: { json?: boolean; cuda?: boolean }): number {
  const found = diagnose(root);
  console.log(json ? JSON.stringify(found, null, 2) : text(found));
  return found.loads && (!cuda || found.cuda.usable) ? 0 : 1;
}

function text(d: Diagnosis): string {
  const none = (what: string) => [`none${what}`];
  const rows: [string, string[]][] = [
    ['torch-clip', [d.torchClip]],
    ['platform', [[d.platform, d.system, d.libc].filter((part) => part !== null).join(', ')]],
    ['Node.js', [`${d.node.version}, ${d.node.path}`]],
    [
      'libtorch',
      d.libtorch
        ? [`${d.libtorch.version} (${d.libtorch.flavour}), ${d.libtorch.root}`, `found through ${d.libtorch.place}`]
        : none(''),
    ],
    ['binary', d.binary ? [d.binary.addon, d.binary.why] : none('')],
    ['left', d.passedOver],
    ['loads', [d.loads ? 'yes, tried in a process of its own' : `no: ${d.error?.code}`]],
    [
      'GPUs',
      d.gpus.length ? d.gpus.map(({ name, capability, memory }) => `${name}, ${capability}, ${memory}`) : none(''),
    ],
    ['driver', d.driver ? [`NVIDIA ${d.driver}`] : none('')],
    [
      'CUDA',
      d.cuda.usable ? ['usable'] : [`not usable: ${d.cuda.reason}`, ...(d.cuda.mend ? [`mend: ${d.cuda.mend}`] : [])],
    ],
  ];
  const lines = rows
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name.padEnd(12)}${values.join(`\n${' '.repeat(12)}`)}`);
  return [...lines, '', d.error ? `It does not work: ${d.error.message}` : 'It works.'].join('\n');
}

function why({ binary, libtorch }: Resolution): string {
  if (binary.torch === undefined) return `${binary.origin}; nothing beside it says what it was made for`;
  const same = `${binary.torch} (${binary.flavour})`;
  return libtorch.version.startsWith(`${binary.torch}.`) && libtorch.flavour === binary.flavour
    ? `${binary.origin}, made for torch ${same} as the libtorch is`
    : `${binary.origin}, made for torch ${same}, because TORCH_CLIP_SKIP_VERSION_CHECK is set`;
}

function anyLibtorch(root: string, env: NodeJS.ProcessEnv): { libtorch?: FoundLibtorch; tried: string[] } {
  try {
    return { libtorch: findLibtorch({ env, caches: cacheRoots(root, env), anyVersion: true }), tried: [] };
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    return { tried: error.tried };
  }
}

function anyDamage(root: string, env: NodeJS.ProcessEnv): Damaged[] {
  try {
    return findBinaries(root, env).damaged;
  } catch {
    return [];
  }
}

function libc(): string | null {
  if (process.platform !== 'linux') return null;
  // Without this the report looks up the names of network peers, which takes seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl';
}
