// Finds libtorch on this machine: for the set-up, the command line, and whenever the package is loaded.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { textOf } from './files.js';
import { neutralFolder, programEnv, programPath } from './programs.js';

/** The releases that the package supports: the version that is fetched for each minor one. */
export const releases: Record<string, string> = {
  '2.11': '2.11.0',
  '2.12': '2.12.1',
  '2.13': '2.13.0',
  '2.14': '2.14.1',
};
/** What is fetched when no version is named; the CPU one is what the tests are written against. */
export const reference = '2.13.0';
export const referenceCuda = '2.14.1';
const supported = `${Object.keys(releases)[0]} to ${Object.keys(releases).at(-1)}`;

/** Which build of libtorch is fetched. */
export type Variant = 'cpu' | 'cu130';

export interface Libtorch {
  /** The folder that holds lib/ and include/. */
  root: string;
  version: string;
  /** `'cpu'`, `'cu13'` for CUDA 13.x, `'rocm'`. */
  flavour: string;
}

/** One that was found and left, and why. */
export interface RefusedLibtorch extends Libtorch {
  reason: string;
}

export interface FoundLibtorch extends Libtorch {
  /** What led to it: `'the cache'`, `'python3'`, a variable's name. */
  place: string;
  /** Where it was looked for in vain before that. */
  tried: string[];
  /** Those among them that were there. */
  refused: RefusedLibtorch[];
}

/** No usable libtorch; `tried` says where it was looked for and what was wrong there. */
export class LibtorchError extends Error {
  readonly code: 'ERR_LIBTORCH_NOT_FOUND' | 'ERR_LIBTORCH_VERSION';
  readonly tried: string[];
  readonly refused: RefusedLibtorch[];
  /** The variable that names the one that cannot be used. */
  readonly variable: string | undefined;

  constructor(message: string, tried: string[], refused: RefusedLibtorch[], variable?: string) {
    super(message);
    this.code = refused.length > 0 ? 'ERR_LIBTORCH_VERSION' : 'ERR_LIBTORCH_NOT_FOUND';
    this.tried = tried;
    this.refused = refused;
    this.variable = variable;
  }
}

/**
 * The user's folder of fetched libtorch copies: `libtorch-<version>-<flavour>/torch/{lib,include}` under it.
 *
 * Undefined for a user without a home folder, as in a container that runs under a bare number. A relative path in HOME or
 * XDG_CACHE_HOME is not one: whatever folder a program was started in would be filled.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.TORCH_CLIP_CACHE) return resolve(env.TORCH_CLIP_CACHE);
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'torch-clip');
  const home = homeFolder(env);
  return home && join(home, '.cache', 'torch-clip');
}

function homeFolder(env: NodeJS.ProcessEnv): string | undefined {
  for (const find of [() => env.HOME ?? '', homedir, () => userInfo().homedir]) {
    try {
      const home = find();
      if (isAbsolute(home)) return home;
    } catch {
      // Node.js throws where the user is in no table of users.
    }
  }
  return undefined;
}

/** The caches that are looked into, the first one first: the project's before the user's, unless the environment names one. */
export function cacheRoots(packageRoot: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const at = packageRoot.indexOf(`${sep}node_modules${sep}`);
  const own =
    env.TORCH_CLIP_CACHE || at < 0 ? [] : [join(packageRoot.slice(0, at), 'node_modules', '.cache', 'torch-clip')];
  return [...own, cacheRoot(env) ?? []].flat();
}

/** A shared library's file name on this platform. */
export function libraryFile(name: string): string {
  if (process.platform === 'win32') return `${name}.dll`;
  return `lib${name}.${process.platform === 'darwin' ? 'dylib' : 'so'}`;
}

/** What libtorch a folder holds (its own, or that of its `torch` or `libtorch` folder), or undefined. */
export function inspect(folder: string): Libtorch | undefined {
  for (const root of [folder, join(folder, 'torch'), join(folder, 'libtorch')]) {
    if (!existsSync(join(root, 'lib', libraryFile('torch_cpu')))) continue;
    // A wheel says what it is in version.py, the official archive in build-version.
    const about = textOf(join(root, 'version.py')) ?? textOf(join(root, 'build-version')) ?? '';
    const found = identify(about, (name) => existsSync(join(root, 'lib', name)));
    if (found !== undefined) return { root, ...found };
  }
  return undefined;
}

