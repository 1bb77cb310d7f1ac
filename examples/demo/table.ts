// The results as rows of text, for the terminal and the report alike.
import { lastMean, quantile, tailShare } from './statistics.js';
import type { Run } from './train.js';

export const header = [
  'run',
  'training loss',
  'test loss',
  'test accuracy',
  'median norm',
  'largest norm',
  'tail',
  'seconds',
];

export function row(run: Run): string[] {
  const norms = run.norms.filter(Number.isFinite);
  return [
    run.name,
    lastMean(run.losses, 20).toFixed(3),
    run.testLoss.toFixed(3),
    `${(100 * run.accuracy).toFixed(1)}%`,
    quantile(norms, 0.5).toFixed(2),
    quantile(norms, 1).toFixed(1),
    `${(100 * tailShare(norms)).toFixed(1)}%`,
    run.seconds.toFixed(1),
  ];
}

/** Columns as wide as they need to be, the first to the left and the others to the right. */
export function textTable(rows: string[][]): string {
  const width = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(width[i]!) : cell.padStart(width[i]!))).join('  ');
  const [first, ...rest] = rows.map(line);
  return [first, '-'.repeat(first!.length), ...rest].join('\n');
}
