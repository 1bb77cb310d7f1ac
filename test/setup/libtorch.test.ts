import { expect } from 'chai';
import { cacheRoot, findLibtorch, inspect, isSupported } from '../../lib/setup/libtorch.js';
import { Fixture, failure } from './fixture.js';

describe('finding libtorch', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  const env = (more: Record<string, string> = {}) => ({ PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache'), ...more });

  const situations: { it: string; arrange: () => Record<string, string>; root: string; version: string }[] = [
    {
      it: 'takes TORCH_CLIP_LIBTORCH before everything else',
      arrange: () => {
        f.wheel('other', '2.12.0');
        f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0+cpu');
        return { TORCH_CLIP_LIBTORCH: f.wheel('mine', '2.11.0'), LIBTORCH: f.path('other') };
      },
      root: 'mine/torch',
      version: '2.11.0',
    },
    {
      it: 'takes LIBTORCH, also where it names the site-packages folder',
      arrange: () => {
        f.wheel('site-packages', '2.14.1+cu130', { cuda: true });
        return { LIBTORCH: f.path('site-packages') };
      },
      root: 'site-packages/torch',
      version: '2.14.1',
    },
    {
      it: 'reads the version of an official archive',
      arrange: () => {
        f.write('zip/libtorch/lib/libtorch_cpu.so');
        f.write('zip/libtorch/build-version', '2.13.0+cpu\n');
        return { LIBTORCH: f.path('zip') };
      },
      root: 'zip/libtorch',
      version: '2.13.0',
    },
    {
      it: 'takes the reference version of the cache before a newer one',
      arrange: () => {
        f.wheel('cache/libtorch-2.14.1-cu13', '2.14.1', { cuda: true });
        f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0+cpu');
        return {};
      },
      root: 'cache/libtorch-2.13.0-cpu/torch',
      version: '2.13.0',
    },
    {
      it: 'takes the newest of the cache where the reference version is not there',
      arrange: () => {
        f.wheel('cache/libtorch-2.11.0-cpu', '2.11.0');
        f.wheel('cache/libtorch-2.12.1-cpu', '2.12.1');
        return {};
      },
      root: 'cache/libtorch-2.12.1-cpu/torch',
      version: '2.12.1',
    },
    {
      it: 'passes over what is damaged, half-filled or too old in the cache',
      arrange: () => {
        f.wheel('cache/libtorch-2.13.0-cpu', 'garbled');
        f.write('cache/libtorch-2.14.0-cpu/torch/version.py', "__version__ = '2.14.0'");
        f.wheel('cache/partial-4711', '2.13.0');
        f.wheel('cache/libtorch-2.10.0-cpu', '2.10.0');
        f.wheel('site', '2.12.0');
        f.python(f.path('site/torch'));
        return {};
      },
      root: 'site/torch',
      version: '2.12.0',
    },
    {
      it: "takes python3's torch where the cache is empty",
      arrange: () => {
        f.wheel('site', '2.13.0');
        f.python(f.path('site/torch'));
        return {};
      },
      root: 'site/torch',
      version: '2.13.0',
    },
  ];
  for (const { it: title, arrange, root, version } of situations) {
    it(title, () => {
      const found = findLibtorch({ env: env(arrange()) });
      expect(found).to.include({ root: f.path(root), version });
      expect(found.flavour).to.equal(version === '2.14.1' ? 'cu13' : 'cpu');
    });
  }

  const refusals: { it: string; arrange: () => Record<string, string>; code: string; says: RegExp }[] = [
    {
      it: 'nowhere at all',
      arrange: () => ({}),
      code: 'ERR_LIBTORCH_NOT_FOUND',
      says: /TORCH_CLIP_LIBTORCH: not set.*LIBTORCH: not set.*cache: no such folder.*python3: not on the PATH/,
    },
    {
      it: 'a python3 without torch',
      arrange: () => {
        f.python();
        return {};
      },
      code: 'ERR_LIBTORCH_NOT_FOUND',
      says: /python3: has no torch/,
    },
    {
      it: 'a python3 that does not run',
      arrange: () => {
        f.program('python3', 'exit 3');
        return {};
      },
      code: 'ERR_LIBTORCH_NOT_FOUND',
      says: /python3: does not run/,
    },
    {
      it: 'an environment variable that names nothing, whatever the cache holds',
      arrange: () => {
        f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
        return { TORCH_CLIP_LIBTORCH: f.path('nothing') };
      },
      code: 'ERR_LIBTORCH_NOT_FOUND',
      says: /TORCH_CLIP_LIBTORCH=.*nothing: there is no libtorch in it/,
    },
    {
      it: 'an environment variable that names an old version',
      arrange: () => ({ LIBTORCH: f.wheel('old', '2.4.1') }),
      code: 'ERR_LIBTORCH_VERSION',
      says: /LIBTORCH=.*old.*: torch 2\.4\.1 is not one of 2\.11 to 2\.14/,
    },
    {
      it: 'a version that is too new everywhere',
      arrange: () => {
        f.wheel('site', '2.15.0');
        f.python(f.path('site/torch'));
        return {};
      },
      code: 'ERR_LIBTORCH_VERSION',
      says: /python3's torch, .*: torch 2\.15\.0 is not one of/,
    },
  ];
  for (const { it: title, arrange, code, says } of refusals) {
    it(`refuses ${title}`, async () => {
      const more = arrange();
      const error = await failure(() => findLibtorch({ env: env(more) }));
      expect(error.code).to.equal(code);
      expect((error.tried as string[]).join(' ')).to.match(says);
    });
  }

  it('leaves what the caller does not accept, and says why', async () => {
    f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
    const error = await failure(() => findLibtorch({ env: env(), accept: ({ version }) => `not ${version}, please` }));
    expect(error.code).to.equal('ERR_LIBTORCH_VERSION');
    expect((error.tried as string[]).join()).to.include('not 2.13.0, please');
  });

  it('looks into extra folders before the cache', () => {
    f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
    const extra = [f.wheel('extra', '2.12.0')];
    expect(findLibtorch({ env: env(), extra }).version).to.equal('2.12.0');
  });

  it('keeps its cache where the environment says', () => {
    expect(cacheRoot({ TORCH_CLIP_CACHE: '/a', XDG_CACHE_HOME: '/b' })).to.equal('/a');
    expect(cacheRoot({ XDG_CACHE_HOME: '/b' })).to.equal('/b/torch-clip');
    expect(cacheRoot({})).to.match(/\.cache\/torch-clip$/);
  });

  it('supports 2.11 to 2.14', () => {
    const versions = ['1.13.1', '2.2.0', '2.10.9', '2.11.0', '2.14.9', '2.15.0', '3.12.0'];
    expect(versions.filter(isSupported)).to.deep.equal(['2.11.0', '2.14.9']);
  });

  it('does not take a folder without the library for a libtorch', () => {
    f.write('torch/version.py', "__version__ = '2.13.0'");
    expect(inspect(f.root)).to.equal(undefined);
  });
});
