// What an output was made from, kept beside it, so that it is made again only when that changes.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders } from './files.js';

/** A digest of the files (folders: of all files in them) and words that an output is made from. */
export function digest(root: string, paths: string[], words: string[] = []): string {
  const hash = createHash('sha256').update(words.join('\n'));
  const walk = (path: string) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) walk(join(path, name));
    } else {
      hash.update(`\n${path}\n`).update(readFileSync(full));
    }
  };
  paths.forEach(walk);
  return hash.digest('hex');
}

export interface Stamped {
  stamp: string;
  key: string;
  outputs: string[];
  force?: boolean;
}

/** Runs `make` unless `stamp` holds `key` and every output exists. Returns whether it ran. */
export async function unlessStamped(
  { stamp, key, outputs, force = false }: Stamped,
  make: () => Promise<void>,
): Promise<boolean> {
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === key && outputs.every((path) => existsSync(path));
  if (fresh && !force) return false;
  rmSync(stamp, { force: true });
  await make();
  makeFolders(dirname(stamp));
  writeFileSync(stamp, key);
  return true;
}
