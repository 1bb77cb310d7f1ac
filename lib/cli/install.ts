import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { findBinaries } from '../binding/binaries.js';
import { problemOf } from '../binding/executable.js';
import { cacheFolder, discard } from '../setup/cache.js';
import { SetupError } from '../setup/child-process.js';
import { fetchLibtorch } from '../setup/fetch.js';
import {
  cacheRoots,
  inspect,
  isSupported,
  type Libtorch,
  reference,
  referenceCuda,
  releases,
  series,
  type Variant,
} from '../setup/libtorch.js';
import { buildFor } from '../setup/root.js';
import { isPath, sourceOf } from '../setup/source.js';

/** What `install` was asked for. */
export interface InstallOptions {
  torch?: string;
  from?: string;
  cache?: string;
  offline?: boolean;
}

/** Fetches a libtorch into the cache, unless a whole one is there. */
export async function install(root: string, asked: Variant | undefined, options: InstallOptions): Promise<void> {
  const { from } = options;
  const named = options.torch === undefined ? undefined : versionOf(options.torch);
  const { variant = 'cpu', version = variant === 'cpu' ? reference : referenceCuda } = isPath(from)
    ? await sourceOf(from, { variant: asked, version: options.torch })
    : { variant: asked, version: named };
  const cache = cacheFolder(options.cache);
  const target = join(cache, `libtorch-${version}-${variant === 'cpu' ? 'cpu' : 'cu13'}`);
  const there = inspect(target);
  const damage = there && damageOf(there);
  // A source on disk that was named takes the place of what is there, unless it is that.
  const same = isPath(from) && there !== undefined && isSame(from, there);
  if (same && damage)
    throw new SetupError(`--from ${from}: ${damage}`, { fix: 'npx torch-clip install, without --from' });
  const replace = isPath(from) && !same;
  if (there && damage && !replace) {
    console.log(`${damage}: fetching it again`);
    discard(target, cache);
  }
  const whole = there && !damage && !replace;
  const libtorch = whole ? there : await fetchLibtorch({ ...options, variant, version, cache, replace });
  console.log(
    `libtorch ${libtorch.version} (${libtorch.flavour}) ${whole ? 'is already' : 'is now'} in ${libtorch.root}`,
  );
  if (!cacheRoots(root).includes(cache)) console.log(`To make torch-clip find it: export TORCH_CLIP_CACHE='${cache}'`);
  if (!hasBinary(root, libtorch)) console.log(`There is no binary for it yet: ${buildFor(libtorch)}`);
}

/** Whether a folder is, or holds, a libtorch of the cache. */
function isSame(from: string, there: Libtorch): boolean {
  const found = inspect(from);
  return found !== undefined && realpathSync(found.root) === realpathSync(there.root);
}

function versionOf(asked: string): string {
  const version = releases[asked] ?? asked;
  if (/^\d+\.\d+\.\d+$/.test(version) && isSupported(version)) return version;
  throw new SetupError(`torch ${asked} is not supported`, {
    fix: `--torch with one of ${Object.values(releases).join(', ')}`,
  });
}

/** What is wrong with the libraries of a libtorch, as far as their headers tell. */
function damageOf({ root }: Libtorch): string | undefined {
  const lib = join(root, 'lib');
  for (const name of readdirSync(lib).filter((file) => /\.(so|dylib)(\.|$)/.test(file))) {
    const problem = problemOf(join(lib, name));
    if (problem !== undefined) return `${join(lib, name)} ${problem}`;
  }
  return existsSync(join(root, 'include')) ? undefined : `${root} has no headers`;
}

function hasBinary(root: string, { version, flavour }: Libtorch): boolean {
  try {
    return findBinaries(root, process.env).usable.some((b) => b.torch === series(version) && b.flavour === flavour);
  } catch {
    return false;
  }
}
