import { closeSync } from 'node:fs';
import { integer } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { fileError, type OpenFile, openFile, type PathLike, pathOf, readAll } from '../../io/file.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import { checkIndex, type Dataset } from '../dataset.js';
import { checkColumns, columnNames } from './columns.js';
import { unreadable } from './source.js';

/** What is read of a Parquet file. */
export interface ParquetOptions {
  /** The columns; default: all. */
  columns?: readonly string[];
  /** How many row groups stay in memory, those used last; default 4. */
  cachedGroups?: number;
}

type Library = typeof import('hyparquet');
type Metadata = ReturnType<Library['parquetMetadata']>;
type Compressors = typeof import('hyparquet-compressors').compressors;
type Row = Record<string, unknown>;

const readOptions = optionsOf('data.ParquetDataset.open()', {
  columns: [columnNames, undefined],
  cachedGroups: [integer(1), 4],
});

/**
 * The rows of a Parquet file by index, as objects by column: 64-bit integers as bigints, timestamps as Dates, nested columns as arrays
 * and objects.
 *
 * A row group is read when the first of its rows is asked for: a shuffled loader is fast where the groups in use fit `cachedGroups`.
 *
 * @example
 * await using rows = await data.ParquetDataset.open<{ text: string; label: bigint }>('train.parquet', { columns: ['text', 'label'] });
 * const loader = new data.DataLoader(rows, { batchSize: 32 });
 * for await (const { text, label } of loader) step(text, label);
 */
export class ParquetDataset<T extends object = Row> implements Dataset<T> {
  readonly length: number;
  /** Where each row group ends. */
  readonly #ends: number[] = [];
  readonly #groups = new Map<number, Promise<Row[]>>();
  #file: OpenFile | undefined;

  private constructor(
    token: typeof own,
    file: OpenFile,
    readonly columns: readonly string[],
    private readonly library: Library,
    private readonly metadata: Metadata,
    private readonly compressors: Compressors | undefined,
    private readonly cachedGroups: number,
  ) {
    checkOwn(token, 'ParquetDataset', 'data.ParquetDataset.open()');
    this.#file = file;
    let end = 0;
    for (const group of metadata.row_groups) {
      end += Number(group.num_rows);
      this.#ends.push(end);
    }
    this.length = end;
  }

  /**
   * Opens a file. Needs the package `hyparquet`, and `hyparquet-compressors` for other compression than Snappy.
   *
   * @throws {TorchClipError} `ERR_FILE` when the file cannot be read, is not a Parquet file or lacks a column; `ERR_PACKAGE_NOT_FOUND`.
   */
  static async open<T extends object = Row>(path: PathLike, options: ParquetOptions = {}): Promise<ParquetDataset<T>> {
    const { columns, cachedGroups } = readOptions(options);
    const target = pathOf(path);
    const library = await peer('hyparquet', 'data.ParquetDataset', () => import('hyparquet'));
    let file: OpenFile | undefined;
    try {
      file = openFile(target);
      const metadata = await library.parquetMetadataAsync(bufferOf(file));
      const names = library.parquetSchema(metadata).children.map(({ element }) => element.name);
      checkColumns(columns, names, target);
      const codecs = metadata.row_groups.flatMap((group) => group.columns.map((column) => column.meta_data?.codec));
      const isPlain = codecs.every((codec) => codec === undefined || codec === 'UNCOMPRESSED' || codec === 'SNAPPY');
      const compressors = isPlain ? undefined : await otherCompressors();
      const used = columns ?? names;
      return new ParquetDataset<T>(own, file, used, library, metadata, compressors, cachedGroups);
    } catch (error) {
      if (file !== undefined) closeSync(file.fd);
      throw unreadable(target, 'Parquet', error);
    }
  }

  async get(index: number): Promise<T> {
    checkIndex(index, this.length);
    const group = this.#ends.findIndex((end) => index < end);
    const rows = await this.#group(group);
    return rows[index - (this.#ends[group - 1] ?? 0)] as T;
  }

  /** The rows of a group, which all that ask for them at once share. */
  #group(group: number): Promise<Row[]> {
    const known = this.#groups.get(group);
    const rows = known ?? this.#read(group);
    // The one used last stands last.
    this.#groups.delete(group);
    this.#groups.set(group, rows);
    if (known === undefined) {
      rows.catch(() => this.#groups.delete(group));
      for (const first of this.#groups.keys()) {
        if (this.#groups.size <= this.cachedGroups) break;
        this.#groups.delete(first);
      }
    }
    return rows;
  }

  async #read(group: number): Promise<Row[]> {
    const file = this.#file;
    if (file === undefined) throw new TorchClipError('ERR_STATE', 'the Parquet file is closed');
    const [rowStart, rowEnd] = [this.#ends[group - 1] ?? 0, this.#ends[group]!];
    const { metadata, compressors } = this;
    try {
      const rows = await this.library.parquetReadObjects({
        file: bufferOf(file),
        metadata,
        columns: [...this.columns],
        rowStart,
        rowEnd,
        // Bytes without a type are bytes; columns of strings say so.
        utf8: false,
        ...(compressors && { compressors }),
      });
      if (rows.length !== rowEnd - rowStart) throw new Error(`row group ${group} has ${rows.length} rows`);
      return rows;
    } catch (error) {
      throw unreadable(file.path, 'Parquet', error);
    }
  }

  /** Lets go of the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#groups.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

const otherCompressors = async () =>
  (
    await peer(
      'hyparquet-compressors',
      'data.ParquetDataset of a file with such compression',
      () => import('hyparquet-compressors'),
    )
  ).compressors;

/** A file as hyparquet reads it. */
function bufferOf(file: OpenFile) {
  const slice = (from: number, to = file.size): ArrayBuffer => {
    try {
      const start = from < 0 ? Math.max(0, file.size + from) : from;
      const bytes = readAll(file, start, Math.max(0, Math.min(to, file.size) - start));
      return Uint8Array.from(bytes).buffer;
    } catch (error) {
      throw fileError(file.path, 'read', error);
    }
  };
  return { byteLength: file.size, slice };
}
