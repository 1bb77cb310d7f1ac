// Fills prebuilds/ with a stripped binary for each libtorch asked for, and checks which systems it will run on:
//   npm run prebuild -- --torch 2.13,2.14 --variant cpu,cu13
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/npm.mjs';

// npm also runs a script of this name before the one called "build", in a fresh clone too; then there is nothing to do.
if (process.argv.length > 2) {
  ensurePackages(fileURLToPath(new URL('..', import.meta.url)));
  const { tsImport } = await import('tsx/esm/api');
  const { prebuild } = await tsImport('./lib/prebuild.ts', import.meta.url);
  await prebuild(process.argv);
} else {
  console.error('No prebuilt binaries were asked for (npm run prebuild -- --help).');
}
