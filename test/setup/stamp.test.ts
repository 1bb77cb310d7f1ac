import { expect } from 'chai';
import { phase } from '../../lib/setup/build-native.js';
import { digest, unlessStamped } from '../../lib/setup/stamp.js';
import { stale } from '../../scripts/lib/npm.mjs';
import { Fixture } from './fixture.js';

describe('what the set-up does again', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  it('makes an output when its key changes, when it is gone, and when it is told to', async () => {
    let made = 0;
    const make = async () => {
      made++;
      f.write('out');
    };
    const once = (key: string, force = false) =>
      unlessStamped({ stamp: f.path('stamps/out'), key, outputs: [f.path('out')], force }, make);
    expect([await once('a'), await once('a'), await once('b'), await once('b', true)]).to.deep.equal([
      true,
      false,
      true,
      true,
    ]);
    f.remove();
    expect(await once('b')).to.equal(true);
    expect(made).to.equal(4);
  });

  it('makes an output again after a failure', async () => {
    const once = (make: () => Promise<void>) =>
      unlessStamped({ stamp: f.path('stamp'), key: 'a', outputs: [] }, make).catch(() => 'failed');
    await once(async () => {});
    await unlessStamped({ stamp: f.path('stamp'), key: 'b', outputs: [] }, () => Promise.reject(new Error())).catch(
      () => {},
    );
    expect(await once(async () => {})).to.equal(true);
  });

  it('digests contents, names and words', () => {
    f.write('src/a', '1');
    const digests = [digest(f.root, ['src']), digest(f.root, ['src', 'missing'])];
    f.write('src/a', '2');
    digests.push(digest(f.root, ['src']));
    f.write('src/deep/b', '');
    digests.push(digest(f.root, ['src']), digest(f.root, ['src'], ['word']));
    expect(new Set(digests).size).to.equal(4);
    expect(digests[0]).to.equal(digests[1]);
  });

  describe('npm packages', () => {
    const lock = (packages: object) =>
      f.write('package-lock.json', JSON.stringify({ packages: { '': {}, ...packages } }));
    const installed = (packages: object) => f.write('node_modules/.package-lock.json', JSON.stringify({ packages }));

    it('are fresh where every version is there', () => {
      lock({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b-win32': { version: '1.0.0', optional: true } });
      installed({ 'node_modules/a': { version: '1.0.0' } });
      f.write('node_modules/a/package.json', '{}');
      expect(stale(f.root)).to.equal(undefined);
    });

    it('are stale where one is missing, another version, or deleted', () => {
      lock({ 'node_modules/a': { version: '1.0.0' } });
      expect(stale(f.root)).to.equal('node_modules/a');
      installed({ 'node_modules/a': { version: '0.9.0' } });
      f.write('node_modules/a/package.json', '{}');
      expect(stale(f.root)).to.equal('node_modules/a');
      installed({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } });
      lock({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } });
      expect(stale(f.root)).to.equal('node_modules/b');
    });
  });

  it('shows the progress of ninja and of make', () => {
    expect(phase('[10/40] Building CXX object x.o')).to.equal('[######..................] 25% 10 of 40');
    expect(phase('[ 50%] Building CXX object x.o')).to.equal('[############............] 50%');
    expect(phase('-- Configuring done')).to.equal(undefined);
  });
});
