// npm run test:nursery -- [globs]: the suite with a garbage collection at every native call and a nursery of 1 MB, so that
// whatever is used after its last reference has gone fails each time and not once in a thousand runs.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { areas } from '../areas.js';

const given = process.argv.slice(2);
// The examples train for thousands of steps, in processes of their own.
const globs = given.length > 0 ? given : [...areas, '--ignore', 'test/examples.test.ts'];
const { status } = spawnSync(
  process.execPath,
  ['node_modules/mocha/bin/mocha.js', '-n', 'max-semi-space-size=1', '--timeout', '1000000', ...globs],
  {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, TORCH_CLIP_COLLECT_AT_CALLS: '1' },
  },
);
process.exitCode = status ?? 1;
