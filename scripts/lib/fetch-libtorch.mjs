// Fetches libtorch into the cache: from pip, which honours the user's mirror, else the official archive.
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { cacheRoot, inspect, reference } from './libtorch.mjs';
import { bar, onPath, Progress, run, SetupError, tail } from './run.mjs';

const archive = `https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-${reference}%2Bcpu.zip`;
/** Bytes: the CPU build unpacked, and the download beside it while it is being unpacked. */
const needed = 1.5e9;

/** Each source fills `folder` so that `folder/torch` is a libtorch, or says in a line why it could not. */
const sources = [
  { name: `pip, torch==${reference}+cpu`, fill: (c) => pip(c, `torch==${reference}+cpu`) },
  { name: 'the official archive', fill: unzip },
  // The plain name may be a CUDA build of several GB: only where nothing smaller can be had.
  { name: `pip, torch==${reference}`, fill: (c) => pip(c, `torch==${reference}`) },
];

/** Fills the cache with the reference libtorch; nothing half-filled is ever seen under its name. */
export async function fetchLibtorch({ env = process.env, url = archive, room = needed } = {}) {
  const cache = cacheRoot(env);
  try {
    mkdirSync(cache, { recursive: true });
  } catch (error) {
    throw new SetupError(`the cache folder ${cache} cannot be made: ${error.code}`, {
      mend: 'TORCH_CLIP_CACHE=/a/folder/you/may/write npm run setup',
    });
  }
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize < room) throw noRoom(cache, `${gigabytes(bavail * bsize)} free, ${gigabytes(room)} needed`);

  const tried = [];
  for (const { name, fill } of sources) {
    const folder = join(cache, `partial-${process.pid}`);
    const progress = new Progress(`libtorch ${reference} from ${name}`);
    try {
      mkdirSync(join(folder, 'tmp'), { recursive: true });
      const refusal = (await fill({ folder, env, url, progress })) ?? keep(folder, cache);
      progress.end(refusal === undefined ? 'done' : 'not available');
      if (refusal === undefined) return;
      if (/ENOSPC|No space left/i.test(refusal)) throw noRoom(cache, `${name}: ${refusal}`);
      tried.push(`${name}: ${refusal}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  throw new SetupError('libtorch could not be fetched', {
    tried,
    mend:
      `pip install --target ${join(cache, `libtorch-${reference}-cpu`)} torch==${reference}, ` +
      'or set TORCH_CLIP_LIBTORCH to a libtorch that you have (the folder that holds lib and include)',
  });
}

/** Gives a filled folder its name in the cache, unless another set-up was faster. */
function keep(folder, cache) {
  const found = inspect(folder);
  if (found === undefined) return 'what came holds no libtorch';
  rmSync(join(folder, 'tmp'), { recursive: true, force: true });
  const home = join(cache, `libtorch-${found.version}-${found.flavour}`);
  if (inspect(home) === undefined) {
    rmSync(home, { recursive: true, force: true });
    renameSync(folder, home);
  }
  return undefined;
}

async function pip({ folder, env, progress }, requirement) {
  const python = ['python3', 'python'].find((name) => onPath(name, env));
  if (python === undefined) return 'no python3 on the PATH';
  // pip says nothing while it unpacks, so progress is what has arrived on disk.
  const timer = setInterval(async () => progress.say(`${megabytes(await size(folder))} on disk`), 2000);
  const { status, output } = await run(python, ['-m', 'pip', 'install', '--target', folder, requirement], {
    env: { ...env, TMPDIR: join(folder, 'tmp') }, // beside the cache, where there is room
  });
  clearInterval(timer);
  if (status === 0) return undefined;
  if (/No module named pip/.test(output)) return `${python} has no pip`;
  if (/No space left/i.test(output)) return 'No space left on the device';
  return (
    output.match(/ERROR: No matching distribution.*/)?.[0] ??
    (/Max retries|NewConnectionError|Temporary failure|Name or service/.test(output)
      ? 'the package index cannot be reached'
      : tail(output, 1))
  );
}

async function unzip({ folder, url, progress }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'there is one for linux-x64 only';
  const file = join(folder, 'tmp', 'libtorch.zip');
  try {
    const response = await fetch(url);
    if (!response.ok) return `${url} answered ${response.status}`;
    const total = Number(response.headers.get('content-length'));
    let bytes = 0;
    const count = new Transform({
      transform(chunk, _encoding, next) {
        bytes += chunk.length;
        progress.say(total > 0 ? `${bar(bytes / total)} of ${megabytes(total)}` : megabytes(bytes));
        next(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file));
  } catch (error) {
    return `${url}: ${error.cause?.code ?? error.cause?.message ?? error.message}`;
  }
  progress.say('unpacking');
  const { status, output } = await run('cmake', ['-E', 'tar', 'xf', file], { cwd: folder });
  if (status === -1) return 'cmake, which unpacks it, was not found';
  if (status !== 0) return `it cannot be unpacked: ${tail(output, 1)}`;
  if (!existsSync(join(folder, 'libtorch'))) return 'it holds no libtorch folder';
  renameSync(join(folder, 'libtorch'), join(folder, 'torch'));
  return undefined;
}

function noRoom(cache, detail) {
  return new SetupError(`no room for libtorch in ${cache}: ${detail}`, {
    mend: 'free some, or: TORCH_CLIP_CACHE=/a/larger/disk npm run setup',
  });
}

async function size(folder) {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    // A file may be gone by now: pip moves what it unpacked.
    bytes += await stat(join(folder, name)).then(
      (s) => (s.isFile() ? s.size : 0),
      () => 0,
    );
  }
  return bytes;
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
