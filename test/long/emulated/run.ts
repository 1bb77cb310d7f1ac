// The CUDA driver and its kernels on a stand-in for a GPU, against the same references as the CPU's: npm run test:emulated
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch } from '../../../lib/setup/libtorch.js';
import { programPath } from '../../../lib/setup/programs.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const output = join(root, 'build', 'emulated');
const folder = join(output, 'cmake');

const suites = [
  'optim/**/*.test',
  'clip/*.test',
  'nn/utils/*.test',
  'amp/*.test',
  'worker.test',
  'long/emulated/devices',
  'long/emulated/kernels',
  'long/emulated/steps',
];
/** Tests of what a GPU does differently, or cannot know without waiting. */
const others = [
  'too many skips in a row throw', // by the step after: kernels.ts
  'keeps the counters of skipped steps', // which ends with the same
  'after an optimizer has thrown that it skips too often', // so does this
  'records losses that are not finite and goes on', // so does this
  'writes nothing below the level', // it multiplies by 1, as PyTorch does
];

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): number {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
}

function build(): boolean {
  const options = {
    TORCH_CLIP_EMULATE_CUDA: 'ON',
    TORCH_CLIP_LIBTORCH: findLibtorch().root,
    TORCH_CLIP_OUTPUT: output,
  };
  const definitions = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  const generator = programPath('ninja') ? ['-G', 'Ninja'] : [];
  const configured = run('cmake', ['-S', root, '-B', folder, ...generator, ...definitions, '--log-level=WARNING']);
  return configured === 0 && run('cmake', ['--build', folder, '--parallel', String(availableParallelism())]) === 0;
}

if (build()) {
  const env = { TORCH_CLIP_BINARY: join(output, 'torch_clip.node') };
  const table = run(process.execPath, ['--import', 'tsx', 'test/long/conformance.ts'], env);
  const mocha = join('node_modules', 'mocha', 'bin', 'mocha.js');
  const files = suites.map((suite) => `test/${suite}.ts`);
  const tests = run(process.execPath, [mocha, ...files, '--grep', others.join('|'), '--invert'], env);
  process.exitCode = table || tests;
} else {
  process.exitCode = 1;
}
