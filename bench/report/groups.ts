import type { RivalName } from '../lib/cases.js';
import type { StepRow } from '../lib/results.js';

/** The rows of each shape and dtype. */
export function groupsOf(rows: readonly StepRow[]): StepRow[][] {
  const groups = new Map<string, StepRow[]>();
  for (const row of rows) {
    const key = `${row.shape} ${row.dtype}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** The fastest rival. */
export function headline({ rivals }: StepRow): RivalName {
  const names = Object.keys(rivals) as RivalName[];
  return names.reduce((best, name) => (rivals[name]!.ratio < rivals[best]!.ratio ? name : best));
}
