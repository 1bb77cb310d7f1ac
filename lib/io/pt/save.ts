import { write as writeLater } from 'node:fs';
import { unscoped } from '../../scope.js';
import { isTensor } from '../../tensor.js';
import { piecesOf, writeTensor } from '../bytes.js';
import { type PathLike, pathOf, replaceFile, replaceFileAsync, writeAll } from '../file.js';
import { archiveOf, type RecordToWrite } from '../zip.js';
import { type Saved, saved } from './describe.js';

/**
 * Writes an object to a file in PyTorch's format, which Python's `torch.load` reads, too.
 *
 * The object may hold tensors, numbers, bigints, texts, booleans, null, bytes (Buffer, Uint8Array, ArrayBuffer), dtypes, devices, arrays, Sets, Maps and
 * plain objects, nested in any way: the state dicts of models, optimizers, schedulers, scalers and generators, for example.
 * Other typed arrays become tensors, `undefined` null. Tensors that share memory share it again when they are loaded; a view of a large one
 * brings only the part that is shown.
 *
 * @param path is replaced only when the whole file is on the disk; symbolic links are followed.
 * @throws {TorchClipError} `ERR_ARGUMENT` for what is not data (functions, class instances, cycles), named by its path in the object; `ERR_DTYPE` for a
 * sparse, quantized or meta tensor; `ERR_FILE` when the file cannot be written.
 *
 * @example
 * torch.save({ model: model.stateDict(), optimizer: optimizer.stateDict(), epoch }, 'checkpoint.pt');
 */
export function save(object: unknown, path: PathLike): void {
  const target = pathOf(path);
  const content = saved(object);
  replaceFile(target, (fd) => {
    for (const part of archiveOf(recordsOf(content))) {
      if (isTensor(part)) writeTensor(fd, part);
      else writeAll(fd, part);
    }
  });
}

/** Saves in progress, so that the last call for a path is the last to write it. */
const running = new Map<string, Promise<void>>();

/**
 * {@link save} in the background: the object is copied at once, and may change while the copy is being written.
 *
 * Calls for one path write one after the other.
 *
 * @returns a promise that settles when the file is on the disk; what {@link save} throws rejects it.
 *
 * @example
 * const saving = torch.saveAsync({ model: model.stateDict() }, 'checkpoint.pt');
 * trainAnotherEpoch();
 * await saving;
 */
export async function saveAsync(object: unknown, path: PathLike): Promise<void> {
  const target = pathOf(path);
  const records = unscoped(() => [...recordsOf(saved(object))].map(copied));
  const before = running.get(target) ?? Promise.resolve();
  const mine = before.then(() => writeBehind(target, records));
  const settled = mine.catch(() => {});
  running.set(target, settled);
  try {
    await mine;
  } finally {
    if (running.get(target) === settled) running.delete(target);
  }
}

function* recordsOf({ pickle, storages }: Saved): Generator<RecordToWrite> {
  const folder = 'archive';
  yield { name: `${folder}/data.pkl`, data: pickle };
  yield { name: `${folder}/byteorder`, data: Buffer.from('little') };
  for (const [key, data] of storages.records()) yield { name: `${folder}/data/${key}`, data };
  yield { name: `${folder}/version`, data: Buffer.from('3\n') };
}

/** A record that later writes to the tensors do not change. */
function copied({ name, data }: RecordToWrite): RecordToWrite {
  if (typeof data !== 'function') return { name, data };
  const copy = data().clone();
  return { name, data: () => copy };
}

async function writeBehind(path: string, records: readonly RecordToWrite[]): Promise<void> {
  await replaceFileAsync(path, async (fd) => {
    for (const part of archiveOf(records)) {
      if (!isTensor(part)) await append(fd, part);
      else for (const piece of piecesOf(part)) await append(fd, piece);
    }
  });
}

async function append(fd: number, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; ) {
    at += await new Promise<number>((done, fail) => {
      writeLater(fd, data, at, (error, written) => (error ? fail(error) : done(written)));
    });
  }
}
