/** Values as Python's repr writes them, so that a printed module reads as PyTorch's does. */

export { shortest as float } from '../print/numbers.js';

export const bool = (value: boolean): string => (value ? 'True' : 'False');

/** A size: a number as it is, several as a tuple. */
export function size(value: number | string | null | readonly (number | string | null)[]): string {
  if (!Array.isArray(value)) return value === null ? 'None' : String(value);
  return `(${value.map(size).join(', ')}${value.length === 1 ? ',' : ''})`;
}

/** Indents every line but the first by two spaces. */
export const indent = (text: string): string => text.replace(/\n(?=.)/g, '\n  ');

/** A module's name with what it says of itself and its parts, each on a line of its own where there are any. */
export function block(name: string, extra: string, parts: readonly (readonly [string, unknown])[]): string {
  const lines = parts.map(([part, value]) => `(${part}): ${indent(String(value))}`);
  if (lines.length === 0 && !extra.includes('\n')) return `${name}(${extra})`;
  const all = extra === '' ? lines : [...extra.split('\n'), ...lines];
  return `${name}(\n  ${all.join('\n  ')}\n)`;
}
