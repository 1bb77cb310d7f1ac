// Checkpoints of a run in a folder: a file or a folder for each, the newest of which are kept.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { integer, oneOf } from '../check.js';
import { TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { makeFolders } from '../setup/files.js';
import {
  fileError,
  isFolder,
  type PathLike,
  pathOf,
  readAll,
  readingFile,
  replaceFile,
  shown,
  sweep,
  syncFolder,
  temporaryName,
  writeAll,
} from './file.js';
import { hasIndex, loadParts } from './parts.js';
import { type LoadOptions, load } from './pt/load.js';
import { save } from './pt/save.js';
import { loadSafetensors } from './safetensors/load.js';
import { saveSafetensors } from './safetensors/save.js';
import { fromTagged, toTagged } from './tagged.js';

/** Options of {@link saveCheckpoint}. */
export interface CheckpointOptions {
  /** The number in its name; default: one more than the newest has. */
  step?: number;
  /** How many to keep, this one included; the oldest others are deleted once this one is on the disk. Default: all. */
  keepLast?: number;
  /**
   * `'pt'`, a file that {@link load} and PyTorch read, or `'safetensors'`, a folder with the tensors in `tensors.safetensors` and
   * the rest in `state.json`. Default `'pt'`.
   */
  format?: 'pt' | 'safetensors';
}

const readOptions = optionsOf('io.saveCheckpoint()', {
  step: [integer(0), undefined],
  keepLast: [integer(1), undefined],
  format: [oneOf('pt', 'safetensors'), 'pt'],
});

const pattern = /^checkpoint-(\d+)(\.pt)?$/;
const [tensorsFile, stateFile] = ['tensors.safetensors', 'state.json'];

/** The checkpoints of a folder, the oldest first. One that is being written has another name. */
function checkpoints(folder: string): { step: number; path: string }[] {
  if (!isFolder(folder)) return [];
  for (let tries = 0; ; tries++) {
    const named = readdirSync(folder).flatMap((name) => {
      const [, digits, file] = pattern.exec(name) ?? [];
      return digits === undefined
        ? []
        : [{ step: Number(digits), path: join(folder, name), isFile: file !== undefined }];
    });
    const whole = named.filter(({ path, isFile }) => isFile || existsSync(join(path, stateFile)));
    // Where others write and delete, all that was there may be gone by now, and newer ones be there.
    if (whole.length === 0 && named.length > 0 && tries < 100) continue;
    return whole.sort((a, b) => a.step - b.step || a.path.localeCompare(b.path));
  }
}

/**
 * Writes a checkpoint into a folder, `checkpoint-00000012.pt` say, and deletes old ones.
 *
 * It has its name only when all of it is on the disk, so that the newest checkpoint is always whole, whenever the process ends.
 *
 * @param folder is made where it is not there.
 * @param object what {@link save} takes: state dicts, and whatever else the run needs to go on.
 * @returns the path of the checkpoint.
 * @throws {TorchClipError} what {@link save} throws; no old checkpoint is deleted then.
 *
 * @example
 * io.saveCheckpoint('runs/1', { model: model.stateDict(), optimizer: optimizer.stateDict(), epoch }, { keepLast: 3 });
 */
export function saveCheckpoint(folder: PathLike, object: unknown, options: CheckpointOptions = {}): string {
  const { step, keepLast, format } = readOptions(options);
  const root = pathOf(folder, 'folder');
  try {
    makeFolders(root);
    const path = format === 'pt' ? nameOf(root, step, '.pt') : saveFolder(object, root, step);
    if (format === 'pt') save(object, path);
    prune(root, path, keepLast);
    return path;
  } catch (error) {
    throw fileError(root, 'written', error);
  }
}

/** Deletes what a new checkpoint replaces: the one of its step in the other format, and the oldest. */
function prune(root: string, path: string, keepLast: number | undefined): void {
  const other = path.endsWith('.pt') ? path.slice(0, -'.pt'.length) : `${path}.pt`;
  rmSync(other, { recursive: true, force: true });
  if (keepLast === undefined) return;
  const others = checkpoints(root).filter((one) => one.path !== path);
  const surplus = Math.max(0, others.length + 1 - keepLast);
  for (const old of others.slice(0, surplus)) rmSync(old.path, { recursive: true, force: true });
}

/** The path of the checkpoint of a step, or of the one after the newest. */
function nameOf(root: string, step: number | undefined, ending: string): string {
  const number = step ?? (checkpoints(root).at(-1)?.step ?? -1) + 1;
  return join(root, `checkpoint-${String(number).padStart(8, '0')}${ending}`);
}

/** The tensors and the rest in two files of a folder, which gets its name, which is returned, when both are on the disk. */
function saveFolder(object: unknown, root: string, step: number | undefined): string {
  const { json, tensors } = toTagged(object);
  const unfinished = beginFolder(root);
  try {
    saveSafetensors(tensors, join(unfinished, tensorsFile));
    return finishFolder(unfinished, root, { json, step });
  } catch (error) {
    abandonFolder(unfinished);
    throw error;
  }
}

/** @internal Makes a folder for a checkpoint that is being written. */
export function beginFolder(root: string): string {
  makeFolders(root);
  sweep(root);
  const unfinished = join(root, temporaryName());
  mkdirSync(unfinished);
  return unfinished;
}

/** @internal Adds what is not tensors, and gives the folder its name, which is returned, when all is on the disk. */
export function finishFolder(
  unfinished: string,
  root: string,
  what: { json: string; step?: number | undefined; keepLast?: number | undefined },
): string {
  replaceFile(join(unfinished, stateFile), (fd) => writeAll(fd, Buffer.from(`${what.json}\n`)));
  syncFolder(unfinished);
  const path = named(unfinished, root, what.step);
  syncFolder(root);
  prune(root, path, what.keepLast);
  return path;
}

/** @internal Deletes a folder that was begun. */
export function abandonFolder(unfinished: string): void {
  rmSync(unfinished, { recursive: true, force: true });
}

/** Gives a folder its name. Another process may have taken it meanwhile, and again while this one tries. */
function named(unfinished: string, root: string, step: number | undefined): string {
  for (let tries = 0; ; tries++) {
    const path = nameOf(root, step, '');
    try {
      renameSync(unfinished, path);
      return path;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!['ENOTEMPTY', 'EEXIST'].includes(code ?? '') || tries === 100) throw error;
    }
    // The next free number, unless it was asked for this one: only the name of an empty folder can be taken over.
    if (step !== undefined) moveAway(path, root);
  }
}

