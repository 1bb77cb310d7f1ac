// node_modules against package-lock.json.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Progress, run, SetupError } from './run.mjs';

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

export async function ensurePackages(root) {
  if (stale(root) === undefined) return false;
  const progress = new Progress('npm packages');
  const { status, output } = await run('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    onLine: (line) => progress.say(line),
  });
  if (status === -1) {
    progress.end('failed');
    throw new SetupError('npm was not found', {
      tried: ['npm ci'],
      mend: 'install Node.js with npm: https://nodejs.org',
    });
  }
  progress.end(status === 0 ? 'done' : 'failed');
  if (status !== 0) {
    const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED/.test(output);
    throw new SetupError(
      `npm packages could not be installed${offline ? ': the registry cannot be reached' : `:\n${reasons(output)}`}`,
      {
        tried: ['npm ci'],
        mend: offline ? 'check the network and npm\'s "registry" and "proxy" settings, then: npm ci' : 'npm ci',
      },
    );
  }
  return true;
}

// npm's first words tell the reason; its last ones are advice about itself.
function reasons(output) {
  const lines = output.split('\n').filter((line) => /^npm error \S/.test(line));
  return lines.slice(0, 5).join('\n');
}
