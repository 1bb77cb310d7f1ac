// The formats of which each part saves and loads the same: eight rows of one number, so that a mixed file is seen.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** @param {typeof import('../../../lib/index.js')} torch */
export const formatsOf = (torch) => {
  const { io } = torch;
  const named = (rows) => new Map(rows.map((row, i) => [`row ${i}`, row]));
  const latest = (folder) => {
    const path = existsSync(folder) ? io.latest(folder) : undefined;
    if (path === undefined) throw new Error(`${folder} has no checkpoint`);
    return io.loadCheckpoint(path).rows;
  };
  return {
    pt: {
      file: 'kept.pt',
      save: (rows, path) => torch.save({ rows }, path),
      load: (path) => torch.load(path).rows,
    },
    safetensors: {
      file: 'kept.safetensors',
      save: (rows, path) => io.saveSafetensors(named(rows), path),
      load: (path) => Object.values(io.loadSafetensors(path)),
    },
    npz: {
      file: 'kept.npz',
      save: (rows, path) => io.saveNpz(named(rows), path),
      load: (path) => Object.values(io.loadNpz(path)),
    },
    compressed: {
      file: 'compressed.npz',
      save: (rows, path) => io.saveNpz(named(rows), path, { compressed: true }),
      load: (path) => Object.values(io.loadNpz(path)),
    },
    checkpoints: {
      folder: true,
      file: 'checkpoints',
      save: (rows, path) => io.saveCheckpoint(path, { rows }, { keepLast: 2 }),
      load: latest,
    },
    folders: {
      folder: true,
      file: 'folders',
      save: (rows, path) => io.saveCheckpoint(path, { rows }, { keepLast: 2, format: 'safetensors' }),
      load: latest,
    },
  };
};

/** Eight rows of a number. */
export const rowsOf = (torch, value, size = 20_000) => Array.from({ length: 8 }, () => torch.full([size], value));

/** The one number of rows, or what is wrong with them. */
export function faultOf(rows) {
  const means = new Set(rows.map((row) => row.mean().item()));
  return means.size === 1 && rows.length === 8 ? undefined : `${rows.length} rows that mix ${[...means]}`;
}

export const pathOf = (folder, { file }) => join(folder, file);
