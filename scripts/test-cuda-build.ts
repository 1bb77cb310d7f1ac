// npm run test:cuda-build: compiles and loads the build with CUDA, which must pass the whole suite; the last line is its tally.
// Without a CUDA compiler it is skipped, with a message, and counted if CI is set.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc } from '../lib/setup/tools.js';
import { cudaFolder, setup } from './lib/setup.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const nvcc = findNvcc();
const said = nvcc === undefined ? '' : spawnSync(nvcc, ['--version'], { encoding: 'utf8' }).stdout;
const release = Number(/release (\d+)/.exec(said ?? '')?.[1] ?? 0);

if (release < 13) {
  const reason = nvcc === undefined ? 'there is no nvcc' : `${nvcc} is not of CUDA 13`;
  console.log(`the build with CUDA: skipped (${reason})`);
  console.log(`0 passed, 0 failed${process.env.CI ? `, 1 skipped: ${reason}` : ''}`);
} else {
  // A single architecture, that of the table of registers, compiles several times faster than all of them.
  process.env.TORCH_CLIP_CUDA_ARCHS ||= '90';
  await setup(['--cuda']);
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const { status } = spawnSync(
    process.execPath,
    [mocha, ...(process.argv.length > 2 ? process.argv.slice(2) : ['test/**/*.test.ts'])],
    {
      cwd: root,
      env: { ...process.env, TORCH_CLIP_BINARY: join(root, cudaFolder, 'Release', 'torch_clip.node') },
      stdio: 'inherit',
    },
  );
  process.exitCode = status ?? 1;
}
