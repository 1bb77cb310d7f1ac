// Folders of the cache: complete ones under their names, and those that are still being filled.
import { cpSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SetupError } from './child-process.js';
import { makeFolders } from './files.js';
import { cacheRoot, inspect, type Libtorch } from './libtorch.js';
import { host, isAlive } from './owner.js';
import { gigabytes } from './progress.js';

const partial = /^partial-([\w.]+)-(\d+)-(.+)$/;

/** The cache's folder: the one that is named, else the user's; refuses where there is none. */
export function cacheFolder(named: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const folder = named ? resolve(named) : cacheRoot(env);
  if (folder !== undefined) return folder;
  throw new SetupError('the cache has no folder, since the user has no home folder', {
    fix: 'set TORCH_CLIP_CACHE to a folder that you may write, and try again',
  });
}

/** Makes the cache folder, and refuses where it cannot be made or has no room. */
export function openCache(cache: string, room: number): void {
  try {
    makeFolders(cache);
  } catch (error) {
    throw new SetupError(`the cache folder ${cache} cannot be created: ${(error as NodeJS.ErrnoException).code}`, {
      fix: 'set TORCH_CLIP_CACHE to a folder that you may write, and try again',
    });
  }
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize < room) throw noRoom(cache, `${gigabytes(bavail * bsize)} free, ${gigabytes(room)} needed`);
}

export function noRoom(cache: string, detail: string): SetupError {
  return new SetupError(`no room for libtorch in ${cache}: ${detail}`, {
    fix: 'free some space, or set TORCH_CLIP_CACHE to a folder on a larger disk, and try again',
  });
}

/**
 * A folder that this process alone fills: `download/` in it outlives an interruption, the rest does not.
 *
 * What an interrupted process left of the same `label` is taken over by renaming it, which only one process can do.
 */
export function openPartial(cache: string, label: string): string {
  const mine = join(cache, `partial-${host}-${process.pid}-${label}`);
  for (const name of readdirSync(cache)) {
    if (partial.exec(name)?.[3] !== label || isBusy(join(cache, name))) continue;
    try {
      renameSync(join(cache, name), mine);
    } catch {
      // Another process was faster, or this one has taken one over already.
      rmSync(join(cache, name), { recursive: true, force: true });
    }
  }
  clearPartial(mine);
  return mine;
}

/** Empties a partial folder but for its downloads. */
export function clearPartial(folder: string): void {
  makeFolders(join(folder, 'download'));
  for (const name of readdirSync(folder)) {
    if (name !== 'download') rmSync(join(folder, name), { recursive: true, force: true });
  }
  mkdirSync(join(folder, 'tmp'));
}

/** Deletes what dead processes left of a `label`: of no use once one has finished. */
export function sweep(cache: string, label: string): void {
  for (const { name, path, busy } of entries(cache)) {
    if (!busy && partial.exec(name)?.[3] === label) rmSync(path, { recursive: true, force: true });
  }
}

/** Whether a process fills a partial folder: of one elsewhere it is only known when it last wrote something. */
function isBusy(path: string): boolean {
  const [, owner, pid] = partial.exec(basename(path)) ?? [];
  return owner === host ? isAlive(Number(pid)) : lastChange(path) > Date.now() - 86_400_000;
}

/** When something in a folder last changed. What is gone by the time it is looked at counts as nothing. */
function lastChange(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  const inside = stat.isDirectory() ? namesIn(path).map((name) => lastChange(join(path, name))) : [];
  return inside.reduce((last, time) => Math.max(last, time), stat.mtimeMs);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Gives a filled folder its name in the cache, unless another process was faster; with `replace`, in any case. */
export function keep(folder: string, found: Libtorch, cache: string, replace = false): Libtorch {
  const name = `libtorch-${found.version}-${found.flavour}`;
  const target = join(cache, name);
  for (const part of ['tmp', 'download']) rmSync(join(folder, part), { recursive: true, force: true });
  for (let first = true; ; first = false) {
    const there = inspect(target);
    if (there !== undefined && !(replace && first)) return there;
    try {
      renameSync(folder, target);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      // Something damaged, or to be replaced, has the name. Moved away first, it is never deleted under a process that has just put a good one there.
      const away = join(folder, 'tmp');
      renameSync(target, away);
      if (inspect(away) !== undefined && !(replace && first)) renameSync(away, target);
      else rmSync(away, { recursive: true, force: true });
    }
  }
}

/** Copies a libtorch that lies elsewhere: with the nvidia packages beside it, which its libraries find by their relative path. */
export function copyLibtorch(from: Libtorch, folder: string): void {
  cpSync(from.root, join(folder, 'torch'), { recursive: true, dereference: false });
  const nvidia = join(from.root, '..', 'nvidia');
  if (from.flavour !== 'cpu') cpSync(nvidia, join(folder, 'nvidia'), { recursive: true });
}

/** Takes a damaged libtorch out of the cache: at once by renaming it, then by deleting. */
export function discard(target: string, cache: string): void {
  const away = join(openPartial(cache, 'discarded'), 'tmp', 'old');
  renameSync(target, away);
  rmSync(join(away, '..', '..'), { recursive: true, force: true });
}

/** One folder of a cache, for `cache ls` and `cache rm`. */
export interface Entry {
  name: string;
  path: string;
  kind: 'libtorch' | 'partial';
  /** Whether the process that fills it is still there, or may be, on another machine. */
  busy: boolean;
}

export function entries(cache: string): Entry[] {
  return namesIn(cache).flatMap((name): Entry[] => {
    const path = join(cache, name);
    if (partial.test(name)) return [{ name, path, kind: 'partial', busy: isBusy(path) }];
    return name.startsWith('libtorch-') ? [{ name, path, kind: 'libtorch', busy: false }] : [];
  });
}
