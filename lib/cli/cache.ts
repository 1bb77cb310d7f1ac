import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, type Entry, entries } from '../setup/cache.js';
import { SetupError } from '../setup/child-process.js';
import { inspect, isSupported } from '../setup/libtorch.js';
import { size } from '../setup/pip.js';
import { megabytes } from '../setup/progress.js';

/** Prints what a cache holds, with sizes. */
export async function listCache({ json, cache }: { json?: boolean; cache?: string }): Promise<void> {
  const folder = cacheFolder(cache);
  const list = await Promise.all(
    entries(folder).map(async (entry) => ({ ...entry, bytes: await size(entry.path), note: noteOf(entry) })),
  );
  if (json) {
    console.log(JSON.stringify({ cache: folder, entries: list }, null, 2));
    return;
  }
  console.log(list.length === 0 ? `${folder} holds nothing` : folder);
  const width = Math.max(0, ...list.map(({ name }) => name.length));
  for (const { name, bytes, note } of list) {
    console.log(`  ${name.padEnd(width)}  ${megabytes(bytes).padStart(9)}${note && `  ${note}`}`);
  }
}

function noteOf({ kind, busy, path }: Entry): string {
  if (kind === 'partial')
    return busy
      ? 'being fetched, or left within a day by another machine'
      : 'interrupted; the next installation continues from it';
  const libtorch = inspect(path);
  if (libtorch === undefined) return 'damaged';
  return isSupported(libtorch.version) ? '' : 'not supported by this version';
}

/** Deletes the named entries; what another process is filling stays, unless forced. */
export async function removeFromCache(
  names: string[],
  { partial, all, force, cache }: { partial?: boolean; all?: boolean; force?: boolean; cache?: string },
): Promise<void> {
  const folder = cacheFolder(cache);
  const there = entries(folder);
  const unknown = names.filter((name) => !there.some((entry) => entry.name === name));
  if (unknown.length > 0 || (names.length === 0 && !partial && !all)) {
    throw new SetupError(unknown.length > 0 ? `${folder} holds no ${unknown.join(', ')}` : 'no name was given', {
      fix: 'name what npx torch-clip cache ls lists, or use --partial or --all',
    });
  }
  for (const { name, path, kind, busy } of there) {
    if (!all && !names.includes(name) && !(partial && kind === 'partial')) continue;
    if (busy && !force) {
      console.log(`${name} is kept: a process is filling it (--force deletes it anyway)`);
      continue;
    }
    rmSync(path, { recursive: true, force: true });
    console.log(`${name} is deleted`);
  }
  if (all) rmSync(join(folder, 'checked'), { recursive: true, force: true }); // the marks of trials
}
