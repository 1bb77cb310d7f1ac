import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { checkOnce, tryInChild } from '../../lib/binding/check.js';
import { resolveInstallation } from '../../lib/binding/resolve.js';
import type { TorchClipError } from '../../lib/errors.js';
import { releases, series } from '../../lib/setup/libtorch.js';
import { versionOf } from '../../lib/setup/root.js';
import { Fixture, failure, localBuild } from '../setup/fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const version = versionOf(root);
const { release, libtorch: real } = localBuild();
const [torch, flavour] = [series(real.version), real.flavour];

/** A separate installed package, with the binaries and libtorchs that a test puts there. */
class Installation extends Fixture {
  readonly package: string;
  env: Record<string, string> = { PATH: this.bin, TORCH_CLIP_CACHE: this.path('cache') };

  constructor(folder = 'node_modules/torch-clip') {
    super();
    this.package = dirname(this.write(join(folder, 'package.json'), JSON.stringify({ name: 'torch-clip', version })));
  }

  /** The real binary, as a prebuilt one. */
  prebuild(name = `torch${torch}-${flavour}`): string {
    const folder = join(this.package, 'prebuilds', platform);
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(release, 'loader', 'loader.node'), join(folder, 'loader.node'));
    copyFileSync(join(release, 'torch_clip.node'), join(folder, `${name}.node`));
    return join(folder, `${name}.node`);
  }

  localBuild(about: object = {}): string {
    const folder = join(this.package, 'build', 'Release');
    cpSync(release, folder, { recursive: true });
    writeFileSync(join(folder, 'torch_clip.json'), JSON.stringify({ package: version, torch, flavour, ...about }));
    return join(folder, 'torch_clip.node');
  }

  /** The real libtorch under another path: its libraries are links, except those that a test will damage. */
  libtorch(folder: string, copied: string[] = []): string {
    const lib = this.path(folder, 'torch/lib');
    mkdirSync(lib, { recursive: true });
    for (const name of readdirSync(join(real.root, 'lib'))) {
      if (copied.includes(name)) copyFileSync(join(real.root, 'lib', name), join(lib, name));
      else symlinkSync(join(real.root, 'lib', name), join(lib, name));
    }
    copyFileSync(join(real.root, 'version.py'), this.path(folder, 'torch/version.py'));
    return this.path(folder, 'torch');
  }

  resolve() {
    return resolveInstallation(this.package, this.env);
  }

  /** As when the package is loaded. */
  load() {
    const resolution = this.resolve();
    const answer = tryInChild(resolution, this.env);
    return { ...resolution, answer };
  }
}

/** Fills an ELF file's code with traps, so that a process that loads it dies. */
function trap(path: string): void {
  const elf = readFileSync(path);
  for (let i = 0; i < elf.readUInt16LE(56); i++) {
    const at = Number(elf.readBigUInt64LE(32)) + i * elf.readUInt16LE(54);
    const [loaded, executable] = [elf.readUInt32LE(at) === 1, (elf.readUInt32LE(at + 4) & 1) !== 0];
    const start = Number(elf.readBigUInt64LE(at + 8));
    if (loaded && executable) elf.fill(0xcc, start, start + Number(elf.readBigUInt64LE(at + 32)));
  }
  writeFileSync(path, elf);
}

