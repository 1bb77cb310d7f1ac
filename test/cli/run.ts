import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
let main: string | undefined;

/** The command line from its sources, as plain JavaScript: it starts faster than under tsx. */
function compiled(): string {
  if (main !== undefined) return main;
  main = join(root, 'build', 'test-cli.mjs');
  buildSync({
    entryPoints: [join(root, 'lib/cli/main.ts')],
    outfile: main,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    // The package's folder is found by the place of this module.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'lib/setup/root.ts')).href) },
  });
  return main;
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line in a process of its own, as the user `uid` if given. */
export function torchClip(
  args: string[],
  env: NodeJS.ProcessEnv,
  uid?: number,
): { pid: number; ended: Promise<Ended> } {
  return started([compiled(), ...args], env, uid);
}

/** Runs a script of Node.js in a process of its own. */
export function started(
  command: string[],
  env: NodeJS.ProcessEnv,
  uid?: number,
): { pid: number; ended: Promise<Ended>; stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, command, uid === undefined ? { env } : { env, uid, gid: uid, cwd: '/' });
  const result: Ended = { status: null, signal: null, stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    result.stdout += text;
  });
  child.stderr.on('data', (text) => {
    result.stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status, signal) => resolve({ ...result, status, signal }));
  });
  return { pid: child.pid!, ended, stdout: child.stdout };
}
