// Drives the public API with random calls in child processes: npm run test:fuzz -- [--kind KIND] [cases] [seed] [target]
// KIND is "calls", single calls with hostile arguments, or "sequences", valid calls in odd states.
// A case runs again alone by: npm run test:fuzz -- [--kind KIND] --case SEED INDEX [target]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');
const stuckAfter = 20_000;
/** Runs its arguments in at most 6 GB: an op that allocates without end must be refused, and not exhaust the machine. */
const limited = 'ulimit -d 6291456; exec "$0" "$@"';

interface Outcome {
  /** The first sentences of what went wrong. */
  failures: string[];
  /** The case that the process died or hung in. */
  died?: number;
}

/** Runs cases [from, to) in one process, which ends early when it crashes or makes no progress. */
function runRange(seed: number, from: number, to: number, only: string, kind: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-fuzz-'));
  const progress = join(folder, 'progress');
  // No number until the first case begins: a busy machine may take long to start a process.
  writeFileSync(progress, 'starting');
  const at = () => Number(readFileSync(progress, 'utf8'));
  const args = ['--import', tsx, child, String(seed), String(from), String(to), progress, only, kind];
  // In a folder of its own: hostile paths are written there.
  const process_ = spawn('sh', ['-c', limited, process.execPath, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  process_.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  process_.stderr.on('data', (chunk: Buffer) => (err = (err + chunk.toString()).slice(-2000)));
  let last = -1;
  let hung = false;
  const watch = setInterval(() => {
    if (at() === last) {
      hung = true;
      process_.kill('SIGKILL');
    }
    last = at();
  }, stuckAfter);
  return new Promise((resolve) => {
    process_.on('close', (code, signal) => {
      clearInterval(watch);
      const failures = out.split('\n').filter((line) => line.startsWith('case '));
      const finished = code === 0 || code === 3;
      const outcome: Outcome = { failures };
      if (!finished) {
        outcome.died = at();
        const how = hung ? `hung for ${stuckAfter / 1000} s` : `died (${signal ?? `exit code ${code}`})`;
        failures.push(`case ${outcome.died}: the process ${how}; ${err.trim().split('\n').slice(-3).join(' | ')}`);
      }
      rmSync(folder, { recursive: true });
      resolve(outcome);
    });
  });
}

/** The command that runs a failed case again. */
export const again = (seed: number, index: number, only = '', kind = 'calls'): string =>
  `npm run test:fuzz -- --kind ${kind} --case ${seed} ${index} ${only}`.trim();

/** Runs `cases` cases of a seed; returns what went wrong, at most until the first crash. */
export async function fuzz({ seed = 1, cases = 10_000, from = 0, only = '', kind = 'calls' }): Promise<string[]> {
  const { failures, died } = await runRange(seed, from, from + cases, only, kind);
  if (died !== undefined) failures.push(`to reproduce: ${again(seed, died, only, kind)}`);
  return failures;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    options: { kind: { type: 'string', default: 'calls' }, case: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const { kind } = values;
  if (kind !== 'calls' && kind !== 'sequences') throw new Error(`--kind must be "calls" or "sequences", got "${kind}"`);
  if (values.case) {
    const [seed, index, only = ''] = positionals;
    const run = ['--import', tsx, child, seed!, index!, String(Number(index) + 1), '', only, kind];
    spawn('sh', ['-c', limited, process.execPath, ...run], { stdio: 'inherit' }).on('close', (code, signal) => {
      if (signal) console.log(`died: ${signal}`);
      process.exitCode = code ?? 1;
    });
  } else {
    const [cases = '10000', seed = '1', only = ''] = positionals;
    const failures = await fuzz({ cases: Number(cases), seed: Number(seed), only, kind });
    for (const line of failures) console.log(line);
    console.log(`${cases} ${kind} of seed ${seed}: ${failures.length === 0 ? 'nothing wrong' : 'FAILED'}`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  }
}
