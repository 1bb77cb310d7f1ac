// npm run release:pack: packs the package into build/release/torch-clip.tgz, unless something is missing that a release needs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingFor } from './lib/release.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const problems = missingFor(root);
if (problems.length > 0) {
  console.error(['There is no release of this:', ...problems].join('\n  '));
  process.exit(1);
}
const folder = join(root, 'build', 'release');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
renameSync(join(folder, filename), join(folder, 'torch-clip.tgz'));
