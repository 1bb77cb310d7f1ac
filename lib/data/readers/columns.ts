import { arrayOf, type Kind, kind, text } from '../../check.js';
import { describe, TorchClipError } from '../../errors.js';
import { shown } from '../../io/file.js';

/** The names of columns that are read. */
export const columnNames: Kind<readonly string[]> = kind(
  'an array of column names',
  (value) => arrayOf(text).accepts(value) && value.length > 0,
);

/** Checks that a file has the columns that are asked for. */
export function checkColumns(columns: readonly string[] | undefined, names: readonly string[], path: string): void {
  for (const name of columns ?? []) {
    if (names.includes(name)) continue;
    const has = names.slice(0, 20).map(describe).join(', ');
    throw new TorchClipError('ERR_FILE', `${shown(path)} has no column ${describe(name)}; it has ${has}`);
  }
}
