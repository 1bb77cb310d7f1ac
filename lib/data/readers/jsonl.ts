import { createInterface } from 'node:readline';
import { TorchClipError } from '../../errors.js';
import { shown } from '../../io/file.js';
import { IterableDataset } from '../iterable.js';
import { type Paths, pathsOf, streamOf, unreadable, WorkerPart } from './source.js';

/**
 * The lines of a JSONL file, each parsed as JSON; empty lines are passed over.
 *
 * In a loader with workers each worker gives every n-th line.
 *
 * @param paths a path or several; names that end in `.gz` are unpacked.
 * @throws {TorchClipError} `ERR_FILE` where a file cannot be read or a line is not JSON, which is named by its number.
 *
 * @example
 * const texts = new data.JsonlDataset<{ text: string }>('corpus.jsonl.gz');
 * for await (const { text } of texts) console.log(text);
 */
export class JsonlDataset<T = unknown> extends IterableDataset<T> {
  readonly paths: readonly string[];

  constructor(paths: Paths) {
    super();
    this.paths = pathsOf(paths);
  }

  override async *[Symbol.asyncIterator](): AsyncIterator<T> {
    const part = new WorkerPart();
    for (const path of this.paths) {
      const input = streamOf(path);
      let number = 0;
      try {
        // Readline hears nothing of its input's errors.
        let failure: unknown;
        const lines = createInterface({ input, crlfDelay: Infinity });
        input.once('error', (error) => {
          failure = error;
          lines.close();
        });
        for await (const line of lines) {
          number++;
          if (line.trim() !== '' && part.takes()) yield parsed(line, path, number) as T;
        }
        if (failure !== undefined) throw failure;
      } catch (error) {
        throw unreadable(path, 'JSONL', error);
      } finally {
        input.destroy();
      }
    }
  }
}

function parsed(line: string, path: string, number: number): unknown {
  try {
    return JSON.parse(number === 1 ? line.replace(/^\uFEFF/, '') : line);
  } catch {
    throw new TorchClipError('ERR_FILE', `${shown(path)} is not a proper JSONL file: line ${number} is not JSON`);
  }
}
