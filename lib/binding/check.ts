import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, TorchClipError } from '../errors.js';
import { isOn } from '../setup/env.js';
import { textOf } from '../setup/files.js';
import { cacheRoot, type Libtorch, libraryFile, series } from '../setup/libtorch.js';
import { buildFor, commands, installOf, versionOf } from '../setup/root.js';
import { problemOf } from './executable.js';
import type { Resolution } from './resolve.js';

/** What the binary said in a process of its own. */
export interface Answer {
  /** Of the libtorch that was loaded. */
  version: string;
  /** The version of libtorch that it was compiled for; an old binary does not know it, nor the next. */
  compiledFor: string | undefined;
  /** The version of torch-clip that it was compiled for. */
  package: string | undefined;
  cudaBuilt: boolean;
}

interface Report extends Partial<Answer> {
  failed?: 'loader' | 'libtorch' | 'addon';
  why?: string;
}

// Plain CommonJS for `node -e`: it must run where only Node is.
const script = `
const { readFileSync, realpathSync } = require('node:fs');
const { basename } = require('node:path');
const [loader, addon, ...libraries] = process.argv.slice(1);
const say = (report) => { console.log(JSON.stringify(report)); process.exit(0); };
const attempt = (failed, action) => { try { return action(); } catch (error) { say({ failed, why: error.message }); } };
const { open } = attempt('loader', () => require(loader));
for (const path of libraries) {
  const refused = open(path);
  if (refused !== undefined) say({ failed: 'libtorch', why: refused });
}
const native = attempt('addon', () => require(addon));
let maps = '';
try { maps = readFileSync('/proc/self/maps', 'utf8'); } catch {}
const mapped = new Set(Array.from(maps.matchAll(/ (\\/.*)$/gm), ([, path]) => path));
for (const path of libraries) {
  const chosen = realpathSync(path);
  const other = [...mapped].find((file) => file !== chosen && basename(file) === basename(path) && !/gomp/.test(file));
  if (other !== undefined) say({ failed: 'libtorch', why: 'the process has another ' + basename(path) + ', too: ' + other });
}
const owner = native.packageVersion?.();
say({ version: native.libtorchVersion(), compiledFor: native.compiledFor?.(), package: owner, cudaBuilt: native.cudaBuilt() });
`;

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

/**
 * Loads libtorch and the binary in a process of its own, so that what crashes is that one.
 *
 * @returns undefined where no process can be started (a sandbox, say): then there is nothing to learn.
 * @throws TorchClipError `ERR_LIBTORCH`, `ERR_LIBTORCH_VERSION` or `ERR_BINARY`.
 */
export function tryInChild(resolution: Resolution, env: NodeJS.ProcessEnv = process.env): Answer | undefined {
  const { libtorch, binary } = resolution;
  for (const path of librariesOf(libtorch.root)) {
    const problem = problemOf(path);
    if (problem !== undefined) throw loadError('libtorch', `${path} ${problem}`, resolution);
  }
  const child = (() => {
    try {
      return spawnSync(process.execPath, ['-e', script, binary.loader, binary.addon, ...librariesOf(libtorch.root)], {
        // What the user's process preloads is its own affair; Electron is Node only when told so.
        env: { ...env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' },
        encoding: 'utf8',
      });
    } catch {
      return undefined;
    }
  })();
  if (child === undefined || child.error) return undefined;
  const report = reportOf(child.stdout);
  if (report === undefined) {
    const end = child.signal ?? `exit code ${child.status}`;
    const said = child.stderr.trim().split('\n').slice(-3).join(' ');
    throw loadError('addon', `it crashed in a trial process (${end})${said && `: ${said}`}`, resolution);
  }
  if (report.failed !== undefined) throw loadError(report.failed, report.why ?? '', resolution);
  const answer = report as Answer;
  checkVersions(answer, resolution, env);
  return answer;
}

/** Refuses a binary of another torch-clip, and one that was made for another libtorch than the one that was loaded. */
export function checkVersions(
  { version, compiledFor, package: owner }: Omit<Answer, 'cudaBuilt'>,
  { root, libtorch, binary }: Resolution,
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (isOn(env.TORCH_CLIP_SKIP_VERSION_CHECK)) return;
  const refuse = (code: ErrorCode, what: string, mend: string) => {
    throw new TorchClipError(code, `${what}; ${mend}, or set TORCH_CLIP_SKIP_VERSION_CHECK=1 to try it all the same`);
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
  const folder = join(cacheRoot(env), 'checked');
  const mark = join(folder, digest([binary.addon, libtorch.root, process.execPath]).slice(0, 24));
  const identity = identityOf(resolution, env);
  if (textOf(mark) === identity) return;
  tryInChild(resolution, env);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(mark, identity);
  } catch {
    // A cache that cannot be written only means that the next process checks again.
  }
}

/** The error for a part that cannot be loaded: whose fault it is, what the dynamic linker said, what mends it. */
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
  if (/lib(cu|nv|nccl)\S*: cannot open/.test(why)) {
    return `; this is a CUDA build without the nvidia packages beside it: run "${installOf(libtorch)}"`;
  }
  if (/version `GLIBC(XX)?_/.test(why)) {
    return `; this system is older than the one that it was built on: run "${commands(root).build}"`;
  }
  return '; "npx torch-clip doctor" tells more';
}

function reportOf(stdout: string): Report | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;
  } catch {
    return undefined;
  }
}

function identityOf({ root, libtorch, binary }: Resolution, env: NodeJS.ProcessEnv): string {
  const files = [binary.addon, binary.loader, ...librariesOf(libtorch.root), process.execPath];
  return digest([
    ...[versionOf(root), env.LD_LIBRARY_PATH ?? '', env.LD_PRELOAD ?? ''],
    ...files.map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return `${path} ${stat?.dev} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`;
    }),
  ]);
}

const digest = (words: string[]) => createHash('sha256').update(words.join('\n')).digest('hex');
