import { arrayOf, kind, text } from '../../check.js';
import { describe, TorchClipError } from '../../errors.js';
import { shown } from '../../io/file.js';
import { isPlain, setOwn } from '../../io/plain.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { IterableDataset } from '../iterable.js';
import { type Paths, pathsOf, streamOf, unreadable, WorkerPart } from './source.js';

/** What a column of a CSV file holds, and what it becomes: numbers give float32, bigints int64, booleans bool tensors. */
export type CsvType = 'string' | 'number' | 'bigint' | 'boolean';
interface CsvTypes {
  string: string;
  number: number;
  bigint: bigint;
  boolean: boolean;
}

/** How a CSV file is written, and what is read of it. */
export interface CsvOptions<C extends Readonly<Record<string, CsvType>>> {
  /** The columns that are read, and what they hold; default: all of them, as strings. */
  columns?: C;
  /** The columns' names, where the file's first line does not have them. */
  header?: readonly string[];
  /** Between the values; default `','`. */
  delimiter?: string;
}

/** A row of a CSV file. */
export type CsvRow<C extends Readonly<Record<string, CsvType>>> = { -readonly [K in keyof C]: CsvTypes[C[K]] };

const typeNames = ['string', 'number', 'bigint', 'boolean'];
const readOptions = optionsOf('data.CsvDataset', {
  columns: [
    kind<Readonly<Record<string, CsvType>>>(
      `an object of column names and ${typeNames.map((name) => JSON.stringify(name)).join(', ')}`,
      (value) => isPlain(value) && Object.values(value).every((type) => typeNames.includes(type as string)),
    ),
    undefined,
  ],
  header: [
    kind<readonly string[]>(
      'an array of column names that differ',
      (value) => arrayOf(text).accepts(value) && new Set(value).size === value.length,
    ),
    undefined,
  ],
  delimiter: [
    kind<string>('a string of one character or more', (value) => typeof value === 'string' && value !== ''),
    ',',
  ],
});

/**
 * The rows of a CSV file, as objects by column.
 *
 * Needs the package `csv-parse`. In a loader with workers each worker gives every n-th row.
 *
 * @param paths a path or several with the same columns; names that end in `.gz` are unpacked.
 * @throws {TorchClipError} `ERR_FILE` where a file cannot be read, lacks a column, or has a value that is not of its column's type;
 * `ERR_PACKAGE_NOT_FOUND`.
 *
 * @example
 * const rows = new data.CsvDataset('iris.csv', { columns: { petal: 'number', species: 'bigint' } });
 * const samples: (number | bigint)[][] = [];
 * for await (const { petal, species } of rows) samples.push([petal, species]);
 * const loader = new data.DataLoader(samples, { batchSize: 16, shuffle: true });
 */
export class CsvDataset<
  C extends Readonly<Record<string, CsvType>> = Readonly<Record<string, 'string'>>,
> extends IterableDataset<CsvRow<C>> {
  readonly paths: readonly string[];
  readonly #options: ReturnType<typeof readOptions>;

  constructor(paths: Paths, options: CsvOptions<C> = {}) {
    super();
    this.paths = pathsOf(paths);
    this.#options = readOptions(options);
  }

  override async *[Symbol.asyncIterator](): AsyncIterator<CsvRow<C>> {
    const { parse } = await peer('csv-parse', 'data.CsvDataset', () => import('csv-parse'));
    const part = new WorkerPart();
    const { columns, header, delimiter } = this.#options;
    for (const path of this.paths) {
      const input = streamOf(path);
      const parser = parse({ bom: true, delimiter, info: true, skip_empty_lines: true });
      input.once('error', (error) => parser.destroy(error));
      input.pipe(parser);
      try {
        let names = header as readonly string[] | undefined;
        for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
          if (names === undefined) names = named(record, path);
          else if (part.takes()) yield row(record, names, columns, `line ${info.lines}`, path) as CsvRow<C>;
        }
      } catch (error) {
        throw unreadable(path, 'CSV', error);
      } finally {
        parser.destroy();
        input.destroy();
      }
    }
  }
}

const bad = (path: string, what: string) =>
  new TorchClipError('ERR_FILE', `${shown(path)} is not a proper CSV file: ${what}`);

function named(record: readonly string[], path: string): readonly string[] {
  const twice = record.find((name, i) => record.indexOf(name) !== i);
  if (twice !== undefined) throw bad(path, `it has the column ${describe(twice)} twice`);
  return record;
}

function row(
  record: readonly string[],
  names: readonly string[],
  columns: Readonly<Record<string, CsvType>> | undefined,
  where: string,
  path: string,
): Record<string, unknown> {
  if (record.length !== names.length) throw bad(path, `${where} has ${record.length} values, not ${names.length}`);
  const made: Record<string, unknown> = {};
  if (columns === undefined) {
    for (const [i, name] of names.entries()) setOwn(made, name, record[i]);
    return made;
  }
  for (const [name, type] of Object.entries(columns)) {
    const at = names.indexOf(name);
    if (at < 0) throw bad(path, `it has no column ${describe(name)}`);
    const value = converted(record[at]!, type);
    if (value === undefined) {
      throw bad(path, `${where} has ${describe(record[at])} in the column ${describe(name)}, which is not a ${type}`);
    }
    setOwn(made, name, value);
  }
  return made;
}

/** A value of a column's type; undefined for what is none. */
function converted(text: string, type: CsvType): unknown {
  if (type === 'string') return text;
  const bare = text.trim();
  if (type === 'bigint') return /^[+-]?\d{1,40}$/.test(bare) ? BigInt(bare.replace(/^\+/, '')) : undefined;
  if (type === 'boolean') return ({ true: true, false: false, 1: true, 0: false } as const)[bare.toLowerCase()];
  if (/^[+-]?(nan|inf|infinity)$/i.test(bare)) {
    if (/nan/i.test(bare)) return Number.NaN;
    return bare.startsWith('-') ? -Infinity : Infinity;
  }
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(bare) ? Number(bare) : undefined;
}