/** The version and the flavour, from a libtorch's own words and the files of its lib folder. */
export function identify(about: string, hasFile: (name: string) => boolean): Omit<Libtorch, 'root'> | undefined {
  const version = /^(?:__version__ = ')?(\d+\.\d+\.\d+)/m.exec(about)?.[1];
  return version === undefined ? undefined : { version, flavour: flavourOf(about, hasFile) };
}

function flavourOf(about: string, hasFile: (name: string) => boolean): string {
  const has = (name: string) => hasFile(libraryFile(name));
  if (has('torch_hip')) return 'rocm';
  if (!has('torch_cuda')) return 'cpu';
  // A tag ends in the minor digit: cu130 is CUDA 13.0.
  return `cu${/\+cu(\d+)\d/.exec(about)?.[1] ?? /^cuda\b.*= '(\d+)\./m.exec(about)?.[1] ?? '13'}`;
}

/** `'2.13.0'` -> `'2.13'`: the part that a binary must match. */
export function series(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

export function isSupported(version: string): boolean {
  return series(version) in releases;
}

export interface FindOptions {
  env?: NodeJS.ProcessEnv;
  /** Folders that are looked into before the caches. */
  extra?: string[];
  caches?: string[];
  /** Takes a CUDA build of the cache before a CPU one. */
  preferCuda?: boolean;
  /** Also takes a version that is not supported. */
  anyVersion?: boolean;
  /** Undefined takes what was found; a reason leaves it. */
  accept?: (found: Libtorch) => string | undefined;
}

/**
 * The first libtorch that is supported and that `accept` takes: the environment's, then `extra` folders, the caches',
 * python3's. A libtorch named by the environment is taken or refused: nothing else is looked at then.
 */
export function findLibtorch(options: FindOptions = {}): FoundLibtorch {
  const { env = process.env, extra = [], anyVersion = false, accept = () => undefined } = options;
  const tried: string[] = [];
  const refused: RefusedLibtorch[] = [];
  const consider = (place: string, folder: string, label = folder): FoundLibtorch | undefined => {
    const found = inspect(resolve(folder));
    let reason: string | undefined = 'there is no libtorch in it';
    if (found !== undefined) {
      reason =
        isSupported(found.version) || anyVersion
          ? accept(found)
          : `torch ${found.version} is not one of ${supported}, which are supported`;
      if (reason === undefined) return { ...found, place, tried, refused };
      refused.push({ ...found, reason });
    }
    tried.push(`${label}: ${reason}`);
    return undefined;
  };
  for (const name of ['TORCH_CLIP_LIBTORCH', 'LIBTORCH']) {
    const folder = env[name];
    if (!folder) {
      tried.push(`${name}: not set`);
      continue;
    }
    const found = consider(name, folder, `${name}=${folder}`);
    if (found !== undefined) return found;
    throw new LibtorchError(`the libtorch that ${name} names cannot be used`, tried, refused, name);
  }
  for (const folder of extra) {
    const found = consider('the local build, which was made for it', folder);
    if (found !== undefined) return found;
  }
  const home = cacheRoot(env);
  if (home === undefined) tried.push('the cache: the user has no home folder, and TORCH_CLIP_CACHE is not set');
  for (const cache of options.caches ?? [home ?? []].flat()) {
    const folders = cached(cache, options.preferCuda ?? false);
    if (folders.length === 0)
      tried.push(`${cache}: ${existsSync(cache) ? 'there is no libtorch in it' : 'no such folder'}`);
    for (const folder of folders) {
      const found = consider('the cache', folder);
      if (found !== undefined) return found;
    }
  }
  const python = pythonTorch(env);
  if (python.folder === undefined) {
    tried.push(`python3: ${python.reason}`);
  } else {
    const found = consider('python3', python.folder, `python3's torch, ${python.folder}`);
    if (found !== undefined) return found;
  }
  const what = refused.length > 0 ? 'no libtorch that fits was found' : 'no libtorch was found';
  throw new LibtorchError(what, tried, refused);
}

/** A cache's libtorch folders: the reference version's CPU build first, then the newest. */
export function cached(cache: string, preferCuda = false): string[] {
  if (!existsSync(cache)) return [];
  const rank = (name: string) =>
    preferCuda && /-cu\d+$/.test(name) ? 2 : Number(name === `libtorch-${reference}-cpu`);
  return readdirSync(cache)
    .filter((name) => /^libtorch-\d+\.\d+\.\d+-\w+$/.test(name))
    .sort((a, b) => rank(b) - rank(a) || b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(cache, name));
}

// find_spec does not import torch, which takes seconds. A module that Python imports by itself may print something, too.
const answer = 'torch-clip found ';
const question = `
import importlib.util, json
spec = importlib.util.find_spec('torch')
print('\\n${answer}' + json.dumps(list(spec.submodule_search_locations or []) if spec else []))
`;

function pythonTorch(env: NodeJS.ProcessEnv): { folder?: string; reason?: string } {
  const python = programPath('python3', env);
  if (python === undefined) return { reason: 'not on the PATH' };
  const { error, status, stdout } = spawnSync(python, ['-c', question], {
    env: programEnv(env),
    cwd: neutralFolder,
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = stdout?.split('\n').find((text) => text.startsWith(answer));
  if (error || status !== 0 || line === undefined) return { reason: 'does not run' };
  const [folder] = JSON.parse(line.slice(answer.length)) as string[];
  return folder === undefined ? { reason: 'has no torch' } : { folder };
}
