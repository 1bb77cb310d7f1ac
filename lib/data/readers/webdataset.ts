import { buffer } from 'node:stream/consumers';
import { callable } from '../../check.js';
import { describe, TorchClipError } from '../../errors.js';
import { shown } from '../../io/file.js';
import { setOwn } from '../../io/plain.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { IterableDataset } from '../iterable.js';
import { type Paths, pathsOf, streamOf, unreadable, WorkerPart } from './source.js';

/** Options of {@link WebDataset}. */
export interface WebDatasetOptions<V> {
  /** Makes a value of a file's bytes, from its extension (`'jpg'`, `'cls'`, `'json'`); default: the bytes. */
  decode?: (extension: string, bytes: Uint8Array<ArrayBuffer>) => V | Promise<V>;
}

/** A sample: its key, and what its files hold by their extensions. */
export type WebSample<V> = { __key__: string } & { [extension: string]: V | string };

const readOptions = optionsOf('data.WebDataset', {
  decode: [callable<(extension: string, bytes: Uint8Array<ArrayBuffer>) => unknown>(), undefined],
});

/**
 * The samples of WebDataset tar archives: files that stand next to each other and have the same name up to the first dot are one sample.
 *
 * Needs the package `tar-stream`. In a loader with workers each worker takes whole archives where there are enough, else every n-th sample.
 *
 * @param paths an archive or several; names that end in `.gz` are unpacked.
 * @throws {TorchClipError} `ERR_FILE` where an archive cannot be read; `ERR_PACKAGE_NOT_FOUND`; what `decode` throws.
 *
 * @example
 * const shards = new data.WebDataset<bigint | Tensor>(['train-000.tar', 'train-001.tar'], {
 *   decode: (extension, bytes) => (extension === 'cls' ? BigInt(Buffer.from(bytes).toString()) : data.decodeImage(bytes)),
 * });
 * for await (const { jpg, cls } of shards) train(jpg, cls);
 */
export class WebDataset<V = Uint8Array<ArrayBuffer>> extends IterableDataset<WebSample<V>> {
  readonly paths: readonly string[];
  readonly #decode: ((extension: string, bytes: Uint8Array<ArrayBuffer>) => unknown) | undefined;

  constructor(paths: Paths, options: WebDatasetOptions<V> = {}) {
    super();
    this.paths = pathsOf(paths);
    this.#decode = readOptions(options).decode;
  }

  override async *[Symbol.asyncIterator](): AsyncIterator<WebSample<V>> {
    const { extract } = await peer('tar-stream', 'data.WebDataset', () => import('tar-stream'));
    const part = new WorkerPart();
    const byArchive = part.suffices(this.paths.length);
    for (const path of this.paths) {
      if (byArchive && !part.takes()) continue;
      for await (const files of samplesOf(path, extract())) {
        if (!byArchive && !part.takes()) continue;
        const sample = { __key__: files.key };
        for (const [extension, bytes] of files.contents) {
          if (extension === '__key__') throw keyed(path, files.key);
          setOwn(sample, extension, this.#decode === undefined ? bytes : await this.#decode(extension, bytes));
        }
        yield sample as WebSample<V>;
      }
    }
  }
}

const keyed = (path: string, key: string): TorchClipError =>
  new TorchClipError(
    'ERR_FILE',
    `${shown(path)} cannot be read: its file ${describe(`${key}.__key__`)} would stand for the key of its sample`,
  );

interface Files {
  key: string;
  contents: Map<string, Uint8Array<ArrayBuffer>>;
}

/** The files of each sample of an archive, by extension. */
async function* samplesOf(
  path: string,
  extract: ReturnType<typeof import('tar-stream')['extract']>,
): AsyncGenerator<Files> {
  const input = streamOf(path);
  input.once('error', (error) => extract.destroy(error));
  input.pipe(extract);
  let sample: Files | undefined;
  try {
    for await (const entry of extract) {
      const { name, type } = entry.header;
      // The folder belongs to the key; a name without an extension, or that begins with a dot, to no sample.
      const [, key, extension] = /^((?:.*\/)?[^/.][^/.]*)\.([^/]+)$/s.exec(name) ?? [];
      if (type !== 'file' || key === undefined || extension === undefined) {
        entry.resume();
        continue;
      }
      // An archive that goes on with a key once more begins another sample.
      if (sample !== undefined && (sample.key !== key || sample.contents.has(extension))) {
        yield sample;
        sample = undefined;
      }
      sample ??= { key, contents: new Map() };
      sample.contents.set(extension, new Uint8Array(await buffer(entry)));
    }
    if (sample !== undefined) yield sample;
  } catch (error) {
    throw unreadable(path, 'tar', error);
  } finally {
    extract.destroy();
    input.destroy();
  }
}
