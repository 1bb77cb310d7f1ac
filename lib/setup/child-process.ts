// Running other programs for an installation: the whole output is kept for when one fails.
import { spawn } from 'node:child_process';
import { neutralFolder, programEnv, programPath } from './programs.js';

/** An installation cannot go on: what went wrong, what was tried, and the command that fixes it. */
export class SetupError extends Error {
  readonly tried: string[];
  readonly fix: string;

  constructor(message: string, { tried = [], fix }: { tried?: string[]; fix: string }) {
    super(message);
    this.tried = tried;
    this.fix = fix;
  }

  override toString(): string {
    const tried = this.tried.map((one) => `  tried: ${one}`);
    return [`torch-clip: ${this.message}`, ...tried, `  fix:   ${this.fix}`].join('\n');
  }
}

export interface RunOptions {
  /** Default: a folder in which no one can leave anything. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Sees every line as it is written. */
  onLine?: (line: string) => void;
}

/** Runs a program, by its path or its name on the PATH, to its end; status -1 where it could not be started. */
export function run(
  command: string,
  args: string[],
  { cwd = neutralFolder, env = process.env, onLine = () => {} }: RunOptions = {},
): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    const program = /[\\/]/.test(command) ? command : programPath(command, env);
    if (program === undefined) return resolve({ status: -1, output: `${command} is not on the PATH` });
    const child = spawn(program, args, { cwd, env: programEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: string) => {
      output += chunk;
      for (const line of chunk.split(/[\r\n]+/)) if (line.trim() !== '') onLine(line.trim());
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const stop = () => child.kill(); // without this process its work would be of no use
    process.once('exit', stop);
    const end = (status: number, text: string) => {
      process.off('exit', stop);
      resolve({ status, output: text });
    };
    child.on('error', (error) => end(-1, error.message));
    child.on('close', (status) => end(status ?? 1, output));
  });
}

/** The last lines of a program's output, for a failure message. */
export function tail(output: string, lines = 15): string {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}
