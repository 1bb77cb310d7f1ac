// Drives the public API with random calls in child processes:
// npm run test:fuzz -- [--kind KIND] [--jobs N] [--from INDEX] [--sanitize] [cases] [seed] [target]
// KIND is "calls", single calls with hostile arguments; "options", calls with hostile options; or "sequences", valid calls
// in odd states. A case runs again alone by: npm run test:fuzz -- [--kind KIND] --case SEED INDEX [target]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, sanitized } from '../sanitize/build.js';
import { type Kind, kinds } from './kinds.js';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');
const stuckAfter = 120_000;
/** Runs its arguments in at most 6 GB: an op that allocates without end must be refused, and not exhaust the machine. */
const limited = 'ulimit -d 6291456; exec "$0" "$@"';
/** After so many deaths of processes a run ends. */
const mostDeaths = 20;
/** How many handles and bytes the second half of a process's cases may leave behind: what caches and pending promises hold. */
const mostHandles = 200;
const mostBytes = 2 ** 24;

interface Run {
  seed: number;
  only: string;
  kind: Kind;
  env: NodeJS.ProcessEnv;
}

/** What the live tensors hold, and the process. */
interface Memory {
  handles: number;
  bytes: number;
  rss: number;
}

interface Outcome {
  /** The first sentences of what went wrong. */
  failures: string[];
  /** The case that the process died or hung in. */
  died?: number;
  /** After half of the cases, and after all. */
  memory: Memory[];
}

/** Runs cases [from, to) in one process, which ends early when it crashes or makes no progress. */
function runRange({ seed, only, kind, env }: Run, from: number, to: number): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-fuzz-'));
  const progress = join(folder, 'progress');
  // No number until the first case begins: a busy machine may take long to start a process.
  writeFileSync(progress, 'starting');
  const at = () => Number(readFileSync(progress, 'utf8'));
  const args = ['--import', tsx, child, String(seed), String(from), String(to), progress, only, kind];
  // AddressSanitizer reserves terabytes, which such a limit would refuse.
  const [command, ...before] = env.LD_PRELOAD ? [process.execPath] : ['sh', '-c', limited, process.execPath];
  // In a folder of its own: hostile paths are written there.
  const process_ = spawn(command!, [...before, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  process_.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  process_.stderr.on('data', (chunk: Buffer) => (err = (err + chunk.toString()).slice(-8000)));
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
      const lines = out.split('\n');
      const failures = lines.filter((line) => line.startsWith('case '));
      const memory = lines.flatMap((line) => {
        const report = /^memory (.*)$/.exec(line);
        return report ? [JSON.parse(report[1]!) as Memory] : [];
      });
      const finished = code === 0 || code === 3;
      const outcome: Outcome = { failures, memory };
      if (!finished) {
        outcome.died = at();
        const how = hung ? `hung for ${stuckAfter / 1000} s` : `died (${signal ?? `exit code ${code}`})`;
        failures.push(`case ${outcome.died}: the process ${how}; ${gist(err)}`);
      }
      rmSync(folder, { recursive: true });
      resolve(outcome);
    });
  });
}

/** What a dying process said: a sanitizer's verdict with the first lines of its stack, or the last lines of anything else. */
function gist(err: string): string {
  const lines = err.trim().split('\n');
  const verdict = lines.findIndex((line) => /ERROR: \w+Sanitizer|runtime error:/.test(line));
  return (verdict < 0 ? lines.slice(-3) : lines.slice(verdict, verdict + 12)).map((line) => line.trim()).join(' | ');
}

/** The command that runs a failed case again. */
export const again = (seed: number, index: number, only = '', kind: Kind = 'calls'): string =>
  `npm run test:fuzz -- --kind ${kind} --case ${seed} ${index} ${only}`.trim();

interface Result {
  /** What went wrong, with the commands that show it. */
  failures: string[];
  /** The most that the second half of a process's cases left behind, and the largest process. */
  left: Memory;
}

/** Runs `cases` cases of a seed, `jobs` processes at a time. */
export async function fuzz({
  seed = 1,
  cases = 10_000,
  from = 0,
  only = '',
  kind = 'calls' as Kind,
  jobs = 1,
  env = {} as NodeJS.ProcessEnv,
  perProcess = 5000,
  report = (_done: number, _wrong: readonly string[]) => {},
}): Promise<Result> {
  const failures: string[] = [];
  const left: Memory = { handles: 0, bytes: 0, rss: 0 };
  const run: Run = { seed, only, kind, env };
  let next = from;
  let deaths = 0;
  let done = 0;
  const work = async () => {
    while (next < from + cases && deaths < mostDeaths) {
      let begin = next;
      const end = Math.min(begin + perProcess, from + cases);
      next = end;
      while (begin < end && deaths < mostDeaths) {
        const { failures: wrong, died, memory } = await runRange(run, begin, end);
        failures.push(...wrong);
        done += (died ?? end) - begin;
        report(done, wrong);
        const [half, all] = memory;
        if (half && all) {
          const [handles, bytes] = [all.handles - half.handles, all.bytes - half.bytes];
          if (handles > mostHandles || bytes > mostBytes) {
            failures.push(
              `cases ${begin} to ${end}: the second half left ${handles} handles and ${bytes} bytes behind`,
            );
          }
          left.handles = Math.max(left.handles, handles);
          left.bytes = Math.max(left.bytes, bytes);
          left.rss = Math.max(left.rss, all.rss);
        }
        if (died === undefined) break;
        deaths++;
        failures.push(`to reproduce: ${again(seed, died, only, kind)}`);
        // A process that died before its first case would die again.
        if (Number.isNaN(died)) deaths = mostDeaths;
        begin = died + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return { failures, left };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    options: {
      kind: { type: 'string', default: 'calls' },
      case: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
      sanitize: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const kind = values.kind as Kind;
  if (!kinds.includes(kind)) throw new Error(`--kind must be one of ${kinds.join(', ')}, got "${kind}"`);
  if (values.sanitize && !build('address')) throw new Error('the sanitized build failed');
  const env = values.sanitize ? sanitized('address') : {};
  if (values.case) {
    const [seed, index, only = ''] = positionals;
    const run = ['--import', tsx, child, seed!, index!, String(Number(index) + 1), '', only, kind];
    const [command, ...before] = values.sanitize ? [process.execPath] : ['sh', '-c', limited, process.execPath];
    const options = { stdio: 'inherit', env: { ...process.env, ...env } } as const;
    spawn(command!, [...before, ...run], options).on('close', (code, signal) => {
      if (signal) console.log(`died: ${signal}`);
      process.exitCode = code ?? 1;
    });
  } else {
    const [cases = '10000', seed = '1', only = ''] = positionals;
    const numbers = { cases: Number(cases), seed: Number(seed), from: Number(values.from), jobs: Number(values.jobs) };
    const report = (done: number, wrong: readonly string[]) => console.log([...wrong, `${done} done`].join('\n'));
    const { failures, left } = await fuzz({ ...numbers, only, kind, env, report });
    console.log(
      `memory: second halves left at most ${left.handles} handles and ${left.bytes} bytes, ` +
        `the largest process had ${Math.round(left.rss / 2 ** 20)} MB`,
    );
    console.log(`${cases} ${kind} of seed ${seed}: ${failures.length === 0 ? 'nothing wrong' : 'FAILED'}`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  }
}
