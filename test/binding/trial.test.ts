import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { checkOnce, tryInChild } from '../../lib/binding/check.js';
import type { Resolution } from '../../lib/binding/resolve.js';
import type { Answer } from '../../lib/binding/trial.js';
import { versionOf } from '../../lib/setup/root.js';
import { Fixture, failure, localBuild } from '../setup/fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { libtorch } = localBuild();

describe('a trial in a process of its own', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  /** A binary that is JavaScript, with CUDA. */
  const pair = (functions: string): Resolution => ({
    root,
    libtorch: { ...libtorch, place: 'the cache', tried: [], refused: [] },
    binary: {
      addon: f.write(
        'addon.cjs',
        `const base = { libtorchVersion: () => '${libtorch.version}', compiledFor: () => '${libtorch.version}',
          packageVersion: () => '${versionOf(root)}', cudaBuilt: () => true, init() {}, cudaMemoryInfo() {} };
        module.exports = { ...base, ${functions} };`,
      ),
      loader: f.write('loader.cjs', 'exports.open = () => undefined;'),
      origin: 'TORCH_CLIP_BINARY',
    },
    damaged: [],
  });

  const h200 = "name: 'NVIDIA H200', major: 9, minor: 0, totalMemory: 1e11";
  const answers: [string, string, Answer['cuda']][] = [
    [
      'of two GPUs',
      `cudaDeviceCount: () => 2, cudaProperties: () => ({ ${h200}, warpSize: 32 })`,
      { gpus: Array(2).fill({ name: 'NVIDIA H200', major: 9, minor: 0, totalMemory: 1e11 }) },
    ],
    [
      'of none, in the words of CUDA',
      `init(Failure, _, warn) { this.Failure = Failure; this.warn = warn; },
       cudaDeviceCount() { this.warn('CUDA initialization: the driver is older'); return 0; },
       cudaProperties() { throw new this.Failure('ERR_INTERNAL', 'CUDA error: no CUDA-capable device\\nmore'); }`,
      { gpus: [], error: 'CUDA error: no CUDA-capable device; CUDA initialization: the driver is older' },
    ],
    [
      'of a GPU that does not answer',
      `cudaDeviceCount: () => 1, cudaProperties: () => ({ ${h200} }), cudaMemoryInfo() { throw new Error('CUDA error: busy'); }`,
      { gpus: [], error: 'CUDA error: busy' },
    ],
  ];
  for (const [title, functions, cuda] of answers) {
    it(`brings an answer ${title}`, () => {
      expect(tryInChild(pair(functions))?.cuda).to.deep.equal(cuda);
    });
  }

  const endings: [string, string, RegExp][] = [
    [
      'a driver that crashes',
      'cudaDeviceCount() { process.abort(); }',
      /a process that tried it crashed \(SIGABRT\) while it asked CUDA for the GPUs.*; look at what nvidia-smi prints, or use a build for the CPU/,
    ],
    [
      'a driver that hangs',
      'cudaDeviceCount() { for (;;); }',
      /a process that tried it gave no answer within 5 s while it asked CUDA for the GPUs/,
    ],
    [
      'a binary that hangs',
      'libtorchVersion() { for (;;); }',
      /tried it gave no answer within 5 s; "npx torch-clip doctor"/,
    ],
  ];
  for (const [title, functions, says] of endings) {
    it(`survives ${title}`, async () => {
      const error = await failure(() => tryInChild(pair(functions), process.env, 5));
      expect(error.code).to.equal('ERR_BINARY');
      expect(error.message).to.match(says);
    });
  }

  it('runs an application that takes itself for Node.js no second time', () => {
    const app = `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(f.path('runs'))}, 'x');
      const app = process.env.APP; process.execPath = app;
      import(${JSON.stringify(pathToFileURL(join(root, 'lib/binding/index.ts')).href)}).then(() => console.log('loaded'), (e) => console.log(String(e)));`;
    // It runs the application, whatever its arguments are.
    f.program(
      'app',
      `exec "${process.execPath}" --import "${createRequire(import.meta.url).resolve('tsx')}" "${f.write('app.cjs', app)}"`,
    );
    const env = {
      ...process.env,
      APP: join(f.bin, 'app'),
      TORCH_CLIP_CACHE: f.path('cache'),
      TORCH_CLIP_LIBTORCH: libtorch.root,
      // The local build, which that libtorch is for, whatever binary these tests run on.
      TORCH_CLIP_BINARY: undefined,
    };
    const { stdout } = spawnSync(env.APP, { env, cwd: root, encoding: 'utf8' });
    expect(stdout).to.equal('loaded\n');
    expect(spawnSync('cat', [f.path('runs')], { encoding: 'utf8' }).stdout).to.equal('xx');
  });

  it('starts no process inside of a trial', () => {
    const hang = pair('cudaDeviceCount() { for (;;); }');
    expect(tryInChild(hang, { ...process.env, TORCH_CLIP_TRIAL: '1' })).to.equal(undefined);
    checkOnce(hang, { ...process.env, TORCH_CLIP_TRIAL: '1', TORCH_CLIP_CACHE: dirname(f.path('cache')) });
  });
});
