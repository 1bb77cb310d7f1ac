import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { inspect } from '../../lib/setup/libtorch.js';
import { downloadOf, size, state } from '../../lib/setup/pip.js';
import { Fixture, failure } from './fixture.js';
import { quiet } from './quiet.js';

const nowhere = 'http://127.0.0.1:9';

describe('fetching libtorch', () => {
  let f: Fixture;
  let server: Server | undefined;
  quiet();
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => {
    server?.close();
    server = undefined;
    f.remove();
  });

  // A pip that fills its --target, with the few system tools that the scripts of these tests call.
  const env = (site: string) => ({
    PATH: `${f.bin}:/usr/bin:/bin`,
    TORCH_CLIP_CACHE: f.path('cache'),
    TORCH_CLIP_MIRROR: site,
  });
  const lonely = (site: string) => ({ ...env(site), PATH: f.bin });
  const pip = (version: string, condition = 'true') =>
    f.program(
      'python3',
      `${condition} || { echo "ERROR: No matching distribution found for $6"; exit 1; }
mkdir -p "$5/torch/lib" && : > "$5/torch/lib/libtorch_cpu.so" && echo "__version__ = '${version}'" > "$5/torch/version.py"
echo "$@" > "${f.path('called')}"; echo "$TMPDIR" >> "${f.path('called')}"`,
    );
  const serve = async (answer: Buffer | number) => {
    server = createServer((_request, response) => {
      if (typeof answer === 'number') response.writeHead(answer).end();
      else response.writeHead(200, { 'content-length': answer.length }).end(answer);
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const archive = () => {
    f.write('libtorch/lib/libtorch_cpu.so');
    f.write('libtorch/build-version', '2.13.0+cpu');
    execFileSync('cmake', ['-E', 'tar', 'cf', f.path('archive.zip'), '--format=zip', 'libtorch'], { cwd: f.root });
    return readFileSync(f.path('archive.zip'));
  };

  it("asks pip for the CPU build and keeps the wheel's layout, with its temporary files beside the cache", async () => {
    pip('2.13.0+cpu');
    await fetchLibtorch({ env: env(nowhere) });
    expect(readdirSync(f.path('cache'))).to.deep.equal(['libtorch-2.13.0-cpu']);
    expect(inspect(f.path('cache/libtorch-2.13.0-cpu'))).to.include({ version: '2.13.0', flavour: 'cpu' });
    const called = readFileSync(f.path('called'), 'utf8');
    expect(called).to.match(/-m pip install --target .*partial-\S+ torch==2\.13\.0\+cpu\n.*cache\/partial-\S+\/tmp\n/);
  });

  it('takes the official archive where pip has no CPU build', async () => {
    pip('2.13.0', 'test "$6" = torch==2.13.0');
    await fetchLibtorch({ env: env(await serve(archive())) });
    expect(readdirSync(f.path('cache'))).to.deep.equal(['libtorch-2.13.0-cpu']);
    expect(readdirSync(f.path('cache/libtorch-2.13.0-cpu'))).to.deep.equal(['torch']);
    expect(existsSync(f.path('called'))).to.equal(false);
  });

  it("takes pip's plain version where the archive cannot be had", async () => {
    pip('2.13.0', 'test "$6" = torch==2.13.0');
    await fetchLibtorch({ env: env(await serve(404)) });
    expect(inspect(f.path('cache/libtorch-2.13.0-cpu'))).to.include({ version: '2.13.0' });
  });

  it("never takes pip's plain version where that is forbidden, nor another version than was asked for", async () => {
    pip('2.13.0', 'test "$6" = torch==2.13.0');
    const error = await failure(() => fetchLibtorch({ tagged: true, env: env(nowhere) }));
    expect(String(error)).to.match(
      /tried: pip, torch==2\.13\.0\+cpu: [^\n]*\n {2}tried: the official archive: [^\n]*\n {2}fix/,
    );
    expect(existsSync(f.path('called'))).to.equal(false);
    pip('2.12.0');
    const other = await failure(() => fetchLibtorch({ from: 'pip', env: env(nowhere) }));
    expect(String(other)).to.include('torch==2.13.0+cpu: the download is torch 2.12.0');
    expect(String(other)).to.match(
      /fix: {3}pip install --target \S+-cpu --index-url https:\S+\/whl\/cpu torch==2\.13\.0,/,
    );
  });

  it('leaves a libtorch that another set-up has put there meanwhile', async () => {
    pip('2.13.0+cpu');
    f.wheel('cache/libtorch-2.13.0-cpu', '2.13.0');
    f.write('cache/libtorch-2.13.0-cpu/mark');
    await fetchLibtorch({ env: env(nowhere) });
    expect(readdirSync(f.path('cache'))).to.deep.equal(['libtorch-2.13.0-cpu']);
    expect(existsSync(f.path('cache/libtorch-2.13.0-cpu/mark'))).to.equal(true);
  });

  it('replaces one that is damaged', async () => {
    pip('2.13.0+cpu');
    f.wheel('cache/libtorch-2.13.0-cpu', 'garbled');
    await fetchLibtorch({ env: env(nowhere) });
    expect(inspect(f.path('cache/libtorch-2.13.0-cpu'))).to.include({ version: '2.13.0' });
  });

  const failures: { it: string; arrange: () => Promise<string> | string; says: RegExp; alone?: boolean }[] = [
    {
      it: 'no python3 and no network',
      alone: true,
      arrange: () => nowhere,
      says: /tried: pip, .*: no python3 on the PATH\n.*official archive: http.*: (ECONNREFUSED|bad port)[\s\S]*fix: {3}pip install/,
    },
    {
      it: 'a python3 without pip',
      alone: true,
      arrange: () => {
        f.program('python3', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1');
        return nowhere;
      },
      says: /python3 has no pip/,
    },
    {
      it: 'an index that cannot be reached',
      arrange: () => {
        f.program('python3', 'echo "WARNING: Retrying: NewConnectionError"; exit 1');
        return nowhere;
      },
      says: /the package index cannot be reached/,
    },
    {
      it: 'a pip that installs something else',
      arrange: () => {
        f.program('python3', 'mkdir -p "$5/six"');
        return nowhere;
      },
      says: /the download holds no libtorch/,
    },
    {
      it: 'an archive that is not an archive',
      arrange: () => {
        f.program('python3', 'exit 1');
        return serve(Buffer.from('<html>sign in</html>'));
      },
      says: /official archive: it cannot be unpacked/,
    },
    {
      it: 'an archive that holds something else',
      arrange: () => {
        f.program('python3', 'exit 1');
        f.write('readme');
        execFileSync('cmake', ['-E', 'tar', 'cf', f.path('x.zip'), '--format=zip', 'readme'], { cwd: f.root });
        return serve(readFileSync(f.path('x.zip')));
      },
      says: /it holds no libtorch folder/,
    },
    {
      it: 'a disk that fills up',
      arrange: () => {
        f.program('python3', 'echo "OSError: [Errno 28] No space left on device"; exit 1');
        return nowhere;
      },
      says: /no room for libtorch in .*fix: {3}free some space, or set TORCH_CLIP_CACHE /s,
    },
  ];
  for (const { it: title, arrange, says, alone } of failures) {
    it(`says what was tried and what fixes it: ${title}`, async () => {
      const url = await arrange();
      const error = await failure(() => fetchLibtorch({ env: alone ? lonely(url) : env(url) }));
      expect(String(error)).to.match(says);
      expect(readdirSync(f.path('cache'))).to.deep.equal([]);
    });
  }

  it('says how far pip is into the file that it fetches, and what is on disk else', async () => {
    const line = 'Downloading https://host/whl/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl (190.1 MB)';
    const download = downloadOf(line);
    expect(download).to.deep.equal({ file: 'torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl', bytes: 190.1e6 });
    expect(downloadOf('Using cached torch-2.13.0.whl (190.1 MB)')).to.equal(undefined);
    expect(await state(f.root, download)).to.equal('torch-2.13.0+cpu [........................] 0% of 190 MB');
    const half = { file: 'six-1.whl', bytes: 10 };
    f.write('tmp/pip-unpack-x1/six-1.whl', '12345');
    expect(await state(f.root, half)).to.equal('six-1.whl [############............] 50% of 0 MB');
    expect(await state(f.root)).to.equal('0 MB on disk');
  });

  it('counts the bytes of a folder whose files come and go', async () => {
    f.write('some/a', 'xx');
    f.write('some/deep/b', 'xyz');
    expect(await size(f.path('some'))).to.equal(5);
    expect(await size(f.path('gone'))).to.equal(0);
    const counted = size(f.path('some'));
    f.remove();
    expect(await counted).to.be.within(0, 5);
  });

  it('asks for room before it fetches anything', async () => {
    pip('2.13.0+cpu');
    const error = await failure(() => fetchLibtorch({ env: env(nowhere), room: 1e18 }));
    expect(String(error)).to.match(/no room .* free, .* GB needed/);
    expect(existsSync(f.path('called'))).to.equal(false);
  });

  it('says so where the cache folder cannot be made', async () => {
    f.write('cache');
    const error = await failure(() => fetchLibtorch({ env: env(nowhere) }));
    expect(String(error)).to.match(/cache folder .* cannot be created: EEXIST\n {2}fix: {3}set TORCH_CLIP_CACHE /);
  });
});
