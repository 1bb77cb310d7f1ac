// Finds libtorch on this machine. Used by the set-up and, through lib/binding.ts, whenever the package is loaded.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The version that the set-up fetches and the tests are written against. */
export const reference = '2.13.0';
export const oldest = '2.11';
export const newest = '2.14';

const library = { darwin: 'libtorch_cpu.dylib', win32: 'torch_cpu.dll' }[process.platform] ?? 'libtorch_cpu.so';

/** No usable libtorch; `code` is ERR_LIBTORCH_NOT_FOUND or ERR_LIBTORCH_VERSION, `tried` says where it was looked for. */
export class LibtorchError extends Error {
  constructor(code, message, tried) {
    super(message);
    this.code = code;
    this.tried = tried;
  }
}

/** The folder of fetched libtorch copies: `libtorch-<version>-<flavour>/torch/{lib,include}` under it. */
export function cacheRoot(env = process.env) {
  return env.TORCH_CLIP_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'torch-clip');
}

/** What libtorch a folder holds (its own, or that of its `torch` or `libtorch` folder), or undefined. */
export function inspect(folder) {
  for (const root of [folder, join(folder, 'torch'), join(folder, 'libtorch')]) {
    if (!existsSync(join(root, 'lib', library))) continue;
    const version = versionOf(root);
    if (version === undefined) continue;
    const cuda = readdirSync(join(root, 'lib')).some((name) => name.includes('torch_cuda'));
    return { root, version, flavour: cuda ? 'cu13' : 'cpu' };
  }
  return undefined;
}

// A wheel says its version in version.py, the official archive in build-version.
function versionOf(root) {
  for (const [file, pattern] of [
    ['version.py', /__version__ = '(\d+\.\d+\.\d+)/],
    ['build-version', /^(\d+\.\d+\.\d+)/],
  ]) {
    const path = join(root, file);
    const version = existsSync(path) ? pattern.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
    if (version !== undefined) return version;
  }
  return undefined;
}

/** '2.13.0' -> '2.13': the part that a binary must match. */
export function series(version) {
  return version.split('.').slice(0, 2).join('.');
}

export function isSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  return major === 2 && minor >= Number(oldest.split('.')[1]) && minor <= Number(newest.split('.')[1]);
}

/**
 * The first libtorch that is supported and that `accept` takes: the environment's, then `extra` folders, the cache's,
 * python3's. A libtorch named by the environment is taken or refused: nothing else is looked at then.
 *
 * `accept(found)` returns undefined to take it, or a reason not to.
 */
export function findLibtorch({ env = process.env, extra = [], accept = () => undefined } = {}) {
  const tried = [];
  const consider = (place, found) => {
    if (found === undefined) {
      tried.push(`${place}: no libtorch there`);
      return undefined;
    }
    const reason = isSupported(found.version)
      ? accept(found)
      : `torch ${found.version} is not one of ${oldest} to ${newest}`;
    if (reason === undefined) return found;
    tried.push(`${place}: ${reason}`);
    return undefined;
  };

  for (const name of ['TORCH_CLIP_LIBTORCH', 'LIBTORCH']) {
    if (!env[name]) {
      tried.push(`${name}: not set`);
      continue;
    }
    const place = `${name}=${env[name]}`;
    const inspected = inspect(env[name]);
    const found = consider(place, inspected);
    if (found !== undefined) return found;
    const code = inspected === undefined ? 'ERR_LIBTORCH_NOT_FOUND' : 'ERR_LIBTORCH_VERSION';
    throw new LibtorchError(code, `the libtorch that ${name} names cannot be used`, tried);
  }

  let refused = false;
  for (const folder of [...extra, ...cached(env)]) {
    const inspected = inspect(folder);
    const found = consider(folder, inspected);
    if (found !== undefined) return found;
    refused ||= inspected !== undefined;
  }
  if (!existsSync(cacheRoot(env))) tried.push(`${cacheRoot(env)}: no such folder`);

  const python = pythonTorch(env);
  if (python.folder === undefined) {
    tried.push(`python3: ${python.reason}`);
  } else {
    const inspected = inspect(python.folder);
    const found = consider(`python3's torch, ${python.folder}`, inspected);
    if (found !== undefined) return found;
    refused ||= inspected !== undefined;
  }
  const [code, what] = refused
    ? ['ERR_LIBTORCH_VERSION', 'no libtorch that fits was found']
    : ['ERR_LIBTORCH_NOT_FOUND', 'no libtorch was found'];
  throw new LibtorchError(code, what, tried);
}

/** The cache's libtorch folders, the reference version's CPU build first, then the newest. */
function cached(env) {
  const root = cacheRoot(env);
  if (!existsSync(root)) return [];
  const rank = (name) => (name === `libtorch-${reference}-cpu` ? 1 : 0);
  return readdirSync(root)
    .filter((name) => /^libtorch-\d+\.\d+\.\d+-\w+$/.test(name))
    .sort((a, b) => rank(b) - rank(a) || b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(root, name));
}

// find_spec does not import torch, which takes seconds.
function pythonTorch(env) {
  const code =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  const { error, status, stdout } = spawnSync('python3', ['-c', code], { env, encoding: 'utf8', timeout: 30_000 });
  if (error?.code === 'ENOENT') return { reason: 'not on the PATH' };
  if (error || status !== 0) return { reason: 'does not run' };
  return stdout.trim() === '' ? { reason: 'has no torch' } : { folder: stdout.trim() };
}
