import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, type Libtorch } from '../../lib/setup/libtorch.js';

/** The folder of the checkout's build, and the libtorch that it was built with, whatever the environment names. */
export function localBuild(): { release: string; libtorch: Libtorch } {
  const release = fileURLToPath(new URL('../../build/Release', import.meta.url));
  const about = JSON.parse(readFileSync(join(release, 'torch_clip.json'), 'utf8')) as { libtorch: string };
  return { release, libtorch: inspect(about.libtorch)! };
}

/** A folder that is removed after the test: `write` puts files into it, `program` a shell script for a fake PATH. */
export class Fixture {
  readonly root = mkdtempSync(join(tmpdir(), 'torch-clip-'));
  /** A PATH of the fixture's programs alone. */
  readonly bin = join(this.root, 'bin');

  constructor() {
    mkdirSync(this.bin);
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  write(path: string, text: string | Buffer = ''): string {
    const full = this.path(path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  }

  program(name: string, script: string): void {
    chmodSync(this.write(join('bin', name), `#!/bin/sh\n${script}\n`), 0o755);
  }

  /** A python3 that finds torch in a folder, or none. */
  python(folder?: string): void {
    this.program('python3', `echo 'torch-clip found ${JSON.stringify(folder === undefined ? [] : [folder])}'`);
  }

  /** What a torch wheel looks like from outside: `<folder>/torch` with its library and its version. */
  wheel(folder: string, version: string, { cuda = false } = {}): string {
    this.write(join(folder, 'torch/lib/libtorch_cpu.so'));
    if (cuda) this.write(join(folder, 'torch/lib/libtorch_cuda.so'));
    this.write(join(folder, 'torch/version.py'), `__version__ = '${version}'\n`);
    return this.path(folder, 'torch');
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The error that an action throws, now or later. */
export async function failure(action: () => unknown): Promise<Error & Record<string, unknown>> {
  try {
    await action();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}
