// Ranks as processes of their own, for tests: each runs one program of programs/ and tells what came of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('programs/', import.meta.url));
const loader = fileURLToPath(new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url));

/** What became of a rank. */
export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What it sent with `process.send`, in order. */
  sent: unknown[];
  stdout: string;
  stderr: string;
}

/** A rank that runs. */
export interface Rank {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** How a program is told what to do; JSON. */
export type Settings = Record<string, unknown>;

export function start(command: readonly string[], env: NodeJS.ProcessEnv, ipc: boolean): Rank {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  const outcome: Outcome = { code: null, signal: null, sent: [], stdout: '', stderr: '' };
  child.stdout!.on('data', (text) => (outcome.stdout += String(text)));
  child.stderr!.on('data', (text) => (outcome.stderr += String(text)));
  child.on('message', (message) => outcome.sent.push(message));
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ ...outcome, code, signal }));
  });
  return { child, ended };
}

/** Starts `size` ranks of a program that meet in a file. */
export class Job {
  readonly ranks: readonly Rank[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'torch-clip-ranks-'));

  constructor(
    size: number,
    program: string,
    settings: Settings = {},
    commandOf?: (rank: number) => string[] | undefined,
    more: NodeJS.ProcessEnv = {},
  ) {
    this.ranks = Array.from({ length: size }, (_, rank) => {
      const env = {
        RANK: String(rank),
        WORLD_SIZE: String(size),
        LOCAL_RANK: String(rank),
        OMP_NUM_THREADS: '1',
        GLOO_SOCKET_IFNAME: 'lo',
        MEET: `file://${join(this.#folder, 'store')}`,
        SETTINGS: JSON.stringify(settings),
        ...more,
      };
      const own = commandOf?.(rank);
      if (own !== undefined) return start(own, env, false);
      return start([process.execPath, '--import', loader, join(folder, `${program}.ts`)], env, true);
    });
  }

  /** What became of all ranks. */
  async ended(): Promise<Outcome[]> {
    try {
      return await Promise.all(this.ranks.map(({ ended }) => ended));
    } finally {
      this.remove();
    }
  }

  remove(): void {
    for (const { child } of this.ranks) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The ranks of a job that must all end well, with what each sent. */
export async function sentByAll(
  size: number,
  program: string,
  settings: Settings = {},
  env: NodeJS.ProcessEnv = {},
): Promise<unknown[][]> {
  const outcomes = await new Job(size, program, settings, undefined, env).ended();
  // The last of them is often the one whose end the others only tell of.
  const failed = outcomes.flatMap(({ code, signal, stderr }, rank) =>
    code === 0 ? [] : [`rank ${rank} of ${size} ended with ${code ?? signal}: ${stderr}`],
  );
  if (failed.length > 0) throw new Error(failed.join('\n'));
  return outcomes.map(({ sent }) => sent);
}
