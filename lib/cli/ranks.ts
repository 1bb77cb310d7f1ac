// The processes that `torch-clip run` starts on one machine: their environment, their output, their end.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';

/** What is the same for the processes of one attempt. */
export interface Attempt {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** The rank of the first process of this machine. */
  readonly firstRank: number;
  readonly localSize: number;
  readonly worldSize: number;
  readonly nodeRank: number;
  readonly nodes: number;
  readonly host: string;
  readonly port: number;
  readonly attempt: number;
  readonly maxRestarts: number;
  readonly runId: string;
  /** Threads per process, where the user has not said. */
  readonly threads: number;
  readonly prefix: boolean;
}

/** How a process ended that did not end well. */
export interface Failure {
  readonly rank: number;
  readonly pid: number | undefined;
  /** What a shell would see: the exit code, or 128 and the signal's number. */
  readonly code: number;
  /** `exit code 3`, `signal SIGKILL`. */
  readonly how: string;
  /** The last lines that it wrote to its standard error. */
  readonly lines: readonly string[];
}

/** How many last lines of a failed rank are repeated. */
const kept = 20;

/** The variables of one rank, by the names that torchrun gives them. */
export function environmentOf(a: Attempt, localRank: number, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rank = a.firstRank + localRank;
  return {
    OMP_NUM_THREADS: String(a.threads),
    ...env,
    RANK: String(rank),
    LOCAL_RANK: String(localRank),
    WORLD_SIZE: String(a.worldSize),
    LOCAL_WORLD_SIZE: String(a.localSize),
    GROUP_RANK: String(a.nodeRank),
    GROUP_WORLD_SIZE: String(a.nodes),
    ROLE_RANK: String(rank),
    ROLE_WORLD_SIZE: String(a.worldSize),
    ROLE_NAME: 'default',
    MASTER_ADDR: a.host,
    MASTER_PORT: String(a.port),
    TORCHELASTIC_RESTART_COUNT: String(a.attempt),
    TORCHELASTIC_MAX_RESTARTS: String(a.maxRestarts),
    TORCHELASTIC_RUN_ID: a.runId,
    TORCHELASTIC_USE_AGENT_STORE: 'True',
  };
}

/** The ranks of one machine in one attempt. */
export class Ranks {
  readonly #children: ChildProcess[] = [];
  readonly #ended: Promise<Failure | undefined>[] = [];
  #ending = false;

  constructor(attempt: Attempt, env: NodeJS.ProcessEnv = process.env) {
    const [program, ...args] = attempt.command;
    for (let local = 0; local < attempt.localSize; local++) {
      const rank = attempt.firstRank + local;
      const child = spawn(program!, args, {
        env: environmentOf(attempt, local, env),
        stdio: ['ignore', 'pipe', 'pipe'],
        // A process group of its own: a terminal's signal comes once, through us.
        detached: process.platform !== 'win32',
      });
      this.#children.push(child);
      this.#ended.push(watch(child, rank, attempt.prefix ? `[rank ${rank}] ` : ''));
    }
  }

  /** Resolves to the first failure, or to undefined when all ranks have ended well. */
  async firstFailure(): Promise<Failure | undefined> {
    const failed = this.#ended.map(async (one) => {
      const failure = await one;
      // One that ends well waits for the others.
      if (failure === undefined) await Promise.all(this.#ended);
      return failure;
    });
    const first = await Promise.race(failed);
    return first ?? (await Promise.all(this.#ended)).find((one) => one !== undefined);
  }

  /** Passes a signal on to those that still run. */
  signal(name: NodeJS.Signals): void {
    for (const child of this.#children) if (runs(child)) child.kill(name);
  }

  /** Ends those that still run: by SIGTERM, and after `grace` milliseconds by SIGKILL. */
  async end(grace: number): Promise<void> {
    if (!this.#ending) this.signal('SIGTERM');
    this.#ending = true;
    // A process that is stopped takes no notice of SIGTERM until it goes on.
    const timer = setTimeout(() => this.signal('SIGKILL'), grace);
    await Promise.all(this.#ended);
    clearTimeout(timer);
  }
}

const runs = (child: ChildProcess) => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

function watch(child: ChildProcess, rank: number, prefix: string): Promise<Failure | undefined> {
  const lines: string[] = [];
  const copy = (from: NodeJS.ReadableStream, to: NodeJS.WritableStream, keep: boolean) =>
    new Promise<void>((resolve) => {
      createInterface({ input: from, crlfDelay: Infinity })
        .on('line', (line) => {
          to.write(`${prefix}${line}\n`);
          if (!keep) return;
          lines.push(line);
          if (lines.length > kept) lines.shift();
        })
        .on('close', resolve);
    });
  const written = [copy(child.stdout!, process.stdout, false), copy(child.stderr!, process.stderr, true)];
  return new Promise((resolve) => {
    const done = (code: number, how: string) => resolve({ rank, pid: child.pid, code, how, lines });
    child.once('error', (error) => done(127, `an error before it ran: ${error.message}`));
    child.once('exit', async (code, signal) => {
      if (code === 0) return void Promise.all(written).then(() => resolve(undefined));
      // What it wrote last is still on its way; a grandchild may keep the pipes open.
      await Promise.race([Promise.all(written), new Promise((go) => setTimeout(go, 200).unref())]);
      if (signal !== null) done(128 + constants.signals[signal], `signal ${signal}`);
      else done(code!, `exit code ${code}`);
    });
  });
}
