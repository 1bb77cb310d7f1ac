// Builds the backend that counts, and has steps measured with it in a process of their own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { localBuild } from '../../../setup/fixture.js';
import type { Measured } from './measure.js';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };

/** The costs of steps with so many parameters for each number of ranks. */
export function measureCosts(parameters: number, ranks: readonly number[]): Measured[] {
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-cost-'));
  try {
    const library = join(folder, 'cost.node');
    const { root } = localBuild().libtorch;
    const flags = ['-std=c++20', '-O1', '-fPIC', '-shared', '-DUSE_DISTRIBUTED', '-DUSE_C10D_GLOO', '-DNAPI_VERSION=9'];
    const folders = [join(root, 'include'), join(root, 'include/torch/csrc/api/include'), headers];
    const libraries = ['-L', join(root, 'lib'), '-ltorch_cpu', '-lc10'];
    run(process.env.CXX ?? 'c++', [
      ...flags,
      ...folders.flatMap((path) => ['-isystem', path]),
      here('backend.cc'),
      '-o',
      library,
      ...libraries,
    ]);
    const loader = here('../../../../node_modules/tsx/dist/loader.mjs');
    const out = run(process.execPath, [
      '--import',
      loader,
      here('measure.ts'),
      library,
      String(parameters),
      ...ranks.map(String),
    ]);
    return JSON.parse(out) as Measured[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-4000)}`);
  return stdout;
}
