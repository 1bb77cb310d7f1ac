// Stores, alone and between two clients.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { TorchClipError } from '../../lib/index.js';

const { FileStore, HashStore, PrefixStore, TCPStore } = torch.distributed;
type Store = InstanceType<typeof HashStore>;

async function rejectionOf(promise: Promise<unknown>): Promise<TorchClipError> {
  try {
    await promise;
  } catch (error) {
    expect(error).instanceOf(TorchClipError);
    return error as TorchClipError;
  }
  throw new Error('nothing was rejected');
}

describe('a store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-store-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const pairs: Record<string, () => Promise<[Store, Store]>> = {
    HashStore: async () => {
      const store = new HashStore();
      return [store, store];
    },
    PrefixStore: async () => {
      const store = new HashStore();
      return [new PrefixStore('a', store), new PrefixStore('a', store)];
    },
    TCPStore: async () => {
      const server = await TCPStore.connect('127.0.0.1', 0, { isServer: true, timeout: 20 });
      return [server, await TCPStore.connect('127.0.0.1', server.port, { timeout: 20 })];
    },
    FileStore: async () => {
      const path = join(folder, 'both');
      return [await FileStore.open(path), await FileStore.open(path)];
    },
  };

  for (const [name, make] of Object.entries(pairs)) {
    it(`is one for all who open it: ${name}`, async () => {
      const [first, second] = await make();
      const later = second.getText('late');
      await first.set('text', 'Grüße');
      await first.set('bytes', new Uint8Array([0, 255, 10]));
      expect(await second.getText('text')).equal('Grüße');
      expect([...(await second.get('bytes'))]).deep.equal([0, 255, 10]);
      expect(await first.add('count', 2)).equal(2);
      expect(await second.add('count', -5)).equal(-3);
      expect(await second.check(['text', 'bytes'])).equal(true);
      expect(await second.check(['text', 'nothing'])).equal(false);
      expect(new TextDecoder().decode(await first.compareSet('swap', '', 'a'))).equal('a');
      expect(new TextDecoder().decode(await second.compareSet('swap', 'b', 'c'))).equal('a');
      expect(new TextDecoder().decode(await second.compareSet('swap', 'a', 'c'))).equal('c');
      await second.wait(['text', 'swap']);
      // One waits while the other sets: it must not keep its own store from being used meanwhile.
      await second.set('also', '1');
      await first.set('late', 'here');
      expect(await later).equal('here');
      const swapped = second.getText('swapped');
      await first.compareSet('swapped', '', 'yes');
      expect(await swapped).equal('yes');
      expect(await first.numKeys()).least(5);
      const began = performance.now();
      const error = await rejectionOf(second.wait(['never'], 0.7));
      expect([error.code, error.message]).deep.equal([
        'ERR_TIMEOUT',
        'wait() of the store for the key "never" timed out after 700 ms: no process set the key, or the server does not answer',
      ]);
      expect(performance.now() - began).least(690);
    });
  }

  for (const name of ['HashStore', 'TCPStore', 'PrefixStore']) {
    it(`appends, deletes, and takes several keys at once: ${name}`, async () => {
      const [first, second] = await pairs[name]!();
      await first.append('log', 'a');
      await second.append('log', 'b');
      await first.multiSet(['x', 'y'], ['1', '2']);
      const values = await second.multiGet(['log', 'x', 'y']);
      expect(values.map((v) => new TextDecoder().decode(v))).deep.equal(['ab', '1', '2']);
      expect([await second.deleteKey('x'), await second.deleteKey('x'), await first.check(['x'])]).deep.equal([
        true,
        false,
        false,
      ]);
    });
  }

  it('says why a TCP store cannot be opened, and closes', async () => {
    const server = await TCPStore.connect('127.0.0.1', 0, { isServer: true });
    const taken = await rejectionOf(TCPStore.connect('127.0.0.1', server.port, { isServer: true, timeout: 5 }));
    expect([taken.code, taken.message]).deep.equal([
      'ERR_DISTRIBUTED',
      `the store's server on 127.0.0.1:${server.port} cannot listen on its port, because another program does`,
    ]);
    const { port } = server;
    server.close();
    const closed = await rejectionOf(server.set('a', 'b'));
    expect([closed.code, closed.message]).deep.equal(['ERR_STATE', 'the store is closed']);
    const began = performance.now();
    const nobody = await rejectionOf(TCPStore.connect('127.0.0.1', port, { timeout: 0.5 }));
    expect(nobody.code).equal('ERR_TIMEOUT');
    expect(performance.now() - began).below(1500);
  });

  it('says why a file cannot hold one', async () => {
    const path = join(folder, 'missing', 'store');
    const error = await rejectionOf(FileStore.open(path, { timeout: 1 }).then((store) => store.set('a', 'b')));
    expect(error.code).oneOf(['ERR_DISTRIBUTED', 'ERR_LIBTORCH', 'ERR_TIMEOUT']);
    expect(existsSync(path)).equal(false);
  });

  it('refuses arguments in a sentence, and does nothing', async () => {
    const store = new HashStore();
    const rows: [Promise<unknown>, string][] = [
      [store.set(1 as never, 'a'), '"name" must be a string, got 1'],
      [store.set('a', 1 as never), '"data" must be a string or a Uint8Array, got 1'],
      [store.add('a', 0.5), '"amount" must be an integer, got 0.5'],
      [store.wait(['a'], -1), '"timeout" must be a number > 0, got -1'],
      [store.multiSet(['a'], []), '"data" must be an array of 1, each a string or a Uint8Array, got []'],
      [TCPStore.connect('a', 70000), '"port" must be an integer from 0 to 65535, got 70000'],
      [TCPStore.connect(1 as never, 7), '"host" must be a string, got 1'],
      [TCPStore.connect('a', 7, { server: true } as never), 'unknown option "server" of TCPStore.connect'],
      [FileStore.open(null as never), '"path" must be a path or a file: URL, got null'],
      [FileStore.open('file:///tmp/a'), 'got the string "file:///tmp/a": pass new URL("file:///tmp/a")'],
      [FileStore.open(new URL('file://host/a')), '"path" must be a file: URL without a host, got the URL'],
    ];
    for (const [promise, message] of rows) expect((await rejectionOf(promise)).message).include(message);
    expect(() => new PrefixStore('a', {} as never)).throw('"underlying" must be a Store, got an object');
    expect(await store.numKeys()).equal(0);
  });
});
