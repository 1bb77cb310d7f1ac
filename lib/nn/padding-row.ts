import { check, integer } from '../check.js';

/** The padding row of an embedding of `rows`, counted from the start. */
export function paddingRow(index: number, rows: number): number {
  check('paddingIdx', index, integer(-rows, rows - 1), 'ERR_INDEX');
  return index < 0 ? index + rows : index;
}