describe('the resolver', () => {
  let at: Installation;
  beforeEach(() => {
    at = new Installation();
  });
  afterEach(() => at.remove());

  const name = `libtorch-${real.version}-${flavour}`;
  const other = torch === '2.12' ? '2.11' : '2.12';

  describe('takes', () => {
    it('the prebuilt binary that is made for the libtorch it found', () => {
      at.wheel(`cache/libtorch-${other}.0-cpu`, `${other}.0`);
      at.prebuild(`torch${torch}-cpu`);
      const wanted = at.prebuild(`torch${other}-cpu`);
      expect(at.resolve()).to.deep.include({
        binary: {
          addon: wanted,
          loader: join(dirname(wanted), 'loader.node'),
          torch: other,
          flavour: 'cpu',
          origin: 'a prebuilt binary',
        },
      });
    });

    it('a CUDA build for a CUDA libtorch, and never the CPU one', () => {
      at.wheel('cache/libtorch-2.14.1-cu13', '2.14.1+cu130', { cuda: true });
      at.prebuild('torch2.14-cpu');
      expect(() => at.resolve()).to.throw(
        /torch 2\.14\.1 \(cu13\), but there are binaries for torch 2\.14 \(cpu\) only/,
      );
      const wanted = at.prebuild('torch2.14-cu13');
      expect(at.resolve().binary.addon).to.equal(wanted);
    });

    it('a local build before a prebuilt one for the same libtorch', () => {
      at.wheel(`cache/${name}`, real.version, { cuda: flavour !== 'cpu' });
      at.prebuild();
      const wanted = at.localBuild();
      expect(at.resolve().binary).to.include({ addon: wanted, origin: 'the local build' });
    });

    it('a prebuilt binary where the local build is damaged, and says what it left', () => {
      at.wheel(`cache/${name}`, real.version, { cuda: flavour !== 'cpu' });
      const wanted = at.prebuild();
      const local = at.localBuild();
      truncateSync(local, 5000);
      const { binary, damaged } = at.resolve();
      expect(binary.addon).to.equal(wanted);
      expect(damaged.map(({ why }) => why).join()).to.match(/torch_clip\.node is cut off: 5000 of \d+ bytes/);
    });

    it("of two libtorchs the environment's, then the project's, then the user's, then python3's", () => {
      at.prebuild(`torch${other}-cpu`);
      at.python(at.wheel('site', `${other}.3`));
      expect(at.resolve().libtorch.version).to.equal(`${other}.3`);
      at.wheel(`home/torch-clip/libtorch-${other}.2-cpu`, `${other}.2`);
      at.env = { PATH: at.bin, XDG_CACHE_HOME: at.path('home') };
      expect(at.resolve().libtorch.version).to.equal(`${other}.2`);
      at.wheel(`node_modules/.cache/torch-clip/libtorch-${other}.1-cpu`, `${other}.1`);
      expect(at.resolve().libtorch.version).to.equal(`${other}.1`);
      at.env.LIBTORCH = at.wheel('named', `${other}.0`);
      expect(at.resolve().libtorch).to.include({ version: `${other}.0`, place: 'LIBTORCH' });
      at.env.TORCH_CLIP_LIBTORCH = at.wheel('ours', `${other}.9`);
      expect(at.resolve().libtorch.version).to.equal(`${other}.9`);
    });

    it('TORCH_CLIP_BINARY before everything else, whatever its name', () => {
      at.prebuild();
      at.wheel(`cache/${name}`, real.version, { cuda: flavour !== 'cpu' });
      at.env.TORCH_CLIP_BINARY = at.path('mine.node');
      copyFileSync(join(release, 'torch_clip.node'), at.env.TORCH_CLIP_BINARY);
      expect(at.resolve().binary).to.include({ addon: at.env.TORCH_CLIP_BINARY, origin: 'TORCH_CLIP_BINARY' });
    });

    it('a libtorch of another version where TORCH_CLIP_SKIP_VERSION_CHECK is set', () => {
      at.prebuild();
      at.env.TORCH_CLIP_LIBTORCH = at.wheel('new', '2.99.0');
      expect(() => at.resolve()).to.throw('torch 2.99.0 is not one of');
      at.env.TORCH_CLIP_SKIP_VERSION_CHECK = '0';
      expect(() => at.resolve()).to.throw('torch 2.99.0 is not one of');
      at.env.TORCH_CLIP_SKIP_VERSION_CHECK = '1';
      expect(at.resolve().libtorch.version).to.equal('2.99.0');
    });

    it('no local build of another torch-clip, unless TORCH_CLIP_SKIP_VERSION_CHECK is set', () => {
      at.wheel(`cache/${name}`, real.version, { cuda: flavour !== 'cpu' });
      const local = at.localBuild({ package: '0.0.1' });
      expect(() => at.resolve()).to.throw(
        /torch_clip\.node belongs to torch-clip 0\.0\.1, and this is \d+\.\d+\.\d+; run/,
      );
      const wanted = at.prebuild();
      expect(at.resolve().binary.addon).to.equal(wanted);
      at.env.TORCH_CLIP_SKIP_VERSION_CHECK = 'true';
      expect(at.resolve().binary.addon).to.equal(local);
    });
  });

  describe('loads', () => {
    it('a libtorch and a binary whose paths hold spaces and letters of any script', () => {
      at.remove();
      at = new Installation('mein Projekt/日本語 ünï/node_modules/torch-clip');
      at.prebuild();
      at.env.TORCH_CLIP_LIBTORCH = at.libtorch('lib torch/Ελληνικά ☃');
      expect(at.load().answer?.version).to.equal(real.version);
    });

    it('without LD_LIBRARY_PATH, through a link too', () => {
      at.prebuild();
      at.libtorch('far');
      mkdirSync(at.path('cache'));
      symlinkSync(at.path('far'), at.path('cache', name));
      expect(at.load().answer).to.include({ version: real.version, cudaBuilt: flavour !== 'cpu' });
    });

    it('its own libraries where LD_LIBRARY_PATH holds others of their names', () => {
      at.prebuild();
      at.env.TORCH_CLIP_LIBTORCH = at.libtorch('there');
      at.env.LD_LIBRARY_PATH = dirname(at.write('other/libc10.so'));
      copyFileSync(join(real.root, 'lib/libc10.so'), at.path('other/libc10.so'));
      expect(at.load().answer?.version).to.equal(real.version);
      at.env.LD_PRELOAD = at.path('other/libc10.so');
      expect(() => at.load()).to.throw(
        /libtorch in .* cannot be loaded: .*another libc10\.so already: .*other\/libc10\.so/,
      );
    });

    it('what it found in a process of the user, whatever LD_LIBRARY_PATH holds', () => {
      copyFileSync(join(real.root, 'lib/libc10.so'), at.write('other/libc10.so'));
      const code = `await import(${JSON.stringify(pathToFileURL(join(root, 'lib/binding/index.ts')).href)});
        console.log(fs.readFileSync('/proc/self/maps', 'utf8').match(/\\/.*libc10.so/g).filter((p, i, all) => all.indexOf(p) === i).join());`;
      const env = {
        ...at.env,
        PATH: process.env.PATH,
        TORCH_CLIP_LIBTORCH: real.root,
        LD_LIBRARY_PATH: at.path('other'),
      };
      const args = ['--import', 'tsx', '--input-type=module', '-e', `import fs from 'node:fs'; ${code}`];
      const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
      expect(stdout, stderr).to.equal(`${join(real.root, 'lib/libc10.so')}\n`);
    });
  });

  it('tries an installation in another process once, and again when a file of it has changed', () => {
    at.prebuild();
    at.env.TORCH_CLIP_LIBTORCH = at.libtorch('there', ['libc10.so']);
    checkOnce(at.resolve(), at.env);
    const mark = join(at.env.TORCH_CLIP_CACHE!, 'checked', readdirSync(at.path('cache/checked'))[0]!);
    utimesSync(mark, 1, 1);
    const again = () => {
      checkOnce(at.resolve(), at.env);
      return statSync(mark).mtimeMs !== 1000;
    };
    expect(again()).to.equal(false);
    utimesSync(at.path('there/torch/lib/libc10.so'), 1, 1);
    expect(again()).to.equal(true);
  });

  /** What a published package holds. */
  const all = () => {
    for (const minor of Object.keys(releases)) for (const kind of ['cpu', 'cu13']) at.prebuild(`torch${minor}-${kind}`);
  };

  // The arrangement, and the code and the words of the error that follows from it.
  const cases: [string, () => void, string, RegExp][] = [
    [
      'no libtorch',
      () => at.prebuild('torch2.13-cpu'),
      'ERR_LIBTORCH_NOT_FOUND',
      /no libtorch was found; looked at TORCH_CLIP_LIBTORCH: not set; .*cache: no such folder; python3: not on the PATH; run "npx torch-clip install cpu --torch 2\.13"/,
    ],
    [
      'a variable that names no libtorch',
      () => {
        at.prebuild();
        at.wheel(`cache/${name}`, real.version);
        at.env.TORCH_CLIP_LIBTORCH = at.path('nothing');
      },
      'ERR_LIBTORCH_NOT_FOUND',
      /TORCH_CLIP_LIBTORCH names cannot be used; .*nothing: there is no libtorch in it/,
    ],
    [
      'LIBTORCH that names no folder',
      () => {
        at.prebuild();
        at.env.LIBTORCH = '/nope';
      },
      'ERR_LIBTORCH_NOT_FOUND',
      /LIBTORCH=\/nope: there is no libtorch in it; correct or unset LIBTORCH$/,
    ],
    [
      'LIBTORCH that no binary fits',
      () => {
        at.prebuild('torch2.13-cpu');
        at.env.LIBTORCH = at.wheel('named', '2.14.1', { cuda: true });
      },
      'ERR_LIBTORCH_VERSION',
      /correct or unset LIBTORCH, or run "npx torch-clip build cuda --torch 2\.14" for the libtorch that is there$/,
    ],
    [
      'a CUDA libtorch where there is a CPU binary only',
      () => {
        at.prebuild('torch2.14-cpu');
        at.wheel('cache/libtorch-2.14.1-cu13', '2.14.1', { cuda: true });
      },
      'ERR_LIBTORCH_VERSION',
      /; run "npx torch-clip build cuda --torch 2\.14" for the libtorch that is there, or set TORCH_CLIP_LIBTORCH/,
    ],
    [
      'an old libtorch where all binaries are there',
      () => {
        all();
        at.wheel('cache/libtorch-2.10.0-cpu', '2.10.0');
      },
      'ERR_LIBTORCH_VERSION',
      /; run "npx torch-clip install cpu --torch 2\.13", or set TORCH_CLIP_LIBTORCH/,
    ],
    [
      'one truncated binary among all, for the libtorch that comes first',
      () => {
        all();
        truncateSync(at.prebuild('torch2.13-cpu'), 30_000);
        at.wheel('cache/libtorch-2.12.1-cpu', '2.12.1');
        at.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
      },
      'ERR_BINARY',
      /for .*libtorch-2\.13\.0-cpu\/torch cannot be loaded: .*torch2\.13-cpu\.node is cut off: 30000 of \d+ bytes; reinstall torch-clip, or run "npx torch-clip build cpu --torch 2\.13"/,
    ],
    [
      'TORCH_CLIP_BINARY of another torch-clip',
      () => {
        at.write('node_modules/torch-clip/package.json', '{ "name": "torch-clip", "version": "9.9.9" }');
        at.env.TORCH_CLIP_BINARY = at.path('mine.node');
        copyFileSync(at.prebuild(), at.env.TORCH_CLIP_BINARY);
        at.env.TORCH_CLIP_LIBTORCH = at.libtorch('there');
      },
      'ERR_BINARY',
      /mine\.node belongs to torch-clip \d+\.\d+\.\d+, and this is 9\.9\.9; correct or unset TORCH_CLIP_BINARY/,
    ],
    [
      'a libtorch of another minor version',
      () => {
        at.prebuild('torch2.13-cpu');
        at.wheel('cache/libtorch-2.12.1-cpu', '2.12.1');
      },
      'ERR_LIBTORCH_VERSION',
      /no libtorch that fits .*torch 2\.12\.1 \(cpu\), but there are binaries for torch 2\.13 \(cpu\) only; .*"npx torch-clip build cpu --torch 2\.12" for the libtorch that is there/,
    ],
    [
      'a libtorch for an older CUDA',
      () => {
        at.prebuild('torch2.13-cu13');
        at.wheel('cache/libtorch-2.13.0-cu12', '2.13.0+cu126', { cuda: true });
      },
      'ERR_LIBTORCH_VERSION',
      /torch 2\.13\.0 \(cu12\), but there are binaries for torch 2\.13 \(cu13\) only/,
    ],
    [
      'no binary',
      () => at.libtorch(`cache/${name}`),
      'ERR_BINARY_NOT_FOUND',
      /no native binary for \w+-\w+ in .*prebuilds.*build.*; run "npx torch-clip build"/,
    ],
    [
      'TORCH_CLIP_BINARY that names nothing',
      () => {
        at.prebuild();
        at.env.TORCH_CLIP_BINARY = at.path('no.node');
      },
      'ERR_BINARY_NOT_FOUND',
      /TORCH_CLIP_BINARY=.*no\.node names no file/,
    ],
    [
      'a truncated binary',
      () => truncateSync(at.prebuild(), 20_000),
      'ERR_BINARY',
      /torch\S+\.node is cut off: 20000 of \d+ bytes; reinstall torch-clip, or run "npx torch-clip build"/,
    ],
    [
      'a binary for another processor',
      () => {
        const elf = readFileSync(at.prebuild());
        elf.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
        writeFileSync(at.prebuild(), elf);
      },
      'ERR_BINARY',
      /was made for linux-(arm64|x64), and this is \w+-\w+/,
    ],
    [
      'a binary for another system',
      () => writeFileSync(at.prebuild(), Buffer.from('cffaedfe0c00000100000000060000000000000000000000', 'hex')),
      'ERR_BINARY',
      /was made for darwin-arm64, and this is/,
    ],
    ['a binary that is none', () => writeFileSync(at.prebuild(), '<html>'), 'ERR_BINARY', /is not a shared library/],
    [
      'a binary that cannot be read',
      () => {
        const path = at.prebuild();
        if (process.getuid?.() !== 0) return chmodSync(path, 0);
        rmSync(path); // root may read everything but what leads nowhere
        symlinkSync(path, path);
      },
      'ERR_BINARY',
      /cannot be read: (EACCES|ELOOP)/,
    ],
    [
      'a binary without its loader',
      () => rmSync(join(dirname(at.prebuild()), 'loader.node')),
      'ERR_BINARY',
      /loader\.node cannot be read: ENOENT/,
    ],
    [
      'a libtorch that says another version than it is',
      () => {
        at.env.TORCH_CLIP_LIBTORCH = at.libtorch('there');
        writeFileSync(at.path('there/torch/version.py'), `__version__ = '${other}.0'`);
        at.prebuild(`torch${other}-${flavour}`);
      },
      'ERR_LIBTORCH_VERSION',
      /the libtorch in .* says that it is torch 2\.1\d\.0, but its library is \d\.\d+\.\d+/,
    ],
    [
      'a libtorch whose library is empty',
      () => {
        at.prebuild();
        at.env.TORCH_CLIP_LIBTORCH = at.wheel('hollow', real.version, { cuda: flavour !== 'cpu' });
      },
      'ERR_LIBTORCH',
      /libtorch in .*hollow\/torch cannot be loaded: .*lib(torch|c10)(_cpu)?\.so (cannot be read: ENOENT|is not a shared library)/,
    ],
    [
      'a libtorch with a truncated library',
      () => {
        at.prebuild();
        at.env.TORCH_CLIP_LIBTORCH = at.libtorch('cut', ['libc10.so']);
        truncateSync(at.path('cut/torch/lib/libc10.so'), 100_000);
      },
      'ERR_LIBTORCH',
      /libc10\.so is cut off: 100000 of \d+ bytes/,
    ],
    [
      'a libtorch that lacks a library',
      () => {
        at.prebuild();
        at.env.TORCH_CLIP_LIBTORCH = at.libtorch('lacking', ['libtorch.so']);
        rmSync(at.path('lacking/torch/lib/libc10.so'));
      },
      'ERR_LIBTORCH',
      /libtorch in .*lacking\/torch cannot be loaded: .*libc10\.so/,
    ],
    [
      'a binary that crashes',
      () => {
        at.env.TORCH_CLIP_LIBTORCH = at.libtorch('there');
        trap(at.prebuild());
      },
      'ERR_BINARY',
      /cannot be loaded: a process that tried it crashed \(SIG\w+\)/,
    ],
  ];
  describe('says what is wrong, and what fixes it:', () => {
    for (const [title, arrange, code, says] of cases) {
      it(title, async () => {
        arrange();
        const error = (await failure(() => at.load())) as unknown as TorchClipError;
        expect(error.name).to.equal('TorchClipError');
        expect(error.code).to.equal(code);
        expect(error.message).to.match(says);
      });
    }
  });
});
