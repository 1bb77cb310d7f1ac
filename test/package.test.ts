import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { buildSync } from 'esbuild';
import { Fixture } from './setup/fixture.js';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the package', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
    mkdirSync(f.path('node_modules'));
    symlinkSync(root, f.path('node_modules/torch-clip'));
  });
  after(() => f.remove());

  const node = (file: string, text: string, ...args: string[]) => {
    const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined };
    const options = { cwd: f.root, env, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync(process.execPath, [...args, f.write(file, text)], options).trim();
  };
  const sum = 'torch.tensor([1, 2, 3]).sum().item()';

  const forms: Record<string, string> = {
    'import torch.mjs': `import torch, { nn } from 'torch-clip'; console.log(${sum}, typeof nn.Linear)`,
    'import all.mjs': `import * as torch from 'torch-clip'; console.log(${sum}, typeof torch.nn.Linear)`,
    'require.cjs': `const torch = require('torch-clip'); console.log(${sum}, typeof torch.nn.Linear)`,
    'import().cjs': `import('torch-clip').then((torch) => console.log(${sum}, typeof torch.nn.Linear))`,
  };
  for (const [file, text] of Object.entries(forms)) {
    it(`loads by ${file}`, () => {
      expect(node(file, text)).to.equal('6 function');
    });
  }

  it('loads in a worker thread beside the main one', () => {
    const worker = `const { Worker, isMainThread } = require('node:worker_threads');
      const torch = require('torch-clip');
      if (isMainThread) new Worker(__filename); else console.log(${sum}, typeof torch.nn.Linear);`;
    expect(node('worker.cjs', worker)).to.equal('6 function');
  });

  for (const [way, load] of Object.entries({
    'require()': (path: string) => `console.log(require(${path}).ones([3]).sum().item())`,
    'import()': (path: string) => `import(${path}).then((torch) => console.log(torch.ones([3]).sum().item()))`,
  })) {
    it(`loads by ${way} where a process may hold no more than 64 files open`, () => {
      const script = load(JSON.stringify(join(root, 'dist', way === 'import()' ? 'index.js' : 'index.cjs')));
      const args = ['-c', 'ulimit -n 64; exec "$0" -e "$1"', process.execPath, script];
      expect(execFileSync('sh', args, { encoding: 'utf8' })).to.equal('3\n');
    });
  }

  it('names the line of the program, not its own, where a backward pass makes NaN', () => {
    const text = `import torch from 'torch-clip';
      torch.autograd.detectAnomaly(() => {
        const x = torch.tensor([0], { requiresGrad: true });
        const y = x.sqrt().mul(0);
        try { y.sum().backward(); } catch (error) { console.log(error.message); }
      });`;
    expect(node('anomaly.mjs', text)).to.match(/goes back to the call at \S*anomaly\.mjs:4:/);
  });

  it('loads under node --test and under tsx', () => {
    const tested = `import torch from 'torch-clip'; import test from 'node:test'; import assert from 'node:assert';
      test('sum', () => assert.equal(${sum}, 6));`;
    expect(node('sum.test.mjs', tested, '--test')).to.match(/pass 1/);
    const typed = `import torch, { type Tensor } from 'torch-clip'; const t: Tensor = torch.tensor([1, 2, 3]);
      console.log(t.sum().item());`;
    expect(node('typed.mts', typed, '--import', join(root, 'node_modules/tsx/dist/loader.mjs'))).to.equal('6');
  });

  describe('bundled by esbuild', () => {
    const bundle = (format: 'esm' | 'cjs', external: string[]) => {
      const entry = f.write('app/main.mjs', `import torch from 'torch-clip'; console.log(${sum});`);
      const outfile = f.path(`app/out.${format === 'esm' ? 'mjs' : 'cjs'}`);
      mkdirSync(f.path('app/node_modules'), { recursive: true });
      buildSync({
        entryPoints: [entry],
        outfile,
        format,
        external,
        bundle: true,
        platform: 'node',
        logLevel: 'silent',
      });
      return execute(outfile);
    };
    const execute = (path: string) => {
      const { stdout, stderr } = spawnSync(process.execPath, [path], { cwd: f.root, encoding: 'utf8' });
      return { stdout, stderr };
    };
    for (const format of ['esm', 'cjs'] as const) {
      it(`works where it is external (${format})`, () => {
        expect(bundle(format, ['torch-clip'])).to.deep.equal({ stdout: '6\n', stderr: '' });
      });

      it(`says what to do where it is not (${format})`, () => {
        const { stderr } = bundle(format, []);
        expect(stderr).to.match(/torch-clip was bundled into .* keep it external: --external:torch-clip with esbuild/);
        expect(stderr).to.include('ERR_BUNDLED');
      });
    }
  });

  it('hands out nothing but its entry and its package.json', () => {
    expect(node('about.cjs', "console.log(require('torch-clip/package.json').name)")).to.equal('torch-clip');
    expect(() => node('inner.cjs', "require('torch-clip/dist/binding.js')")).to.throw('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('sets up a second time without doing or fetching anything', () => {
    // Nothing can be fetched, and nothing of the system is on this PATH: no npm, python3, cmake or compiler.
    const env = { HOME: process.env.HOME, TORCH_CLIP_CACHE: process.env.TORCH_CLIP_CACHE, PATH: f.bin };
    const { LIBTORCH, TORCH_CLIP_LIBTORCH, XDG_CACHE_HOME } = process.env;
    const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs'], {
      cwd: root,
      env: { ...env, LIBTORCH, TORCH_CLIP_LIBTORCH, XDG_CACHE_HOME },
      encoding: 'utf8',
    });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});
