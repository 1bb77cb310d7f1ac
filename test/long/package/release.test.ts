import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { releases } from '../../../lib/setup/libtorch.js';
import { needsOf } from '../../../scripts/lib/baseline.js';
import { missingFor, prebuilt } from '../../../scripts/lib/release.js';
import { Fixture, localBuild } from '../../setup/fixture.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('a release', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  const complete = { version: '1.2.3', repository: { url: 'git+https://host.example/someone/torch-clip.git' } };
  const cases: [string, object, Record<string, string>, string[], RegExp | undefined][] = [
    ['that is complete', complete, { GITHUB_REPOSITORY: 'someone/torch-clip' }, [], undefined],
    ['of the right tag', complete, { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v1.2.3' }, [], undefined],
    ['without a repository', { version: '1.2.3' }, {}, [], /^package\.json has no "repository"/],
    [
      'of another repository',
      complete,
      { GITHUB_REPOSITORY: 'other/torch-clip' },
      [],
      /and this is a run in other\/torch-clip$/,
    ],
    [
      'of another tag',
      complete,
      { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v1.3.0' },
      [],
      /^the tag is v1\.3\.0, and the version of package\.json is 1\.2\.3$/,
    ],
    [
      'whose binaries have not all arrived',
      complete,
      {},
      ['torch2.12-cu13.node', 'loader.node'],
      /linux-x64 lacks torch2\.12-cu13\.node, loader\.node$/,
    ],
  ];
  for (const [title, manifest, env, absent, says] of cases) {
    it(`${says ? 'is refused' : 'is packed'}: one ${title}`, () => {
      f.write('package.json', JSON.stringify(manifest));
      for (const name of prebuilt) if (!absent.includes(name)) f.write(`prebuilds/linux-x64/${name}`);
      const problems = missingFor(f.root, env);
      expect(problems).to.have.length(says ? 1 : 0);
      if (says) expect(problems[0]).to.match(says);
    });
  }

  it('has the binaries that the workflow builds', () => {
    const workflow = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');
    expect(workflow).to.include(
      `torch: [${Object.keys(releases)
        .map((minor) => `'${minor}'`)
        .join(', ')}]`,
    );
    expect(workflow).to.include('variant: [cpu, cu13]');
    expect(prebuilt).to.have.length(9);
  });

  const symbols: [string, string, string | RegExp][] = [
    [
      'of today',
      '(GLIBC_2.2.5) memcpy\n(GLIBC_2.34) x\n(GLIBCXX_3.4.9)\n(GLIBCXX_3.4.29)\n(CXXABI_1.3.9)',
      'needs GLIBC_2.34, GLIBCXX_3.4.29, CXXABI_1.3.9',
    ],
    ['without C++', '(GLIBC_2.17) x', 'needs GLIBC_2.17'],
    [
      'of a newer C library',
      '(GLIBC_2.4) x\n(GLIBC_2.38) y',
      /a\.node needs GLIBC_2\.38, and prebuilt binaries may need GLIBC_2\.34 at most/,
    ],
    ['of a newer C++ library', '(GLIBC_2.4) x\n(GLIBCXX_3.4.30) y', /needs GLIBCXX_3\.4\.30/],
    ['of a newer C++ ABI', '(GLIBC_2.4) x\n(CXXABI_1.3.14) y', /needs CXXABI_1\.3\.14/],
    [
      'that cannot be read',
      'objdump: a.node: file format not recognized',
      /shows no symbol of the C library in a\.node/,
    ],
  ];
  for (const [title, text, says] of symbols) {
    it(`judges what a binary needs: one ${title}`, () => {
      if (typeof says === 'string') expect(needsOf('a.node', text)).to.equal(says);
      else expect(() => needsOf('a.node', text)).to.throw(says);
    });
  }

  it('packs what is needed to build it, and not what only tests need', function () {
    this.timeout(120_000);
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', f.root];
    const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }));
    execFileSync('tar', ['xf', f.path(filename), '-C', f.root]);
    expect(existsSync(f.path('package/native/optim/cuda'))).to.equal(true);
    expect(existsSync(f.path('package/native/optim/cuda/emulation'))).to.equal(false);
    const headers = ['node-api-headers/include', 'node-addon-api'].map((path) => join(root, 'node_modules', path));
    const options = [`-DTORCH_CLIP_LIBTORCH=${localBuild().libtorch.root}`, `-DTORCH_CLIP_OUTPUT=${f.path('out')}`];
    execFileSync(
      'cmake',
      ['-S', f.path('package'), '-B', f.path('cmake'), ...options, `-DNODE_API_INCLUDE=${headers.join(';')}`],
      {
        stdio: 'pipe',
      },
    );
    expect(JSON.parse(readFileSync(f.path('out/torch_clip.json'), 'utf8'))).to.include({ torch: '2.13' });
  });
});
