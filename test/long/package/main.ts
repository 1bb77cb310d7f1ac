// npm run test:package: the packed package, as a user meets it. Takes minutes, and needs the registry and libtorch.
//   TORCH_CLIP_TEST_TARBALL=torch-clip.tgz  a package that is there, instead of one that is made here
//   TORCH_CLIP_TEST_FOR=2.13-cpu,2.12-cpu   the libtorchs to build prebuilt binaries for; else 2.13-cpu and what else the cache holds
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  cached,
  cacheRoots,
  findLibtorch,
  inspect,
  isSupported,
  type Libtorch,
  series,
} from '../../../lib/setup/libtorch.js';
import { programsOf } from '../../docs/pages.js';
import { Fixture } from '../../setup/fixture.js';
import { golden } from '../../support.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const npm = process.env.npm_execpath ?? execFileSync('which', ['npm'], { encoding: 'utf8' }).trim();
const tag = ({ version, flavour }: Libtorch) => `${series(version)}-${flavour}`;

/** What is tested for: the reference, and whatever else is at hand. */
function wanted(): string[] {
  const named = process.env.TORCH_CLIP_TEST_FOR?.split(',');
  const there = cacheRoots(root)
    .flatMap((cache) => cached(cache))
    .flatMap((folder) => inspect(folder) ?? []);
  return named ?? [...new Set(['2.13-cpu', ...there.filter(({ version }) => isSupported(version)).map(tag)])];
}

/** Node.js of a major version: this one, or the registry's, which is kept for the next time. */
function nodeOf(major: number): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(root, 'build', 'nodes', String(major));
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    execFileSync(process.execPath, [npm, 'install', '--prefix', folder, `${name}@${major}`], { stdio: 'pipe' });
  }
  return path;
}

/** The README's program, which is JavaScript as well. */
const firstScript = () => {
  const [program] = programsOf('README.md');
  expect(program!.text).to.include('optimizer.step()');
  return `${program!.text}\nconsole.log('loss', criterion.forward(model.forward(x), y).item());\n`;
};

