// node_modules against package-lock.json, with nothing but Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The first package that is missing from node_modules or there in another version, or undefined. */
export function stale(root) {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const hidden = join(root, 'node_modules', '.package-lock.json');
  const present = existsSync(hidden) ? JSON.parse(readFileSync(hidden, 'utf8')).packages : {};
  return Object.keys(wanted).find(
    (path) =>
      path !== '' &&
      !wanted[path].optional && // a binary for another platform, as a rule
      (present[path]?.version !== wanted[path].version || !existsSync(join(root, path, 'package.json'))),
  );
}

/** Installs the packages if they are stale; on failure ends the process with what fixes it. */
export function ensurePackages(root) {
  if (stale(root) === undefined) return;
  console.error('npm packages ...');
  const { error, status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (error === undefined && status === 0) return;
  const fix =
    error === undefined
      ? 'npm ci (where the registry cannot be reached: check the network and npm\'s "registry" and "proxy" settings)'
      : 'install Node.js with npm: https://nodejs.org';
  console.error(`torch-clip: npm packages could not be installed\n  tried: npm ci\n  fix:   ${fix}`);
  process.exit(1);
}
