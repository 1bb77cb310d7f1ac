/** Values as Python's repr writes them, so that a printed module reads as PyTorch's does. */

export const bool = (value: boolean): string => (value ? 'True' : 'False');

export function float(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
  return String(value);
}

/** A size: a number as it is, several as a tuple. */
export function size(value: number | string | null | readonly (number | string | null)[]): string {
  if (!Array.isArray(value)) return value === null ? 'None' : String(value);
  return `(${value.map(size).join(', ')}${value.length === 1 ? ',' : ''})`;
}

/** Indents every line but the first by two spaces. */
export const indent = (text: string): string => text.replace(/\n(?=.)/g, '\n  ');