function moveAway(path: string, root: string): void {
  const old = join(root, temporaryName());
  try {
    renameSync(path, old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

/**
 * The path of the newest checkpoint of a folder, or undefined where it has none.
 *
 * @example
 * const path = io.latest('runs/1');
 * if (path !== undefined) resume(io.loadCheckpoint(path));
 */
export function latest(folder: PathLike): string | undefined {
  const root = pathOf(folder, 'folder');
  try {
    return checkpoints(root).at(-1)?.path;
  } catch (error) {
    throw fileError(root, 'read', error);
  }
}

/**
 * Reads a checkpoint of either format.
 *
 * @param options those of {@link load}; a checkpoint of the format `'safetensors'` takes a device for `mapLocation` only.
 * @throws {TorchClipError} `ERR_FILE` for one that cannot be read or is damaged.
 *
 * @example
 * const { model, epoch } = torch.io.loadCheckpoint<{ model: nn.StateDict; epoch: number }>('checkpoints/100');
 */
export function loadCheckpoint<T = unknown>(path: PathLike, options: LoadOptions = {}): T {
  const root = pathOf(path);
  if (!isFolder(root)) return load<T>(root, options);
  const { mapLocation = 'cpu' } = options;
  const tensors = hasIndex(root)
    ? loadParts(root, mapLocation as string)
    : loadSafetensors(join(root, tensorsFile), { device: mapLocation as 'cpu' });
  const state = join(root, stateFile);
  const json = readingFile(state, (file) => readAll(file, 0, file.size).toString('utf8'));
  return fromTagged(json, tensors, (what) => {
    return new TorchClipError('ERR_FILE', `${shown(state)} cannot be loaded: ${what}`);
  }) as T;
}
