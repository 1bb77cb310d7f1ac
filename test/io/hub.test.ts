import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import torch, { io } from '../../lib/index.js';
import { Fixture, failure } from '../setup/fixture.js';

const commit = 'a'.repeat(40);

/** As much of the hub as answers for one repository with one branch. */
class Hub {
  readonly server: Server;
  readonly asked: string[] = [];
  address = '';

  constructor(readonly files: Record<string, Buffer>) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.address = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, 'http://localhost');
    this.asked.push(`${request.method} ${pathname} ${request.headers.authorization ?? ''}`.trim());
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (pathname === '/api/models/some/private/paths-info/main') return void json(401, { error: 'Unauthorized' });
    if (pathname === '/api/models/some/repo/paths-info/main') {
      let body = '';
      for await (const part of request) body += part;
      const { paths } = JSON.parse(body) as { paths: string[] };
      const found = paths
        .filter((path) => path in this.files)
        .map((path) => ({
          path,
          type: 'file',
          oid: createHash('sha1').update(this.files[path]!).digest('hex'),
          size: this.files[path]!.length,
          lastCommit: { id: commit, title: 'a commit', date: '2024-01-01T00:00:00.000Z' },
        }));
      return void json(200, found);
    }
    const [, path] = /^\/some\/repo\/resolve\/main\/(.+)$/.exec(pathname) ?? [];
    const content = path === undefined ? undefined : this.files[path];
    if (content === undefined) return void json(404, { error: 'Not found' });
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const headers = { etag: `"${content.length}"`, 'content-type': 'application/octet-stream' };
    if (from === undefined) return void response.writeHead(200, headers).end(content);
    const part = content.subarray(Number(from), Number(to) + 1);
    response.writeHead(206, {
      ...headers,
      'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}`,
    });
    response.end(part);
  }
}

describe('io.hubDownload', () => {
  let f: Fixture;
  let hub: Hub;
  const write = console.debug;
  before(async () => {
    // The library says there what it fetches.
    console.debug = () => {};
    f = new Fixture();
    io.saveSafetensors({ x: torch.arange(5) }, f.path('model.safetensors'));
    hub = new Hub({
      'model.safetensors': readFileSync(f.path('model.safetensors')),
      'sub/config.json': Buffer.from('{}'),
    });
    await hub.start();
  });
  after(async () => {
    console.debug = write;
    await hub.stop();
    f.remove();
  });
  const options = () => ({ cacheDir: f.path('cache'), endpoint: `${hub.address}/` });

  it('fetches a file once, into the layout of Python’s cache', async () => {
    const path = await io.hubDownload('some/repo', 'model.safetensors', { ...options(), token: 'hf_secret' });
    expect(path).to.equal(f.path('cache', 'models--some--repo', 'snapshots', commit, 'model.safetensors'));
    expect(io.loadSafetensors(path).x!.tolist()).to.deep.equal([0, 1, 2, 3, 4]);
    expect(readFileSync(f.path('cache', 'models--some--repo', 'refs', 'main'), 'utf8')).to.equal(commit);
    expect(hub.asked.every((line) => line.endsWith('Bearer hf_secret'))).to.equal(true);
    hub.asked.length = 0;
    expect(await io.hubDownload('some/repo', 'model.safetensors', options())).to.equal(path);
    expect(hub.asked.filter((line) => line.includes('/resolve/'))).to.deep.equal([]);
    expect(await io.hubDownload('some/repo', 'sub/config.json', options())).to.match(/sub\/config\.json$/);
  });

  it('finds in the cache what it fetched where the hub is away, or may not be asked', async () => {
    const path = await io.hubDownload('some/repo', 'model.safetensors', options());
    const other = new Hub({});
    await other.start();
    await other.stop();
    const away = { ...options(), endpoint: other.address };
    expect(await io.hubDownload('some/repo', 'model.safetensors', away)).to.equal(path);
    hub.asked.length = 0;
    const offline = { ...options(), localFilesOnly: true };
    expect(await io.hubDownload('some/repo', 'model.safetensors', offline)).to.equal(path);
    expect(await io.hubDownload('some/repo', 'model.safetensors', { ...offline, revision: commit })).to.equal(path);
    expect(hub.asked).to.deep.equal([]);
    const error = await failure(() => io.hubDownload('some/repo', 'other.bin', offline));
    expect(error.message).to.equal(
      'some/repo/other.bin (main) is not in the cache, and the hub is not contacted in offline mode',
    );
    const never = await failure(() => io.hubDownload('some/repo', 'other.bin', away));
    expect(never.message).to.match(
      /^some\/repo\/other\.bin \(main\) cannot be fetched from the hub: the server cannot be reached \(\w+\)$/,
    );
  });

  it('says why in one sentence', async () => {
    const cases: [repo: string, path: string, says: RegExp][] = [
      ['some/repo', 'other.bin', /cannot be fetched from the hub: [^\n]+$/],
      ['some/nothing', 'x', /it is not there$/],
      ['some/private', 'x', /it is private or not there: set "token"$/],
    ];
    for (const [repo, path, says] of cases) {
      const error = await failure(() => io.hubDownload(repo, path, options()));
      expect(error.code).to.equal('ERR_FILE');
      expect(error.message).to.match(says);
    }
  });

  it('refuses names that lead elsewhere', async () => {
    const bad: [unknown, unknown, object?][] = [
      ['../x', 'a'],
      ['a/../b', 'a'],
      ['a/b/c', 'a'],
      [1, 'a'],
      ['a/b', '../a'],
      ['a/b', '/etc/passwd'],
      ['a/b', 'x/../../y'],
      ['a/b', ''],
      ['a/b', 'a\0b'],
      ['a/b', 'a', { revision: '../../x' }],
      ['a/b', 'a', { revision: '/x' }],
    ];
    for (const [repo, path, more] of bad) {
      const error = await failure(() => io.hubDownload(repo as string, path as string, { ...options(), ...more }));
      expect(error.code, `${repo} ${path}`).to.equal('ERR_ARGUMENT');
    }
  });
});
