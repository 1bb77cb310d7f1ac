import { type PathLike, pathOf, readAll, readingFile } from '../../io/file.js';
import { setOwn } from '../../io/plain.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import { checkIndex, type Dataset } from '../dataset.js';
import { checkColumns, columnNames } from './columns.js';
import { unreadable } from './source.js';

/** What is read of an Arrow file. */
export interface ArrowOptions {
  /** The columns; default: all. */
  columns?: readonly string[];
}

type Table = ReturnType<typeof import('@uwdata/flechette').tableFromIPC>;

const readOptions = optionsOf('data.ArrowDataset.open()', { columns: [columnNames, undefined] });

/**
 * The rows of an Arrow IPC file or stream (Feather version 2, the files of Hugging Face's datasets) by index, as objects by column:
 * 64-bit integers as bigints, dates and timestamps as Dates, lists of numbers as typed arrays.
 *
 * The file stays in memory as it is; a row is decoded when it is asked for.
 *
 * @example
 * const rows = await data.ArrowDataset.open<{ label: bigint; embedding: Float32Array }>('data.arrow');
 * const loader = new data.DataLoader(rows, { batchSize: 32, shuffle: true });
 */
export class ArrowDataset<T extends object = Record<string, unknown>> implements Dataset<T> {
  readonly length: number;

  private constructor(
    token: typeof own,
    private readonly table: Table,
    readonly columns: readonly string[],
  ) {
    checkOwn(token, 'ArrowDataset', 'data.ArrowDataset.open()');
    this.length = table.numRows;
  }

  /**
   * Reads a file. Needs the package `@uwdata/flechette`.
   *
   * @throws {TorchClipError} `ERR_FILE` when the file cannot be read, is not an Arrow file or lacks a column; `ERR_PACKAGE_NOT_FOUND`.
   */
  static async open<T extends object = Record<string, unknown>>(
    path: PathLike,
    options: ArrowOptions = {},
  ): Promise<ArrowDataset<T>> {
    const { columns } = readOptions(options);
    const target = pathOf(path);
    const { tableFromIPC } = await peer('@uwdata/flechette', 'data.ArrowDataset', () => import('@uwdata/flechette'));
    const bytes = readingFile(target, (file) => Uint8Array.from(readAll(file, 0, file.size)));
    try {
      const table = tableFromIPC(bytes, { useBigInt: true, useDate: true });
      const names = table.names.map(String);
      checkColumns(columns, names, target);
      return new ArrowDataset<T>(own, table, columns ?? names);
    } catch (error) {
      throw unreadable(target, 'Arrow', error);
    }
  }

  get(index: number): T {
    checkIndex(index, this.length);
    const row = {};
    for (const name of this.columns) setOwn(row, name, this.table.getChild(name).at(index));
    return row as T;
  }
}
