// Fetches libtorch into the cache: from pip, which honours the user's mirror, else the official archive, or from a folder.
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { download, unpack } from './archive.js';
import { cacheFolder, clearPartial, copyLibtorch, keep, noRoom, openCache, openPartial, sweep } from './cache.js';
import { SetupError } from './child-process.js';
import { inspect, type Libtorch, reference, referenceCuda, type Variant } from './libtorch.js';
import { pip } from './pip.js';
import { Progress } from './progress.js';
import { isPath, sourceOf } from './source.js';

export interface FetchOptions {
  variant?: Variant;
  version?: string;
  /** `'pip'`, `'zip'`, a folder that holds a libtorch, or an archive or wheel on disk; pip and then zip unless named. */
  from?: string;
  cache?: string;
  offline?: boolean;
  env?: NodeJS.ProcessEnv;
  /** Bytes that must be free. */
  room?: number;
  /** Replaces the same version in the cache. */
  replace?: boolean;
  /** Forbids pip's version without a tag for the CPU, which may be a CUDA build of gigabytes. */
  tagged?: boolean;
}

interface Context {
  folder: string;
  env: NodeJS.ProcessEnv;
  progress: Progress;
  offline: boolean;
}

interface Source {
  name: string;
  /** Fills `folder` so that it holds a libtorch, or says in a line why it could not. */
  fill(context: Context): Promise<string | undefined>;
}

/** Bytes: the build unpacked, and the download beside it while it is being unpacked. */
const needed: Record<Variant, number> = { cpu: 1.5e9, cu130: 9e9 };

/** Fills the cache with a libtorch; nothing half-filled is ever seen under its name. */
export async function fetchLibtorch(options: FetchOptions = {}): Promise<Libtorch> {
  const {
    env = process.env,
    offline = false,
    cache = cacheFolder(undefined, env),
    from,
    replace = false,
    tagged = false,
  } = options;
  const asked = isPath(from) ? await sourceOf(from, options) : options;
  const { variant = 'cpu' } = asked;
  const version = asked.version ?? (variant === 'cpu' ? reference : referenceCuda);
  const { room = needed[variant] } = options;
  const label = `${version}-${variant}`;
  openCache(cache, room);
  const tried: string[] = [];
  for (const { name, fill } of sources(variant, version, { from, env, tagged })) {
    const progress = new Progress(`libtorch ${version} from ${name}`);
    const folder = openPartial(cache, label);
    const refusal = await fill({ folder, env, progress, offline }).catch((error: Error) => error.message);
    const came = refusal === undefined ? inspect(folder) : undefined;
    const found = came?.version === version ? came : undefined;
    progress.end(found === undefined ? 'not available' : 'done');
    if (found !== undefined) {
      const kept = clean(folder, keep(folder, found, cache, replace));
      sweep(cache, label);
      return kept;
    }
    if (refusal !== undefined && /ENOSPC|No space left/i.test(refusal)) {
      throw clean(folder, noRoom(cache, `${name}: ${refusal}`));
    }
    tried.push(
      `${name}: ${refusal ?? (came ? `the download is torch ${came.version}` : 'the download holds no libtorch')}`,
    );
    // A download that broke off is worth keeping for the next time; anything else is not.
    if (existsSync(join(folder, 'download', 'libtorch.zip.etag'))) clearPartial(folder);
    else clean(folder, undefined);
  }
  throw new SetupError('libtorch could not be fetched', {
    tried,
    fix:
      `pip install --target ${join(cache, `libtorch-${version}-${variant === 'cpu' ? 'cpu' : 'cu13'}`)} ` +
      `--index-url https://download.pytorch.org/whl/${variant} torch==${version}, ` +
      'or set TORCH_CLIP_LIBTORCH to a libtorch that you have (the folder that holds lib and include)',
  });
}

function clean<T>(folder: string, value: T): T {
  rmSync(folder, { recursive: true, force: true });
  return value;
}

function sources(
  variant: Variant,
  version: string,
  { from, env, tagged: onlyTagged }: { from: string | undefined; env: NodeJS.ProcessEnv; tagged: boolean },
): Source[] {
  const wheel = (requirement: string): Source => ({
    name: `pip, ${requirement}`,
    fill: (context) => pip(requirement, context),
  });
  const archive: Source = { name: 'the official archive', fill: (context) => zip(variant, version, context, env) };
  const [tagged, plain] = [wheel(`torch==${version}+${variant}`), wheel(`torch==${version}`)];
  if (from === 'zip') return [archive];
  // The plain name may be a CUDA build of several GB: for the CPU only where nothing smaller can be had.
  const last = onlyTagged ? [] : [plain];
  if (from === 'pip') return variant === 'cpu' ? [tagged, ...last] : [plain, tagged];
  if (from === undefined) return variant === 'cpu' ? [tagged, archive, ...last] : [plain, archive];
  return [{ name: from, fill: (context) => local(from, context) }];
}

async function zip(
  variant: Variant,
  version: string,
  { folder, progress, offline }: Context,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'only available for linux-x64';
  if (offline) return 'skipped: offline';
  const mirror = env.TORCH_CLIP_MIRROR || 'https://download.pytorch.org';
  const url = `${mirror}/libtorch/${variant}/libtorch-shared-with-deps-${version}%2B${variant}.zip`;
  const file = join(folder, 'download', 'libtorch.zip');
  return (await download(url, file, progress)) ?? unpackLibtorch(file, folder, progress);
}

async function unpackLibtorch(file: string, folder: string, progress: Progress): Promise<string | undefined> {
  try {
    await unpack(file, folder, progress);
  } catch (error) {
    rmSync(`${file}.etag`, { force: true }); // to go on from it would be of no use
    return `it cannot be unpacked: ${(error as Error).message}`;
  }
  // The archive's folder is called libtorch, the wheel's torch.
  if (existsSync(join(folder, 'libtorch'))) renameSync(join(folder, 'libtorch'), join(folder, 'torch'));
  return existsSync(join(folder, 'torch')) ? undefined : 'it holds no libtorch folder';
}

async function local(path: string, { folder, progress }: Context): Promise<string | undefined> {
  if (statSync(path).isFile()) return unpackLibtorch(path, folder, progress);
  progress.say('copying');
  copyLibtorch(inspect(path)!, folder);
  return undefined;
}
