import { kind, text } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { type PathLike, pathOf, replaceFile, shown, writeAll } from '../../io/file.js';
import { isPlain } from '../../io/plain.js';
import { optionsOf } from '../../options.js';
import { loadRuns } from './folder.js';
import { contentOf, page } from './page.js';
import { fromRecord, type Run, type RunRecord } from './run.js';

/** What a report says beside the runs. */
export interface ReportOptions {
  /** Default `'Training report'`. */
  title?: string;
  /** A sentence or two below the verdict, such as how the runs were made; default none. */
  about?: string;
}

const readOptions = optionsOf('utils.report()', { title: [text, 'Training report'], about: [text, undefined] });

const values = kind<readonly number[]>('an array of numbers', (value) => numbers(value, ['number']));
const flags = kind<readonly (number | boolean)[]>('an array of booleans or numbers', (value) =>
  numbers(value, ['number', 'boolean']),
);
function numbers(value: unknown, types: readonly string[]): boolean {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!types.includes(typeof value[i])) return false;
  return true;
}

/**
 * Writes a page that shows what happened in runs: a verdict, the losses, the norms with the level at which they were clipped, the clip
 * rate, the tail of the norms, and the norms of the layers.
 *
 * The page is one HTML file without scripts that needs no network, fits phones, and follows the reader's light or dark theme.
 *
 * @param runs a folder in which {@link RunLog} or another program wrote event files, in folders of their own or below it; records of
 * numbers; or an array of both.
 * @param path of the page, such as `'report.html'`; it is replaced as a whole.
 * @throws {TorchClipError} `ERR_FILE` where a folder holds no run, or the page cannot be written.
 *
 * @example
 * utils.report('runs', 'report.html');
 * utils.report([{ name: 'clip.norm(1)', loss, norm, threshold: 1 }], 'report.html', { title: 'Last night' });
 */
export function report(
  runs: PathLike | RunRecord | readonly (PathLike | RunRecord)[],
  path: PathLike,
  options: ReportOptions = {},
): void {
  const { title, about } = readOptions(options);
  const target = pathOf(path);
  const list: readonly unknown[] = Array.isArray(runs) ? [...runs] : [runs];
  if (list.length === 0) throw invalidArgument('runs', 'a folder, a record or an array of them', runs);
  const read = list.flatMap((run, i) => (isPlain(run) ? [recordOf(run, `runs[${i}]`)] : runsIn(run)));
  const content = page(title, contentOf(read, { title, about }));
  replaceFile(target, (fd) => writeAll(fd, Buffer.from(content)));
}

function runsIn(path: unknown): Run[] {
  const folder = pathOf(path, 'runs');
  const found = loadRuns(folder);
  if (found.length > 0) return found;
  throw new TorchClipError('ERR_FILE', `${shown(folder)} holds no event file with a loss in it`);
}

function recordOf(given: Record<string, unknown>, name: string): Run {
  const record = { ...given } as unknown as RunRecord;
  if (typeof record.name !== 'string') throw invalidArgument(`${name}.name`, 'a string', record.name);
  checked(`${name}.loss`, record.loss, values);
  if (record.norm !== undefined) checked(`${name}.norm`, record.norm, values, record.loss.length);
  if (record.clipped !== undefined) checked(`${name}.clipped`, record.clipped, flags, record.loss.length);
  if (record.threshold !== undefined && typeof record.threshold !== 'number') {
    checked(`${name}.threshold`, record.threshold, values, record.loss.length);
  }
  if (record.layers !== undefined) {
    if (!isPlain(record.layers))
      throw invalidArgument(`${name}.layers`, 'an object of arrays of numbers', record.layers);
    for (const [layer, norms] of Object.entries(record.layers)) checked(`${name}.layers.${layer}`, norms, values);
  }
  if (record.results !== undefined) {
    if (!isPlain(record.results))
      throw invalidArgument(`${name}.results`, 'an object of strings and numbers', record.results);
    for (const [column, value] of Object.entries(record.results)) {
      const isCell = typeof value === 'string' || typeof value === 'number';
      if (!isCell) throw invalidArgument(`${name}.results.${column}`, 'a string or a number', value);
    }
  }
  return fromRecord(record);
}

function checked(name: string, value: unknown, of: typeof values | typeof flags, length?: number): void {
  if (!of.accepts(value)) throw invalidArgument(name, of.expected, value);
  const { length: own } = value as readonly unknown[];
  if (own === 0 || (length !== undefined && own !== length)) {
    const expected = length === undefined ? 'at least one element' : `${length} elements, as the loss has`;
    throw new TorchClipError('ERR_SHAPE', `"${name}" must have ${expected}, got ${own}`);
  }
}
