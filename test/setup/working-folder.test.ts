import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hasNvidiaDriver } from '../../lib/binding/resolve.js';
import { nvidia } from '../../lib/cli/nvidia.js';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { cacheRoot, findLibtorch } from '../../lib/setup/libtorch.js';
import { programPath } from '../../lib/setup/programs.js';
import { checkTools } from '../../lib/setup/tools.js';
import { torchClip } from '../cli/run.js';
import { Fixture, failure, localBuild } from './fixture.js';
import { quiet } from './quiet.js';

const dist = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** Not what chooses among several, as pyenv's script does. */
function python(): string | undefined {
  const found = programPath('python3');
  const code = 'import sys; print(sys.executable)';
  return found && spawnSync(found, ['-c', code], { encoding: 'utf8', cwd: '/' }).stdout.trim();
}
const realPython = python();

describe('the working folder', () => {
  let f: Fixture;
  let before: string;
  quiet();
  beforeEach(() => {
    f = new Fixture();
    before = process.cwd();
    mkdirSync(f.path('work'));
    process.chdir(f.path('work'));
  });
  afterEach(() => {
    process.chdir(before);
    f.remove();
  });

  /** Files that say when Python runs them. */
  const plant = () => {
    const trap = `open(${JSON.stringify(f.path('ran'))}, 'a').write(__name__ + ' ')\n`;
    for (const name of ['importlib', 'json', 'torch', 'site', 'sitecustomize', 'runpy'])
      f.write(`work/${name}.py`, trap);
    for (const name of ['pip', 'encodings']) {
      f.write(`work/${name}/__init__.py`, trap);
      f.write(`work/${name}/__main__.py`, trap);
    }
  };
  const ran = () => existsSync(f.path('ran'));
  const env = (more: NodeJS.ProcessEnv = {}) => ({ PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache'), ...more });

  it('is no place from which Python imports, whatever the paths say', async function () {
    if (realPython === undefined) return this.skip();
    symlinkSync(realPython, join(f.bin, 'python3'));
    plant();
    // The trap works: Python by itself falls into it.
    spawnSync(realPython, ['-c', 'import json, torch'], { env: env() });
    expect(ran()).to.equal(true);
    rmSync(f.path('ran'));
    for (const PYTHONPATH of [undefined, '', ':', '.']) {
      const error = await failure(() => findLibtorch({ env: env({ PYTHONPATH, PYTHONNOUSERSITE: '1' }) }));
      expect(error.message).to.match(/no libtorch/);
      await failure(() =>
        fetchLibtorch({
          env: env({ PYTHONPATH, TORCH_CLIP_MIRROR: 'http://127.0.0.1:9' }),
          from: 'pip',
          offline: true,
          room: 1,
        }),
      );
      expect(ran(), String(PYTHONPATH)).to.equal(false);
    }
  });

  it('lends no program to a name', async () => {
    for (const name of ['python3', 'python', 'cmake', 'nvidia-smi', 'ninja', 'c++', 'nvcc']) {
      f.program(`../work/${name}`, `echo ${name} >> "${f.path('ran')}"`);
    }
    for (const PATH of ['', ':', '.', `:${f.bin}:`, `../work:${f.bin}`]) {
      await failure(() => findLibtorch({ env: env({ PATH }) }));
      await failure(() => checkTools(env({ PATH }), { cuda: true }));
      nvidia(env({ PATH }));
      expect(ran(), PATH).to.equal(false);
    }
  });

  it('is no place for the programs of a program', () => {
    const found = f.wheel('site', '2.13.0');
    f.program('python3', `helper; echo 'torch-clip found ["${found}"]'`);
    f.program('../work/helper', `echo helper >> "${f.path('ran')}"`);
    expect(findLibtorch({ env: env({ PATH: `.:${f.bin}` }) }).root).to.equal(found);
    expect(ran()).to.equal(false);
  });

  it('may be gone', () => {
    const found = f.wheel('site', '2.13.0');
    f.python(found);
    mkdirSync(f.path('gone'));
    process.chdir(f.path('gone'));
    f.remove();
    f = new Fixture();
    f.python(f.wheel('site', '2.13.0'));
    expect(findLibtorch({ env: env() }).root).to.equal(f.path('site/torch'));
  });

  it('gets nothing from an import, with a cache or without', () => {
    const { libtorch } = localBuild();
    for (const more of [{ HOME: '' }, { HOME: '', XDG_CACHE_HOME: 'cache' }, { HOME: '.', TORCH_CLIP_CACHE: '' }]) {
      const child = spawnSync(
        process.execPath,
        ['-e', `import(${JSON.stringify(dist)}).then((t) => console.log(t.version.torch ?? 'ok'))`],
        {
          cwd: f.path('work'),
          env: { PATH: process.env.PATH, XDG_CACHE_HOME: f.path('cache'), TORCH_CLIP_LIBTORCH: libtorch.root, ...more },
          encoding: 'utf8',
        },
      );
      expect(child.status, child.stderr).to.equal(0);
      expect(readdirSync(f.path('work')), JSON.stringify(more)).to.deep.equal([]);
    }
  });
});

describe('a Python that prints when it starts', () => {
  it('is understood all the same', function () {
    if (realPython === undefined) return this.skip();
    const f = new Fixture();
    try {
      f.wheel('site', '2.13.0');
      f.write('site/torch/__init__.py', 'raise SystemExit(1)');
      f.write('site/sitecustomize.py', "import atexit\nprint('hello', end='')\natexit.register(print, 'bye')\n");
      symlinkSync(realPython, join(f.bin, 'python3'));
      const env = { PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache'), PYTHONPATH: f.path('site') };
      expect(findLibtorch({ env }).root).to.equal(f.path('site/torch'));
    } finally {
      f.remove();
    }
  });
});

describe('a user without a home folder', () => {
  const nobody = 54_321; // in no table of users
  const isRoot = process.getuid?.() === 0;
  const { libtorch } = localBuild();

  it('has no cache, unless one is named', () => {
    for (const path of ['', '.', 'relative/home']) {
      const root = cacheRoot({ HOME: path, XDG_CACHE_HOME: path });
      expect(root === undefined || root.startsWith('/'), root).to.equal(true);
    }
    expect(cacheRoot({ XDG_CACHE_HOME: '/x' })).to.equal('/x/torch-clip');
    expect(cacheRoot({ TORCH_CLIP_CACHE: 'here' })).to.equal(join(process.cwd(), 'here'));
  });

  it('can import the package', function () {
    if (!isRoot) return this.skip();
    const code = `import(${JSON.stringify(dist)}).then((t) => console.log(t.ones([2]).sum().item()))`;
    const f = new Fixture();
    try {
      // A libtorch in root's own home folder is shown to others by a mount that ends with the process.
      mkdirSync(f.path('torch'));
      chmodSync(f.root, 0o755);
      const script = `mount --bind "$1" "$2" && exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups "$3" -e "$4"`;
      const runs = (body: string) =>
        spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', libtorch.root, f.path('torch'), process.execPath, body], {
          env: { PATH: process.env.PATH, TORCH_CLIP_LIBTORCH: f.path('torch') },
          cwd: '/',
          encoding: 'utf8',
        });
      const needs = [dist, localBuild().release].map((path) => `fs.accessSync(${JSON.stringify(path)})`);
      if (runs(needs.join(';')).status !== 0) return this.skip();
      expect(runs('try { os.homedir() } catch (e) { console.log(e.name) }').stdout).to.equal('SystemError\n');
      const child = runs(code);
      expect(child.stderr).to.equal('');
      expect(child.stdout).to.equal('2\n');
    } finally {
      f.remove();
    }
  });

  it('gets one sentence from every command that needs a cache', async function () {
    if (!isRoot) return this.skip();
    const f = new Fixture();
    try {
      for (const args of [
        ['--help'],
        ['doctor'],
        ['cache', 'ls'],
        ['cache', 'rm', '--all'],
        ['install', '--offline'],
      ]) {
        const { status, stdout, stderr } = await torchClip(args, { PATH: f.bin }, nobody).ended;
        expect(`${stdout}${stderr}`, args.join(' ')).not.to.match(/SystemError|at .*\.[jt]s:/);
        if (args[0] === 'cache' || args[0] === 'install') {
          expect(stderr).to.match(
            /the cache has no folder, since the user has no home folder\n {2}fix: {3}set TORCH_CLIP_CACHE/,
          );
          expect(status).to.equal(1);
        }
      }
    } finally {
      f.remove();
    }
  });
});

describe('hasNvidiaDriver', () => {
  const machines: [string, string[], boolean][] = [
    ['Linux with the module', ['/proc/driver/nvidia/version'], true],
    ['a container', ['/dev/nvidiactl'], true],
    ['WSL 2 with the driver for Windows', ['/dev/dxg', '/usr/lib/wsl/lib/libcuda.so.1'], true],
    ["WSL 2 with another maker's GPU", ['/dev/dxg'], false],
    ['no GPU', [], false],
  ];
  for (const [what, files, expected] of machines) {
    it(`${expected ? 'sees' : 'sees none on'} ${what}`, () => {
      expect(hasNvidiaDriver((path) => files.includes(path))).to.equal(expected);
    });
  }
});
