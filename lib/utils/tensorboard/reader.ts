import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileError, type PathLike, pathOf } from '../../io/file.js';
import { unframed } from './record.js';
import { fieldsOf } from './wire.js';

/** A scalar over the steps of a run. */
export interface Scalars {
  steps: number[];
  values: number[];
  /** Seconds since 1970. */
  wallTimes: number[];
}

const isEventFile = (name: string) => name.includes('tfevents');

/**
 * Reads the scalars of a folder's event files, or of one file, as they are so far: a record that is still being written comes next time.
 *
 * Scalars of TensorFlow 2, which stand in tensors, are read, too.
 *
 * @returns by tag.
 * @throws {TorchClipError} `ERR_FILE` where they cannot be read.
 *
 * @example
 * const { loss } = utils.tensorboard.readScalars('runs/adamw');
 */
export function readScalars(path: PathLike): Record<string, Scalars> {
  const reader = new ScalarReader(pathOf(path));
  reader.update();
  return Object.fromEntries(reader.scalars);
}

/** Follows the event files of one run. */
export class ScalarReader {
  readonly scalars = new Map<string, Scalars>();
  readonly #read = new Map<string, number>();

  /** @param path a folder or an event file. */
  constructor(readonly path: string) {}

  /** Reads what was written since the last call; whether there was something. */
  update(): boolean {
    let grew = false;
    try {
      for (const file of filesOf(this.path)) {
        const from = this.#read.get(file) ?? 0;
        const { records, length } = unframed(tail(file, from));
        for (const record of records) grew = this.#take(record) || grew;
        this.#read.set(file, from + length);
      }
    } catch (error) {
      throw fileError(this.path, 'read', error);
    }
    return grew;
  }

  #take(record: Buffer): boolean {
    let [wallTime, step] = [0, 0];
    let grew = false;
    for (const field of fieldsOf(record) ?? []) {
      if (field.wire === 0 && field.field === 2) step = Number(BigInt.asIntN(64, field.value));
      else if (field.wire === 1 && field.field === 1) wallTime = field.value.readDoubleLE();
      else if (field.wire === 2 && field.field === 7) grew = this.#restart(field.value, step) || grew;
      else if (field.wire === 2 && field.field === 5) {
        for (const value of fieldsOf(field.value) ?? []) {
          if (value.wire === 2 && value.field === 1) grew = this.#add(value.value, step, wallTime) || grew;
        }
      }
    }
    return grew;
  }

  /** A run that goes on from a step has none of the later values yet. */
  #restart(bytes: Buffer, step: number): boolean {
    const isStart = (fieldsOf(bytes) ?? []).some(({ field, value }) => field === 1 && value === 1n);
    if (!isStart) return false;
    for (const [tag, { steps, values, wallTimes }] of this.scalars) {
      const isKept = (_: number, i: number) => steps[i]! < step;
      this.scalars.set(tag, {
        steps: steps.filter(isKept),
        values: values.filter(isKept),
        wallTimes: wallTimes.filter(isKept),
      });
    }
    return true;
  }

  #add(bytes: Buffer, step: number, wallTime: number): boolean {
    let tag: string | undefined;
    let number: number | undefined;
    for (const field of fieldsOf(bytes) ?? []) {
      if (field.wire === 2 && field.field === 1) tag = field.value.toString();
      else if (field.wire === 5 && field.field === 2) number = field.value.readFloatLE();
      else if (field.wire === 2 && field.field === 8) number = ofTensor(field.value);
    }
    if (tag === undefined || number === undefined) return false;
    let scalars = this.scalars.get(tag);
    if (scalars === undefined) {
      scalars = { steps: [], values: [], wallTimes: [] };
      this.scalars.set(tag, scalars);
    }
    scalars.steps.push(step);
    scalars.values.push(number);
    scalars.wallTimes.push(wallTime);
    return true;
  }
}

/** The one number of a tensor of float32, undefined for any other. */
function ofTensor(bytes: Buffer): number | undefined {
  const fields = fieldsOf(bytes) ?? [];
  const isFloat = fields.some((field) => field.wire === 0 && field.field === 1 && field.value === 1n);
  if (!isFloat) return undefined;
  for (const { field, value } of fields) {
    const isContent = field === 4 || field === 5;
    if (isContent && typeof value !== 'bigint' && value.length === 4) return value.readFloatLE();
  }
  return undefined;
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter(isEventFile)
    .sort()
    .map((name) => join(path, name));
}

function tail(path: string, from: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, statSync(path).size - from));
    let at = 0;
    for (let n = -1; n !== 0 && at < bytes.length; at += n) n = readSync(fd, bytes, at, bytes.length - at, from + at);
    return bytes.subarray(0, at);
  } finally {
    closeSync(fd);
  }
}

/** The folders below a folder, and itself, that hold event files. */
export function runFolders(root: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number): void => {
    const entries = readdirSync(folder, { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && isEventFile(entry.name))) found.push(folder);
    if (depth === 8) return;
    for (const entry of entries) if (entry.isDirectory()) walk(join(folder, entry.name), depth + 1);
  };
  try {
    walk(root, 0);
  } catch (error) {
    throw fileError(root, 'read', error);
  }
  return found.sort();
}
