// npm run test:sanitize -- [--sequences N] [--seed S] [--threads] [globs]: the suite, or the files given, and random sequences
// of valid calls on a build that AddressSanitizer and UndefinedBehaviorSanitizer watch; with --threads, worker threads as
// well, on one that ThreadSanitizer does.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { areas } from '../areas.js';
import { fuzz } from '../fuzz/run.js';
import { build, root, type Sanitizer, sanitized } from './build.js';

const { values, positionals } = parseArgs({
  options: {
    sequences: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const suites = positionals.length > 0 ? [positionals] : areas.map((glob) => [glob]);

const tally = { passed: 0, failed: 0 };

/** Runs mocha on the watched build; a process that a sanitizer ended counts as a failure. */
function suite(sanitizer: Sanitizer, globs: string[]): Promise<void> {
  const mocha = join('node_modules', 'mocha', 'bin', 'mocha.js');
  const child = spawn(process.execPath, [mocha, '--timeout', '1000000', ...globs], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...sanitized(sanitizer) },
  });
  let last = '';
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    last = (last + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const [, passed = '0', failed = '0'] = /^(\d+) passed, (\d+) failed$/m.exec(last) ?? [];
      tally.passed += Number(passed);
      tally.failed += code === 0 ? 0 : Math.max(Number(failed), 1);
      resolve();
    });
  });
}

if (!build('address') || (values.threads && !build('thread'))) throw new Error('the build failed');
for (const globs of suites) await suite('address', globs);
const sequences = Number(values.sequences);
const { failures } = await fuzz({
  kind: 'sequences',
  cases: sequences,
  seed: Number(values.seed),
  env: sanitized('address'),
});
for (const line of failures) console.log(line);
const wrong = failures.filter((line) => line.startsWith('case')).length;
tally.failed += wrong;
tally.passed += sequences - wrong;
if (values.threads) await suite('thread', ['test/worker.test.ts']);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
