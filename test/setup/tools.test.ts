import { expect } from 'chai';
import { checkTools } from '../../lib/setup/tools.js';
import { Fixture, failure } from './fixture.js';

describe('the tools of the native build', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  const cmake = (version: string) => f.program('cmake', `echo "cmake version ${version}"`);
  const check = (more = {}) => checkTools({ PATH: f.bin, ...more });

  it('is content with CMake 3.20, make and any compiler', async () => {
    cmake('3.20.0');
    f.program('make', '');
    f.program('clang++', '');
    await check();
    await check({ CXX: 'clang++ -stdlib=libc++' });
    await check({ CXX: f.path('bin/clang++') });
  });

  it('wants the CUDA compiler for a CUDA libtorch only', async () => {
    cmake('3.25.1');
    for (const name of ['make', 'g++']) f.program(name, '');
    await check();
    const cuda = (more = {}) => checkTools({ PATH: f.bin, CUDA_HOME: f.path('cuda'), ...more }, { cuda: true });
    expect(String(await failure(() => cuda()))).to.match(
      /CUDA compiler was not found[\s\S]*nvcc on the PATH[\s\S]*fix: {3}/,
    );
    await cuda({ CUDACXX: '/opt/nvcc' });
    f.write('toolkit/bin/nvcc');
    await cuda({ CUDA_HOME: f.path('toolkit') });
    f.program('nvcc', '');
    await cuda();
  });

  const missing: { it: string; arrange: () => object | undefined; says: RegExp }[] = [
    { it: 'CMake', arrange: () => undefined, says: /CMake was not found[\s\S]*fix: {3}.*install cmake/ },
    {
      it: 'a CMake that runs',
      arrange: () => {
        f.program('cmake', 'exit 127');
        return undefined;
      },
      says: /CMake was not found/,
    },
    {
      it: 'a CMake that is new enough',
      arrange: () => {
        cmake('3.16.3');
        return undefined;
      },
      says: /CMake 3\.16 is too old: 3\.20 or newer[\s\S]*fix: {3}pip install --upgrade cmake/,
    },
    {
      it: 'a build program',
      arrange: () => {
        cmake('4.1.2');
        return undefined;
      },
      says: /no build program was found[\s\S]*ninja and make/,
    },
    {
      it: 'a compiler',
      arrange: () => {
        cmake('4.1.2');
        f.program('ninja', '');
        return undefined;
      },
      says: /no C\+\+ compiler was found[\s\S]*c\+\+, g\+\+, clang\+\+ on the PATH[\s\S]*fix: {3}/,
    },
    {
      it: 'the compiler that CXX names',
      arrange: () => {
        cmake('4.1.2');
        f.program('ninja', '');
        f.program('g++', '');
        return { CXX: 'icpx' };
      },
      says: /no C\+\+ compiler was found[\s\S]*CXX=icpx/,
    },
  ];
  for (const { it: title, arrange, says } of missing) {
    it(`says what fixes a missing tool: ${title}`, async () => {
      const more = arrange();
      expect(String(await failure(() => check(more)))).to.match(says);
    });
  }
});
