// What the parts of npm run test:files share.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { localBuild } from '../../setup/fixture.js';

/** The path of a file beside this one. */
export const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** How a run goes: where it writes, what it draws from, and what went wrong. */
export class Run {
  readonly folder = mkdtempSync(join(tmpdir(), 'torch-clip-files-'));
  failures = 0;

  constructor(
    readonly seed: number,
    /** The Python to compare with. */
    readonly python: string,
  ) {}

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  fail(what: string): void {
    this.failures++;
    console.error(`FAILED: ${what}`);
  }

  /** What Python needs to find the reference PyTorch. */
  get pythonEnv(): NodeJS.ProcessEnv {
    return { ...process.env, PYTHONPATH: join(localBuild().libtorch.root, '..') };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
