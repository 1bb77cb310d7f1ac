// How many cases of test/golden compare modules, functions, distributions and transforms with PyTorch.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../test/golden/', import.meta.url);

function read(family: string): unknown[][] {
  const files = readdirSync(new URL(`${family}/`, folder)).filter((name) => name.endsWith('.json'));
  return files.map((name) => {
    const content = JSON.parse(readFileSync(new URL(`${family}/${name}`, folder), 'utf8')) as object;
    return Object.values(content) as unknown[];
  });
}

/** What PyTorch has computed for an entry: once per dtype and mode, or once. */
const runsOf = (entry: unknown): number => (Array.isArray(entry) ? entry.length : 1);

/** A case is one configuration in one dtype and mode, however many values of it are compared. */
export function goldenCases(): { nn: number; distributions: number; func: number } {
  const count = (family: string, each: (entry: unknown) => number) =>
    read(family)
      .flat()
      .reduce<number>((sum, entry) => sum + each(entry), 0);
  return {
    nn: count('nn', runsOf),
    distributions: count('distributions', (entry) => (typeof (entry as string[])[0] === 'string' ? 1 : runsOf(entry))),
    func: count('func', () => 1),
  };
}
