import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { findLibtorch } from '../../lib/setup/libtorch.js';
import { packageRoot } from '../../lib/setup/root.js';

describe('cmake-js', () => {
  it('configures the same build, without asking a network for headers of Node.js', function () {
    this.timeout(120_000);
    const out = mkdtempSync(join(tmpdir(), 'torch-clip-cmake-js-'));
    try {
      const libtorch = findLibtorch({ accept: ({ flavour }) => (flavour === 'cpu' ? undefined : 'with CUDA') }).root;
      const tool = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');
      const args = ['configure', '-d', packageRoot(), '-O', out, `--CDTORCH_CLIP_LIBTORCH=${libtorch}`];
      // What another run or npm's settings left on this machine could hide a download.
      const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
      const env = { ...Object.fromEntries(kept), HOME: out, NVM_NODEJS_ORG_MIRROR: 'http://127.0.0.1:9' };
      execFileSync(process.execPath, [tool, ...args, `--CDTORCH_CLIP_OUTPUT=${out}`], { stdio: 'pipe', env });
      const cache = readFileSync(join(out, 'CMakeCache.txt'), 'utf8');
      expect(cache)
        .include(`TORCH_CLIP_LIBTORCH:PATH=${libtorch}`)
        .match(/CMAKE_BUILD_TYPE:\w+=Release/);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