describe('the packed package', function () {
  this.timeout(0);
  const f = new Fixture();
  const app = f.path('empty folder');
  const tags = wanted();
  let tarball: string;
  after(() => f.remove());

  const node = (path: string, args: string[], env: NodeJS.ProcessEnv) =>
    spawnSync(path, args, { cwd: app, env, encoding: 'utf8' });
  /** An environment with Node alone, and a home with nothing in it. */
  const bare = (nodePath: string): NodeJS.ProcessEnv => {
    rmSync(join(f.bin, 'node'), { force: true });
    symlinkSync(nodePath, join(f.bin, 'node'));
    return { PATH: f.bin, HOME: f.path('home') };
  };
  const libtorchOf = (name: string) =>
    findLibtorch({ accept: (found) => (tag(found) === name ? undefined : 'another') });

  const pack = () => {
    for (const name of tags) {
      const [minor, flavour] = name.split('-') as [string, string];
      execFileSync(process.execPath, [npm, 'run', 'prebuild', '--', '--torch', minor, '--variant', flavour], {
        cwd: root,
        stdio: 'inherit',
      });
    }
    const args = [npm, 'pack', '--json', '--ignore-scripts', '--pack-destination', f.root];
    const [{ filename }] = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }));
    return f.path(filename);
  };

  before('pack and install', () => {
    tarball = process.env.TORCH_CLIP_TEST_TARBALL ? resolve(root, process.env.TORCH_CLIP_TEST_TARBALL) : pack();
    f.write('empty folder/package.json', '{ "type": "module" }');
    const env = { ...process.env, PATH: bare(process.execPath).PATH };
    execFileSync(process.execPath, [npm, 'install', '--ignore-scripts', tarball], { cwd: app, env, stdio: 'pipe' });
    f.write('empty folder/first.js', firstScript());
  });

  it('holds what is needed to use it and to build it, and nothing else', () => {
    const packed = join(app, 'node_modules/torch-clip');
    expect(readdirSync(packed).sort()).to.deep.equal(
      ['CMakeLists.txt', 'LICENSE', 'README.md', 'dist', 'native', 'package.json', 'prebuilds'].sort(),
    );
    const files = readdirSync(packed, { recursive: true, encoding: 'utf8' });
    expect(
      files.filter((name) => name.startsWith('dist/') && /\.\w+$/.test(name) && !/\.(js|d\.ts)$/.test(name)),
    ).to.deep.equal(['dist/index.cjs', 'dist/index.d.cts']);
    expect(files).to.include.members(['dist/index.js', 'dist/index.d.ts', 'native/addon.cc']);
    const folder = `prebuilds/${process.platform}-${process.arch}`;
    expect(files).to.include.members([`${folder}/loader.node`, ...tags.map((name) => `${folder}/torch${name}.node`)]);
  });

  it('satisfies publint and attw', () => {
    const publint = spawnSync(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), tarball, '--strict'], {
      encoding: 'utf8',
    });
    expect(publint.stdout).to.include('All good');
    expect(publint.status).to.equal(0);
    // Every supported Node.js loads an ES module by require().
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const checked = spawnSync(process.execPath, [attw, tarball, '--profile', 'esm-only'], { encoding: 'utf8' });
    expect(checked.status, checked.stdout).to.equal(0);
  });

  describe("trains the README's first script with Node alone on the PATH", () => {
    for (const name of tags) {
      const losses = new Set<string>();
      for (const major of [20, 22, 24, 26]) {
        it(`Node.js ${major}, torch ${name}`, () => {
          const path = nodeOf(major);
          const env = { ...bare(path), TORCH_CLIP_LIBTORCH: libtorchOf(name).root };
          const { stdout, stderr, status } = node(path, ['first.js'], env);
          expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
          expect(stdout).to.match(/^true\nloss 0\.\d+\n$/);
          losses.add(stdout);
          expect(losses.size).to.equal(1);
        });
      }
    }
  });

  describe('with the packages that some functions need', () => {
    const results = () => {
      const env = { ...bare(process.execPath), TORCH_CLIP_LIBTORCH: libtorchOf(tags[0]!).root };
      const { stdout, stderr } = node(process.execPath, ['peers.mjs', f.path('files')], env);
      expect(stderr).to.equal('');
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    /** The oldest version of a package in a range. */
    const oldest = (name: string, range: string) => {
      const found = execFileSync(process.execPath, [npm, 'view', `${name}@${range}`, 'version', '--json']);
      const versions = ([JSON.parse(String(found))].flat() as string[]).filter((version) => /^[\d.]+$/.test(version));
      return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))[0]!;
    };
    const install = (names: readonly string[]) => {
      const env = { ...process.env, PATH: bare(process.execPath).PATH };
      execFileSync(process.execPath, [npm, 'install', '--ignore-scripts', ...names], { cwd: app, env, stdio: 'pipe' });
    };
    const given = {
      'hyparquet parquet': 10,
      'hyparquet-compressors parquet': true,
      '@uwdata/flechette arrow': 10,
      'csv-parse csv': '1',
      'tar-stream tar': 'one',
      'sharp image': [3, 2, 3],
      '@huggingface/tokenizers tokens': true,
      '@huggingface/gguf gguf': true,
    };

    before(() => {
      const base64 = (text: string) => Buffer.from(text, 'base64');
      const tables = golden<{
        parquet: Record<string, string>;
        arrow: Record<string, string>;
        tokens: { tokenizer: object };
      }>('tables');
      f.write('files/plain.parquet', base64(tables.parquet.SNAPPY!));
      f.write('files/gzip.parquet', base64(tables.parquet.GZIP!));
      f.write('files/rows.arrow', base64(tables.arrow.file!));
      f.write('files/rows.csv', 'a,b\n1,2\n');
      f.write('files/one.txt', 'text');
      execFileSync('tar', ['-cf', 'rows.tar', 'one.txt'], { cwd: f.path('files') });
      f.write('files/tokenizer.json', JSON.stringify(tables.tokens.tokenizer));
      f.write('files/model.gguf', base64(golden<{ file: string }>('gguf').file));
      f.write('empty folder/peers.mjs', readFileSync(new URL('./peers.mjs', import.meta.url)));
    });

    it('names each that is missing in one sentence', () => {
      for (const [what, said] of Object.entries(results())) {
        const name = what.startsWith('hyparquet') ? 'hyparquet' : what.split(' ')[0]!;
        expect(said, what).to.match(/^ERR_PACKAGE_NOT_FOUND: [^\n]+ which is not installed: npm install \S+$/);
        expect(said, what).to.include(`npm install ${name}`);
      }
    });

    it('reads files with the oldest versions that it accepts, and with those that it is made with', () => {
      const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
        peerDependencies: Record<string, string>;
        devDependencies: Record<string, string>;
      };
      install(['hyparquet']);
      expect(results()['hyparquet-compressors parquet']).to.match(/ needs the package hyparquet-compressors, /);
      for (const version of [oldest, (name: string) => devDependencies[name]]) {
        install(Object.entries(peerDependencies).map(([name, range]) => `${name}@${version(name, range)}`));
        const { '@huggingface/hub hub': hub, ...others } = results();
        expect(others).to.deep.equal(given);
        // Nothing is in the cache, and no hub was asked.
        expect(hub).to.match(/^ERR_FILE: /);
      }
    });
  });

  it('says by its doctor that it works', () => {
    const env = { ...bare(process.execPath), TORCH_CLIP_LIBTORCH: libtorchOf(tags[0]!).root };
    const { status, stdout } = spawnSync(join(app, 'node_modules/.bin/torch-clip'), ['doctor'], {
      env,
      encoding: 'utf8',
    });
    expect(stdout)
      .to.include(`a prebuilt binary, made for torch ${tags[0]!.split('-')[0]}`)
      .and.include('It works.');
    expect(status).to.equal(0);
  });

  // The last one, as it takes the prebuilt binaries away; mocha runs what stands in a suite of its own later.
  describe('without a binary', () => {
    it('is built from its sources, and the build is what is loaded', () => {
      const env = { ...process.env, TORCH_CLIP_LIBTORCH: libtorchOf(tags[0]!).root };
      rmSync(join(app, 'node_modules/torch-clip/prebuilds'), { recursive: true });
      const missing = node(process.execPath, ['first.js'], env);
      expect(missing.stderr)
        .to.match(/ERR_BINARY_NOT_FOUND/)
        .and.match(/run "npx torch-clip build"/);
      const path = `${join(app, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
      const built = spawnSync('torch-clip', ['build'], { cwd: app, env: { ...env, PATH: path }, encoding: 'utf8' });
      expect(built.stdout + built.stderr).to.match(/build\/Release\/torch_clip\.node is built for torch 2\.\d+\.\d+/);
      const { stdout } = node(process.execPath, ['first.js'], env);
      expect(stdout).to.match(/^true\nloss 0\.\d+\n$/);
    });
  });
});
