/** A table in text: columns as wide as they need to be, the first aligned left and the others right. */
export function textTable(rows: string[][]): string {
  const width = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(width[i]!) : cell.padStart(width[i]!))).join('  ');
  const [first, ...rest] = rows.map(line);
  return [first, '-'.repeat(first!.length), ...rest].join('\n');
}
