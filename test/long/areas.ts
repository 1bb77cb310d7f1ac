// The suite by folders, for runs of it on another build or with another collector.
import { readdirSync } from 'node:fs';

const root = new URL('..', import.meta.url);

// What they test is no call of the addon.
const others = ['ci', 'cli', 'docs', 'fixtures', 'golden', 'long', 'setup', 'types'];

/** Globs of all tests that call the addon: those of the top folder, then folder by folder. */
export const areas: string[] = [
  'test/*.test.ts',
  ...readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !others.includes(entry.name))
    .map(({ name }) => `test/${name}/**/*.test.ts`)
    .sort(),
];
