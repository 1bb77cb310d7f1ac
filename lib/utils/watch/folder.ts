import { basename, relative } from 'node:path';
import { runFolders, ScalarReader } from '../tensorboard/reader.js';
import { type Run, runOf } from './run.js';

/** The runs in a folder and below it, by name. */
export const loadRuns = (root: string): Run[] => new RunFolder(root).update().runs;

/** Follows a folder of runs while they are written. */
export class RunFolder {
  readonly #readers = new Map<string, ScalarReader>();
  runs: Run[] = [];

  constructor(readonly root: string) {}

  /** Reads what is new; {@link changed} says whether there was something. */
  update(): this {
    this.changed = false;
    for (const folder of runFolders(this.root)) {
      let reader = this.#readers.get(folder);
      if (reader === undefined) {
        reader = new ScalarReader(folder);
        this.#readers.set(folder, reader);
      }
      this.changed = reader.update() || this.changed;
    }
    if (this.changed) {
      this.runs = [...this.#readers].flatMap(([folder, { scalars }]) => {
        const name = relative(this.root, folder) || basename(folder);
        return runOf(name, scalars) ?? [];
      });
    }
    return this;
  }

  changed = false;
}
