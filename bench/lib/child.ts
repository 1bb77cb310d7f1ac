// Another process as one side of the benchmark: it is told what to call, and answers with the result.
import { spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import torch from '../../lib/index.js';
import { findLibtorch, series } from '../../lib/setup/libtorch.js';

export interface Child {
  call<T>(name: string, args?: Record<string, unknown>): Promise<T>;
  close(): Promise<void>;
}

/** Variables of the environment beside those of this process. */
export type Variables = Record<string, string>;

/** Python with the PyTorch that the loaded libtorch belongs to, and as many threads, in a script of bench/python. */
export function python(device: 'cpu' | 'cuda' = 'cpu', env: Variables = {}, script = 'main'): Child {
  const { root } = findLibtorch({
    accept: ({ version }) =>
      series(version) === series(torch.version.libtorch) ? undefined : 'another version than the one at work',
  });
  const path = [dirname(root), process.env.PYTHONPATH ?? ''].filter((part) => part !== '').join(delimiter);
  const main = fileURLToPath(new URL(`../python/${script}.py`, import.meta.url));
  return start('python3', [main], {
    PYTHONPATH: path,
    BENCH_THREADS: String(torch.getNumThreads()),
    BENCH_DEVICE: device,
    ...env,
  });
}

const built = new Set<string>();

/** A script of bench/node, as users run theirs: compiled, on the compiled package, in a Node.js that loads nothing else. */
export function node(script: string, env: Variables = {}): Child {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const outfile = file(`../../build/bench/${script}.mjs`);
  // Once: another process may be reading it.
  if (!built.has(script)) {
    buildSync({
      ...{ entryPoints: [file(`../node/${script}.ts`)], outfile, bundle: true, packages: 'external' },
      ...{ platform: 'node', format: 'esm', logLevel: 'warning' },
    });
    built.add(script);
  }
  return start(process.execPath, ['--expose-gc', outfile], { BENCH_THREADS: String(torch.getNumThreads()), ...env });
}

function start(command: string, args: string[], env: Variables): Child {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.once('exit', (code) => reject(new Error(`${command} ${args.at(-1)} ended with exit code ${code}`)));
  });
  failed.catch(() => {});
  return {
    async call<T>(name: string, args: Record<string, unknown> = {}) {
      child.stdin.write(`${JSON.stringify({ call: name, with: args })}\n`);
      const line = await Promise.race([lines.next(), failed]);
      if (line.done) throw new Error(`${command} ended before it answered`);
      const { returned, refused } = JSON.parse(line.value) as { returned: T; refused?: string };
      if (refused !== undefined) throw new Error(`${name}: ${refused}`);
      return returned;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
