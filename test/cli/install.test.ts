import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { listCache, removeFromCache } from '../../lib/cli/cache.js';
import { openPartial } from '../../lib/setup/cache.js';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { inspect } from '../../lib/setup/libtorch.js';
import { host, isAlive } from '../../lib/setup/owner.js';
import { Fixture, failure } from '../setup/fixture.js';
import { quiet } from '../setup/quiet.js';
import { torchClip } from './run.js';

/** What an action prints. */
async function printed(action: () => Promise<void>): Promise<string> {
  const log = console.log;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    await action();
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}

describe('torch-clip install', () => {
  let f: Fixture;
  let server: Server | undefined;
  quiet();
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    f.remove();
  });

  const env = (more: Record<string, string> = {}) => ({
    PATH: `${f.bin}:/usr/bin:/bin`,
    TORCH_CLIP_CACHE: f.path('cache'),
    TORCH_CLIP_MIRROR: 'http://127.0.0.1:9',
    ...more,
  });
  const cache = () => readdirSync(f.path('cache')).sort();
  const install = (...args: string[]) => torchClip(['install', ...args], env()).ended;

  /** A pip that writes a wheel in three steps, and runs a line of shell before, between and after them. */
  const pip = (before = '', between = '', after = '') =>
    f.program(
      'python3',
      `${before}
mkdir -p "$5/torch/lib" "$5/torch/include" && cp /bin/sh "$5/torch/lib/libtorch_cpu.so"
${between}
echo "__version__ = '2.13.0+cpu'" > "$5/torch/version.py"
${after}`,
    );

  describe('that was killed is completed by the next one:', () => {
    const kill = 'kill -9 $PPID; exit 1';
    const points: [string, Parameters<typeof pip>][] = [
      ['before anything came', [kill]],
      ['when half had come', ['', kill]],
      ['when everything had come, and nothing had its name yet', ['', '', kill]],
    ];
    for (const [title, lines] of points) {
      it(title, async () => {
        pip(...lines);
        const { signal } = await install();
        expect(signal).to.equal('SIGKILL');
        expect(cache())
          .to.have.length(1)
          .and.satisfy(([name]: string[]) => /^partial-.*-2\.13\.0-cpu$/.test(name!));
        pip();
        const { status, stdout } = await install();
        expect({ status, stdout }).to.deep.include({ status: 0 });
        expect(stdout).to.match(/libtorch 2\.13\.0 \(cpu\) is now in .*libtorch-2\.13\.0-cpu\/torch\n/);
        expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
      });
    }
  });

  it('that is stopped stops pip, too', async () => {
    f.program('python3', `echo $$ > ${f.path('pid')}; kill -TERM $PPID; exec sleep 60`);
    const { status } = await install();
    expect(status).to.equal(143);
    const pid = Number(readFileSync(f.path('pid'), 'utf8'));
    // It ends on its own time; without the signal it would outlive this test's.
    while (isAlive(pid)) await new Promise(setImmediate);
  });

  it('leaves another one alone that runs at the same time', async () => {
    // Each waits until both have begun; one finds what a pip whose installation was killed writes meanwhile.
    pip(
      '',
      `: > ${f.path('bin')}/began-$$; mkdir -p ${f.path('cache')}/partial-${host}-${spawnSync('true').pid}-2.13.0-cpu/torch; i=0; while [ $(ls ${f.path('bin')} | grep -c began) -lt 2 ] && [ $i -lt 2000 ]; do i=$((i+1)); done`,
    );
    const both = await Promise.all([install(), install()]);
    expect(both.map(({ status }) => status)).to.deep.equal([0, 0]);
    expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
    expect(inspect(f.path('cache/libtorch-2.13.0-cpu'))).to.include({ version: '2.13.0' });
  });

  it('does nothing where a whole libtorch is there, and fetches a damaged one again', async () => {
    pip();
    await install();
    f.program('python3', 'exit 1');
    const again = await install();
    expect({ status: again.status, stderr: again.stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(again.stdout).to.include('is already in');
    f.write('cache/libtorch-2.13.0-cpu/torch/lib/libc10.so');
    pip();
    const repaired = await install();
    expect(repaired.stdout).to.match(/libc10\.so is not a shared library: fetching it again[\s\S]*is now in/);
    expect(existsSync(f.path('cache/libtorch-2.13.0-cpu/torch/lib/libc10.so'))).to.equal(false);
    expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
  });

  describe('from the official archive', () => {
    const requests: IncomingMessage[] = [];
    const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
      requests.length = 0;
      server = createServer((request, response) => {
        requests.push(request);
        answer(request, response);
      });
      await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
      return { TORCH_CLIP_MIRROR: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    };
    const archive = () => {
      f.write('libtorch/lib/libtorch_cpu.so', randomBytes(300_000));
      f.write('libtorch/build-version', '2.13.0+cpu');
      execFileSync('cmake', ['-E', 'tar', 'cf', f.path('archive.zip'), '--format=zip', 'libtorch'], { cwd: f.root });
      return readFileSync(f.path('archive.zip'));
    };
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const fromZip = (more: Record<string, string>) => torchClip(['install', '--from', 'zip'], env(more));

    /** Acts as soon as this much of the download has reached the disk. */
    const whenOnDisk = (bytes: number, action: () => void) => {
      const timer = setInterval(() => {
        const [partial] = existsSync(f.path('cache')) ? cache() : [];
        const file = f.path('cache', partial ?? '-', 'download/libtorch.zip');
        if (!existsSync(file) || statSync(file).size < bytes) return;
        clearInterval(timer);
        action();
      }, 5);
    };

    it('goes on where an interrupted download stopped', async () => {
      const zip = archive();
      const half = zip.length >> 1;
      let victim = 0;
      const mirror = await serve((request, response) => {
        const headers = { etag: '"v1"', 'x-amz-meta-checksum-sha256': sha256(zip) };
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? -1);
        if (start >= 0) {
          const part = zip.subarray(start);
          response.writeHead(206, { ...headers, 'content-length': part.length }).end(part);
          return;
        }
        response.writeHead(200, { ...headers, 'content-length': zip.length }).write(zip.subarray(0, half));
        whenOnDisk(half, () => process.kill(victim, 'SIGKILL'));
      });
      const first = fromZip(mirror);
      victim = first.pid;
      expect((await first.ended).signal).to.equal('SIGKILL');
      expect((await fromZip(mirror).ended).status).to.equal(0);
      expect(requests.map(({ url, headers }) => [url, headers.range, headers['if-range']])).to.deep.equal([
        ['/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip', undefined, undefined],
        ['/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip', `bytes=${half}-`, '"v1"'],
      ]);
      expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
    });

    it('goes on after a connection that breaks off', async () => {
      const zip = archive();
      const third = Math.ceil(zip.length / 3);
      const mirror = await serve((request, response) => {
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const headers = { etag: '"v1"', 'content-length': zip.length - start };
        response.writeHead(start > 0 ? 206 : 200, headers);
        const end = start + third;
        if (end >= zip.length) response.end(zip.subarray(start));
        else {
          response.write(zip.subarray(start, end));
          whenOnDisk(end, () => response.destroy());
        }
      });
      await fetchLibtorch({ from: 'zip', env: env(mirror) });
      expect(requests.map(({ headers }) => headers.range)).to.deep.equal([
        undefined,
        `bytes=${third}-`,
        `bytes=${2 * third}-`,
      ]);
      expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
    });

    it('does not download again what was killed while it was unpacked', async () => {
      const zip = archive();
      const dead = spawnSync('true').pid;
      const left = `cache/partial-${host}-${dead}-2.13.0-cpu`;
      f.write(`${left}/torch/lib/libtorch_cpu.so`, 'half');
      mkdirSync(f.path(left, 'download'));
      writeFileSync(f.path(left, 'download/libtorch.zip'), zip);
      f.write(`${left}/download/libtorch.zip.etag`, '"v1"');
      const mirror = await serve((_request, response) => {
        response.writeHead(416, { 'content-range': `bytes */${zip.length}` }).end();
      });
      // What was announced then is still checked.
      f.write(`${left}/download/libtorch.zip.sha256`, sha256(zip));
      expect((await fromZip(mirror).ended).status).to.equal(0);
      expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
      expect(readFileSync(f.path('cache/libtorch-2.13.0-cpu/torch/lib/libtorch_cpu.so')).length).to.equal(300_000);
    });

    it('does not unpack a whole download whose hash is not the one that was announced', async () => {
      const zip = archive();
      const left = `cache/partial-${host}-${spawnSync('true').pid}-2.13.0-cpu/download`;
      f.write(`${left}/libtorch.zip`, zip);
      f.write(`${left}/libtorch.zip.etag`, '"v1"');
      f.write(`${left}/libtorch.zip.sha256`, sha256(Buffer.from('other')));
      const mirror = await serve((_request, response) => {
        response.writeHead(416, { 'content-range': `bytes */${zip.length}` }).end();
      });
      const { status, stderr } = await fromZip(mirror).ended;
      expect(status).to.equal(1);
      expect(stderr).to.match(/its SHA-256 is [0-9a-f]{64}, but the server announced [0-9a-f]{64}/);
      expect(cache()).to.deep.equal([]);
    });

    const refusals: [string, (zip: Buffer) => [number, Record<string, string | number>, Buffer], RegExp][] = [
      [
        'whose hash is not the one that was announced',
        (zip) => [200, { 'x-amz-meta-checksum-sha256': sha256(Buffer.from('other')) }, zip],
        /its SHA-256 is [0-9a-f]{64}, but the server announced [0-9a-f]{64}/,
      ],
      [
        'with a damaged file in it',
        (zip) => {
          const damaged = Buffer.from(zip);
          const at = damaged.indexOf('libtorch_cpu.so') + 200; // in its compressed bytes
          damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at);
          return [200, {}, damaged];
        },
        /it cannot be unpacked: /,
      ],
      ['that is not there', (zip) => [404, {}, zip.subarray(0, 0)], /answered 404/],
    ];
    for (const [title, answer, says] of refusals) {
      it(`refuses one ${title}`, async () => {
        const [status, headers, body] = answer(archive());
        const mirror = await serve((_request, response) => response.writeHead(status, headers).end(body));
        const error = await failure(() => fetchLibtorch({ from: 'zip', env: env(mirror) }));
        expect(String(error)).to.match(says);
        expect(cache()).to.deep.equal([]);
      });
    }

    it('reads an archive or a wheel on disk, and a folder, without the network', async () => {
      archive();
      const local = (version: string, from: string) => fetchLibtorch({ version, from, offline: true, env: env() });
      expect(await local('2.13.0', f.path('archive.zip'))).to.include({ version: '2.13.0', flavour: 'cpu' });
      f.wheel('site', '2.12.1+cpu');
      expect(await local('2.12.1', f.path('site'))).to.include({ version: '2.12.1', flavour: 'cpu' });
      expect(cache()).to.deep.equal(['libtorch-2.12.1-cpu', 'libtorch-2.13.0-cpu']);
      const error = await failure(() => local('2.11.0', f.path('nowhere')));
      expect(String(error)).to.match(
        /--from .*nowhere: no such file or folder\n {2}fix: {3}correct --from: pip, zip, or /,
      );
    });
  });

  describe('from a place on disk', () => {
    const from = (...args: string[]) => install('--from', ...args);

    it('takes the place of the same version in the cache', async () => {
      f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
      f.wheel('site', '2.13.0+cpu');
      f.write('site/torch/mark');
      expect((await from(f.path('site'))).stdout).to.include('libtorch 2.13.0 (cpu) is now in');
      expect(existsSync(f.path('cache/libtorch-2.13.0-cpu/torch/mark'))).to.equal(true);
      expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu']);
    });

    it('leaves the cache alone when it is the cache', async () => {
      f.write('cache/libtorch-2.13.0-cpu/torch/include/x.h');
      f.write('cache/libtorch-2.13.0-cpu/torch/version.py', "__version__ = '2.13.0'");
      copyFileSync('/bin/sh', f.write('cache/libtorch-2.13.0-cpu/torch/lib/libtorch_cpu.so'));
      expect((await from(f.path('cache/libtorch-2.13.0-cpu'))).stdout).to.include('is already in');
    });

    it('is stored as what it is, and the hint builds for that', async () => {
      f.wheel('site', '2.12.1+cpu');
      const { stdout } = await from(f.path('site'));
      expect(stdout)
        .to.include('libtorch 2.12.1 (cpu) is now in')
        .and.include('There is no binary for it yet: npx torch-clip build cpu --torch 2.12\n');
      expect(cache()).to.deep.equal(['libtorch-2.12.1-cpu']);
    });

    const refused: [string, () => string[], RegExp][] = [
      [
        'a folder with an unsupported version',
        () => [f.wheel('old', '2.5.0')],
        /old\/torch: torch 2\.5\.0 \(cpu\) is not supported\n {2}fix: {3}one of 2\.11\.0, /,
      ],
      [
        'another version than the one that was asked for',
        () => [f.wheel('site', '2.12.1'), '--torch', '2.13'],
        /it holds torch 2\.12\.1, and 2\.13 was asked for\n {2}fix: {3}correct --from, or --torch/,
      ],
      [
        'another variant than the one that was asked for',
        () => [f.wheel('site', '2.13.0+cu130', { cuda: true }), 'cpu'],
        /it is a build for cu130, and cpu was asked for/,
      ],
      [
        'an archive with an unsupported version',
        () => {
          f.write('libtorch/lib/libtorch_cpu.so');
          f.write('libtorch/build-version', '2.5.0+cpu');
          execFileSync('cmake', ['-E', 'tar', 'cf', f.path('old.zip'), '--format=zip', 'libtorch'], { cwd: f.root });
          return [f.path('old.zip')];
        },
        /old\.zip: torch 2\.5\.0 \(cpu\) is not supported/,
      ],
      ['a file that is not an archive', () => [f.write('x.whl', 'no')], /x\.whl: it cannot be unpacked: /],
      ['a folder without a libtorch', () => [f.root], /there is no libtorch in it/],
      [
        'a misspelt source',
        () => ['pypi'],
        /--from pypi: no such file or folder\n {2}fix: {3}correct --from: pip, zip, or /,
      ],
    ];
    for (const [title, args, says] of refused) {
      it(`refuses ${title}`, async () => {
        const { status, stderr } = await from(...args());
        expect(status).to.equal(1);
        expect(stderr).to.match(says);
        expect(existsSync(f.path('cache'))).to.equal(false);
      });
    }
  });

  it('takes an empty TORCH_CLIP_CACHE for none, and says so where a cache cannot be made', async () => {
    f.wheel('site', '2.13.0');
    const at = (cachePath: string) =>
      torchClip(
        ['install', '--from', f.path('site')],
        env({ TORCH_CLIP_CACHE: cachePath, XDG_CACHE_HOME: f.path('xdg') }),
      );
    expect((await at('').ended).stdout).to.include(f.path('xdg/torch-clip/libtorch-2.13.0-cpu'));
    if (process.platform !== 'linux') return;
    expect((await at('/proc/x').ended).stderr).to.match(
      /the cache folder \/proc\/x cannot be created: ENOENT\n {2}fix: {3}set TORCH/,
    );
  });

  it('asks pip for nothing from the network when offline', async () => {
    f.program('python3', `echo "$@" > ${f.path('called')}; exit 1`);
    const error = await failure(() => fetchLibtorch({ offline: true, env: env() }));
    expect(readFileSync(f.path('called'), 'utf8')).to.include('--no-index');
    expect(String(error)).to.include('the official archive: skipped: offline');
  });

  it('lists the cache and deletes from it', async () => {
    f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
    f.wheel('cache/libtorch-2.10.0-cpu', '2.10.0');
    f.write(`cache/partial-elsewhere-7-2.13.0-cpu/download/libtorch.zip`);
    f.write('cache/precious');
    const folder = { cache: f.path('cache') };
    const list = await printed(() => listCache(folder));
    expect(list).to.match(/libtorch-2\.10\.0-cpu +0 MB {2}not supported by this version\n/);
    expect(list).to.match(
      /libtorch-2\.13\.0-cpu +0 MB\n +partial-elsewhere-7-2\.13\.0-cpu +0 MB {2}being fetched, or left within a day by another machine$/,
    );
    const { entries } = JSON.parse(await printed(() => listCache({ ...folder, json: true })));
    expect(entries).to.have.length(3);
    const unknown = await failure(() => removeFromCache(['libtorch-1.0.0-cpu'], folder));
    expect(unknown.message).to.include('holds no libtorch-1.0.0-cpu');
    expect((await failure(() => removeFromCache([], folder))).message).to.equal('no name was given');
    await printed(() => removeFromCache(['libtorch-2.10.0-cpu'], folder));
    expect(cache()).to.deep.equal(['libtorch-2.13.0-cpu', 'partial-elsewhere-7-2.13.0-cpu', 'precious']);
    const all = await printed(() => removeFromCache([], { ...folder, all: true }));
    expect(all).to.include('partial-elsewhere-7-2.13.0-cpu is kept: a process is filling it');
    expect(cache()).to.deep.equal(['partial-elsewhere-7-2.13.0-cpu', 'precious']);
    await printed(() => removeFromCache([], { ...folder, partial: true, force: true }));
    expect(cache()).to.deep.equal(['precious']);
  });

  it("takes over what another machine has left for a day, and deletes the trials' marks with the rest", async () => {
    const left = dirname(f.write('cache/partial-elsewhere-7-2.13.0-cpu/download/libtorch.zip'));
    for (const path of [join(left, 'libtorch.zip'), left, dirname(left)]) utimesSync(path, 1, 1);
    f.write('cache/checked/0123');
    expect(await printed(() => listCache({ cache: f.path('cache') }))).to.include('interrupted; the next');
    const taken = openPartial(f.path('cache'), '2.13.0-cpu');
    expect(taken).to.include(`partial-${host}-${process.pid}`);
    expect(existsSync(join(taken, 'download/libtorch.zip'))).to.equal(true);
    await printed(() => removeFromCache([], { cache: f.path('cache'), all: true, force: true }));
    expect(cache()).to.deep.equal([]);
  });
});
