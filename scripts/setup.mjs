// Prepares a clone: npm packages, libtorch, the native build, dist/. What is up to date is left alone.
//   --build   build again even where nothing seems to have changed
//   --native  libtorch and the native build only
//   --cuda    libtorch with CUDA and a build for it in build/cuda, beside the other one, only
//   --offline with --cuda: fetches nothing
// This file runs before there are any packages; the rest is TypeScript, which needs them.
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/npm.mjs';
import { takeTurn } from './lib/turn.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `torch-clip: Node.js ${process.versions.node} is too old: 20.19 or newer is needed\n` +
      '  fix:   install a newer one: https://nodejs.org',
  );
  process.exit(1);
}
const root = fileURLToPath(new URL('..', import.meta.url));
await takeTurn(root);
ensurePackages(root);
const { tsImport } = await import('tsx/esm/api');
const { setup } = await tsImport('./lib/setup.ts', import.meta.url);
await setup(process.argv.slice(2));
