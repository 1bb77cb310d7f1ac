// Files that are read from front to back, and the share of them that one worker of a loader takes.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { fileError, type PathLike, pathOf, shown } from '../../io/file.js';
import { getWorkerInfo } from '../workers/info.js';

/** One path, or several whose contents follow each other. */
export type Paths = PathLike | readonly PathLike[];

/** The paths that an argument names. */
export function pathsOf(paths: unknown): string[] {
  if (!Array.isArray(paths)) return [pathOf(paths, 'paths')];
  if (paths.length === 0) throw invalidArgument('paths', 'a path or an array of them', paths);
  const list: string[] = [];
  for (let i = 0; i < paths.length; i++) list.push(pathOf(paths[i], `paths[${i}]`));
  return list;
}

/** A file's bytes, unpacked where its name ends in `.gz`. */
export function streamOf(path: string): Readable {
  const file = createReadStream(path);
  if (!path.endsWith('.gz')) return file;
  // A pipeline hands errors on and closes both when either ends.
  return pipeline(file, createGunzip(), () => {});
}

/** Of samples that every worker of a loader reads, those that this one gives: each worker's are others. */
export class WorkerPart {
  readonly #id: number;
  readonly #count: number;
  #next = 0;

  constructor() {
    const info = getWorkerInfo();
    this.#id = info?.id ?? 0;
    this.#count = info?.numWorkers ?? 1;
  }

  /** Whether the next sample is this worker's. */
  takes(): boolean {
    return this.#next++ % this.#count === this.#id;
  }

  /** Whether there are enough things for each worker to take whole ones. */
  suffices(count: number): boolean {
    return count >= this.#count;
  }
}

/** The error for what a library says of a file. */
export function unreadable(path: string, format: string, error: unknown): unknown {
  const ours = fileError(path, 'read', error);
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  const isOfSystem = typeof code === 'string' && /^E[A-Z]+$/.test(code);
  if (error instanceof TorchClipError || isOfSystem || typeof message !== 'string') return ours;
  const why = message.split('\n')[0]!.replace(/\.$/, '');
  return new TorchClipError('ERR_FILE', `${shown(path)} is not a proper ${format} file: ${why}`, { cause: error });
}
