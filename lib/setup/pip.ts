import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run, tail } from './child-process.js';
import { programPath } from './programs.js';
import { bar, megabytes, type Progress } from './progress.js';

export interface PipOptions {
  folder: string;
  env: NodeJS.ProcessEnv;
  progress: Progress;
  /** From what the user's pip has at hand only. */
  offline: boolean;
}

/**
 * Fills `folder` through pip, which honours the user's mirror and checks sizes and hashes against its index.
 *
 * @returns a line that says why it could not be done, or undefined.
 */
export async function pip(
  requirement: string,
  { folder, env, progress, offline }: PipOptions,
): Promise<string | undefined> {
  const python = ['python3', 'python'].find((name) => programPath(name, env));
  if (python === undefined) return 'no python3 on the PATH';
  let download: Download | undefined;
  const timer = setInterval(async () => progress.say(await state(folder, download)), 2000);
  const options = ['--target', folder, requirement, ...(offline ? ['--no-index'] : [])];
  const { status, output } = await run(python, ['-m', 'pip', 'install', ...options], {
    // Its temporary files beside the cache, where there is room. A pip that can goes on where a connection broke off.
    env: { PIP_RESUME_RETRIES: '5', ...env, TMPDIR: join(folder, 'tmp') },
    onLine: (line) => {
      download = /^Installing collected/.test(line) ? undefined : (downloadOf(line) ?? download);
    },
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

/** A file that pip is fetching, and its size. */
export interface Download {
  file: string;
  bytes: number;
}

const bytesPer: Record<string, number> = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Reads pip's `Downloading torch-2.13.0-...whl (190.1 MB)`, where any pip names the size; undefined for another line. */
export function downloadOf(line: string): Download | undefined {
  const [, url, size, unit] = /^Downloading (\S+) \(([\d.]+) (bytes|[kMG]B)\)/.exec(line) ?? [];
  return url === undefined
    ? undefined
    : { file: decodeURIComponent(basename(url)), bytes: Number(size) * bytesPer[unit!]! };
}

/** How far pip is: into a file, which it keeps in a folder of its own until it is whole, or in unpacking. */
export async function state(folder: string, download?: Download): Promise<string> {
  if (download === undefined) return `${megabytes(await size(folder))} on disk`;
  const folders = (await readdir(join(folder, 'tmp')).catch(() => [])).filter((name) => name.startsWith('pip-unpack-'));
  const paths = folders.map((name) => join(folder, 'tmp', name, download.file));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => ({ size: 0 }))).size));
  const [name] = /^[^-]+-[^-]+/.exec(download.file) ?? [download.file];
  return `${name} ${bar(Math.max(0, ...sizes) / download.bytes)} of ${megabytes(download.bytes)}`;
}

/** The bytes of the files in a folder. What is gone by the time it is looked at, as pip moves what it unpacked, counts as nothing. */
export async function size(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return size(path);
    return entry.isFile() ? (await stat(path).catch(() => ({ size: 0 }))).size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}
