import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, TorchClipError } from '../errors.js';
import { isOn } from '../setup/env.js';
import { makeFolders, textOf } from '../setup/files.js';
import { cacheRoot, type Libtorch, libraryFile, series } from '../setup/libtorch.js';
import { buildFor, commands, installOf, versionOf } from '../setup/root.js';
import { problemOf } from './executable.js';
import type { Resolution } from './resolve.js';
import { type Answer, trial } from './trial.js';

/**
 * The libraries of a libtorch in the order in which they are opened, each after those that it needs.
 *
 * By path, because LD_LIBRARY_PATH goes before the folder that a library names; what is open already satisfies the name.
 */
export function librariesOf(root: string): string[] {
  const lib = join(root, 'lib');
  const runtime = existsSync(lib) ? readdirSync(lib).filter((name) => /^libgomp.*\.so/.test(name)) : [];
  const optional = ['c10_cuda', 'torch_nvshmem', 'torch_cuda']
    .map(libraryFile)
    .filter((name) => existsSync(join(lib, name)));
  const [c10, cpu, all] = ['c10', 'torch_cpu', 'torch'].map(libraryFile) as [string, string, string];
  return [...runtime, c10, cpu, ...optional, all].map((name) => join(lib, name));
}

/** Enough for the gigabytes of CUDA from a slow disk. */
const patience = 120;

/**
 * Loads libtorch and the binary in a process of its own, and asks one with CUDA for the GPUs.
 *
 * @returns undefined where no process can be started (a sandbox, a single executable): then there is nothing to learn.
 * @throws TorchClipError `ERR_LIBTORCH`, `ERR_LIBTORCH_VERSION` or `ERR_BINARY`.
 */
export function tryInChild(
  resolution: Resolution,
  env: NodeJS.ProcessEnv = process.env,
  seconds = patience,
): Answer | undefined {
  const { libtorch, binary } = resolution;
  const libraries = librariesOf(libtorch.root);
  for (const path of libraries) {
    const problem = problemOf(path);
    if (problem !== undefined) throw loadError('libtorch', `${path} ${problem}`, resolution);
  }
  const outcome = trial([binary.loader, binary.addon, ...libraries], env, seconds);
  if (outcome === undefined) return undefined;
  if ('failed' in outcome) throw loadError(outcome.failed, outcome.why, resolution);
  if ('answer' in outcome) {
    checkVersions(outcome.answer, resolution, env);
    return outcome.answer;
  }
  const { ended, said, asking } = outcome;
  const when = asking ? ' while it asked CUDA for the GPUs' : '';
  throw loadError('addon', `a process that tried it ${ended}${when}${said && `: ${said}`}`, resolution);
}

/** Refuses a binary of another torch-clip, and one that was made for another libtorch than the one that was loaded. */
export function checkVersions(
  { version, compiledFor, package: owner }: Pick<Answer, 'version' | 'compiledFor' | 'package'>,
  { root, libtorch, binary }: Resolution,
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (isOn(env.TORCH_CLIP_SKIP_VERSION_CHECK)) return;
  const refuse = (code: ErrorCode, what: string, fix: string) => {
    throw new TorchClipError(code, `${what}; ${fix}, or set TORCH_CLIP_SKIP_VERSION_CHECK=1 to try it anyway`);
  };
  const rebuild =
    binary.origin === 'TORCH_CLIP_BINARY' ? 'correct or unset TORCH_CLIP_BINARY' : `run "${buildFor(libtorch)}"`;
  if (owner !== versionOf(root)) {
    const belongs = `${binary.addon} belongs to torch-clip ${owner ?? 'of an unknown version'}`;
    refuse('ERR_BINARY', `${belongs}, and this is ${versionOf(root)}`, rebuild);
  }
  if (version !== libtorch.version) {
    const says = `the libtorch in ${libtorch.root} says that it is torch ${libtorch.version}`;
    refuse('ERR_LIBTORCH_VERSION', `${says}, but its library is ${version}`, `run "${commands(root).install}"`);
  }
  if (series(compiledFor ?? '?') !== series(version)) {
    const made = `${binary.addon} was made for torch ${compiledFor}`;
    refuse('ERR_LIBTORCH_VERSION', `${made}, but the libtorch in ${libtorch.root} is ${version}`, rebuild);
  }
}

/** {@link tryInChild}, once for each set of files and for what leads the linker: a pair that passed is tried again when these change. */
export function checkOnce(resolution: Resolution, env: NodeJS.ProcessEnv = process.env): void {
  const { libtorch, binary } = resolution;
  const cache = cacheRoot(env);
  if (cache === undefined) {
    tryInChild(resolution, env);
    return;
  }
  const folder = join(cache, 'checked');
  const mark = join(folder, digest([binary.addon, libtorch.root, process.execPath]).slice(0, 24));
  const identity = identityOf(resolution, env);
  if (textOf(mark) === identity) return;
  tryInChild(resolution, env);
  try {
    makeFolders(folder);
    writeFileSync(mark, identity);
  } catch {
    // A cache that cannot be written only means that the next process checks again.
  }
}

/** The error for a part that cannot be loaded: whose fault it is, what the dynamic linker said, what fixes it. */
export function loadError(
  part: 'loader' | 'libtorch' | 'addon',
  why: string,
  { root, libtorch, binary }: Resolution,
): TorchClipError {
  const path = { loader: binary.loader, libtorch: libtorch.root, addon: binary.addon }[part];
  const code = part === 'libtorch' ? 'ERR_LIBTORCH' : 'ERR_BINARY';
  return new TorchClipError(
    code,
    `${part === 'libtorch' ? 'libtorch in ' : ''}${path} cannot be loaded: ${why}${advice(why, root, libtorch)}`,
  );
}

function advice(why: string, root: string, libtorch: Libtorch): string {
  if (/asked CUDA/.test(why)) {
    return '; look at what nvidia-smi prints, or use a build for the CPU: run "npx torch-clip install cpu"';
  }
  if (/lib(cu|nv|nccl)\S*: cannot open/.test(why)) {
    return `; this is a CUDA build without the nvidia packages beside it: run "${installOf(libtorch)}"`;
  }
  if (/version `GLIBC(XX)?_/.test(why)) {
    return `; this system is older than the one that it was built on: run "${commands(root).build}"`;
  }
  return '; "npx torch-clip doctor" tells more';
}

function identityOf({ root, libtorch, binary }: Resolution, env: NodeJS.ProcessEnv): string {
  const files = [binary.addon, binary.loader, ...librariesOf(libtorch.root), process.execPath];
  return digest([
    ...[versionOf(root), env.LD_LIBRARY_PATH, env.LD_PRELOAD, textOf('/proc/driver/nvidia/version')].map(String),
    ...files.map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return `${path} ${stat?.dev} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`;
    }),
  ]);
}

const digest = (words: string[]) => createHash('sha256').update(words.join('\n')).digest('hex');
