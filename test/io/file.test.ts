import { execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { buildSync } from 'esbuild';
import { fileError, pathOf, readingFile, replaceFile, replaceFileAsync, writeAll } from '../../lib/io/file.js';
import { Fixture } from '../setup/fixture.js';
import { refusalOf } from '../support.js';

const tsx = createRequire(import.meta.url).resolve('tsx');
const script = fileURLToPath(new URL('../fixtures/replace.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const put = (path: string, text: string) => replaceFile(path, (fd) => writeAll(fd, Buffer.from(text)));

describe('io: replacing a file', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  const text = (path: string) => fs.readFileSync(path, 'utf8');
  const left = (folder = f.root) => fs.readdirSync(folder).filter((name) => name.endsWith('.tmp'));
  const child = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', tsx, script, ...args], { encoding: 'utf8' }).stdout.trim();
  /** A shell script with mounts of its own, which runs the fixture as "$@"; undefined where mounts are not allowed. */
  const mounted = (setup: string, ...args: string[]) => {
    const all = [
      '-m',
      'sh',
      '-c',
      `${setup} || exit 99; "$@"; cat "$5"`,
      'sh',
      process.execPath,
      '--import',
      tsx,
      script,
      ...args,
    ];
    const { status, stdout } = spawnSync('unshare', all, { encoding: 'utf8' });
    return status === 99 || status === null || stdout === '' ? undefined : stdout.trim().split('\n');
  };

  it('goes through symbolic links, of any number, to a file that is there or not', () => {
    fs.mkdirSync(f.path('a/b'), { recursive: true });
    f.write('a/file', 'old');
    fs.symlinkSync('../file', f.path('a/b/link'));
    fs.symlinkSync(f.path('a/b/link'), f.path('first'));
    fs.symlinkSync('a/b', f.path('folder'));
    fs.symlinkSync('new', f.path('dangling'));
    put(f.path('first'), 'one');
    expect(text(f.path('a/file'))).to.equal('one');
    // The ".." of a link belongs to the folder in which it really lies.
    put(f.path('folder/link'), 'two');
    expect(text(f.path('a/file'))).to.equal('two');
    put(f.path('dangling'), 'three');
    expect(text(f.path('new'))).to.equal('three');
    for (const link of ['a/b/link', 'first', 'folder', 'dangling']) {
      expect(fs.lstatSync(f.path(link)).isSymbolicLink(), link).to.equal(true);
    }
    expect([...left(), ...left(f.path('a')), ...left(f.path('a/b'))]).to.deep.equal([]);
  });

  it('goes up from where a link leads', () => {
    fs.mkdirSync(f.path('other/deep'), { recursive: true });
    fs.symlinkSync('other/deep', f.path('down'));
    fs.symlinkSync('down/../second', f.path('up'));
    const before = fs.readdirSync(f.root);
    put(`${f.root}/down/../first`, 'one');
    put(f.path('up'), 'two');
    expect(text(f.path('other/first'))).to.equal('one');
    expect(text(f.path('other/second'))).to.equal('two');
    expect(fs.readdirSync(f.root)).to.deep.equal(before);
  });

  it('keeps mode and owner', () => {
    const path = f.write('file', 'old');
    fs.chmodSync(path, 0o640);
    if (isRoot) fs.chownSync(path, 1234, 2345);
    put(path, 'new');
    const { mode, uid, gid } = fs.statSync(path);
    expect(mode & 0o7777).to.equal(0o640);
    if (isRoot) expect([uid, gid]).to.deep.equal([1234, 2345]);
    const before = process.umask(0o027);
    put(f.path('fresh'), 'new');
    process.umask(before);
    expect(fs.statSync(f.path('fresh')).mode & 0o7777).to.equal(0o640);
  });

  it('writes into a pipe and a device, which stay what they are', async () => {
    const pipe = f.path('pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe]);
    let got = '';
    reader.stdout.on('data', (data) => {
      got += data;
    });
    const end = new Promise((resolve) => reader.on('close', resolve));
    put(pipe, 'x'.repeat(200_000));
    await end;
    expect(got.length).to.equal(200_000);
    expect(fs.lstatSync(pipe).isFIFO()).to.equal(true);
    put('/dev/null', 'gone');
    expect(fs.lstatSync('/dev/null').isCharacterDevice()).to.equal(true);
  });

  it('writes to the standard output where it is a pipe or a file', () => {
    const command = `"${process.execPath}" --import "${tsx}" "${script}" /dev/stdout x 8`;
    expect(execFileSync('sh', ['-c', `${command} | cat`], { encoding: 'utf8' })).to.equal('xxxxxxxxdone\n');
    const fd = fs.openSync(f.path('out'), 'w');
    execFileSync('sh', ['-c', command], { stdio: ['ignore', fd, 'inherit'] });
    fs.closeSync(fd);
    expect(text(f.path('out'))).to.match(/x|done/);
  });

  it('writes a file that is a mount point by itself in place', function () {
    const path = f.write('mounted', 'old');
    const other = f.write('other', 'old');
    const lines = mounted(`mount --bind "${other}" "${path}"`, path, 'n', '4');
    if (lines === undefined) return this.skip();
    expect(lines).to.deep.equal(['done', 'nnnn']);
    expect(text(other)).to.equal('nnnn');
    expect(left()).to.deep.equal([]);
  });

  it('leaves the old file, and no other, on a full disk', function () {
    fs.mkdirSync(f.path('disk'));
    const path = f.path('disk/file');
    const fill = `mount -t tmpfs -o size=64k none "${f.path('disk')}" && printf old > "${path}"`;
    const lines = mounted(fill, path, 'n', '1000000');
    if (lines === undefined) return this.skip();
    expect(lines).to.deep.equal([`ERR_FILE: ${path} cannot be written: no space is left on the disk`, 'old']);
    expect(refusalOf(() => put('/dev/full', 'x')).message).to.equal(
      '/dev/full cannot be written: no space is left on the disk',
    );
  });

  it('writes a file in place whose folder takes no other', function () {
    if (!isRoot) return this.skip();
    const path = f.write('folder/file', 'a longer old text');
    fs.chmodSync(f.root, 0o755);
    fs.chmodSync(path, 0o666);
    const as = (file: string, letter: string) =>
      spawnSync(
        'setpriv',
        [
          '--reuid=54321',
          '--regid=54321',
          '--clear-groups',
          process.execPath,
          '--import',
          tsx,
          script,
          file,
          letter,
          '4',
        ],
        { encoding: 'utf8' },
      );
    const { stdout, status } = as(path, 'n');
    if (status !== 0) return this.skip(); // the checkout is not for others to read
    expect(stdout).to.equal('done\n');
    expect(text(path)).to.equal('nnnn');
    fs.chmodSync(path, 0o644);
    expect(as(path, 'm').stdout).to.equal(`ERR_FILE: ${path} cannot be written: permission is denied\n`);
    expect(as(f.path('folder/new'), 'm').stdout).to.match(/^ERR_FILE: .* permission is denied\n$/);
    // A file that must not be written is not replaced either, although its folder would take another.
    fs.chmodSync(f.path('folder'), 0o777);
    expect(as(path, 'm').stdout).to.match(/^ERR_FILE: .* permission is denied\n$/);
    expect(text(path)).to.equal('nnnn');
  });

  it('takes names as long as the system does', () => {
    for (const length of [200, 250, 255]) {
      const path = f.path('n'.repeat(length));
      put(path, 'one');
      put(path, 'two');
      expect(text(path)).to.equal('two');
    }
  });

  it('leaves the old file, and no other, when the writing fails', async () => {
    const path = f.write('file', 'old');
    const mine = new Error('mine');
    expect(() =>
      replaceFile(path, (fd) => {
        writeAll(fd, Buffer.from('half'));
        throw mine;
      }),
    ).to.throw(mine);
    const later = await replaceFileAsync(path, async (fd) => {
      writeAll(fd, Buffer.from('half'));
      throw mine;
    }).catch((e) => e);
    expect(later).to.equal(mine);
    expect(text(path)).to.equal('old');
    expect(left()).to.deep.equal([]);
    await replaceFileAsync(path, async (fd) => writeAll(fd, Buffer.from('new')));
    expect(text(path)).to.equal('new');
  });

  it('sweeps what killed processes left, and nothing else', () => {
    const path = f.write('file', 'old');
    child(path, 'x', '4', 'kill');
    expect(left()).to.have.length(1);
    expect(text(path)).to.equal('old');
    const foreign = '.torch-clip-0123456789ab-1-1-0123456789abcdef01234567.tmp';
    f.write(foreign, "another machine's");
    f.write('.torch-clip-of-the-user.tmp');
    put(path, 'new');
    expect(left()).to.have.members([foreign, '.torch-clip-of-the-user.tmp']);
    fs.utimesSync(f.path(foreign), 0, 0);
    put(path, 'newer');
    expect(left()).to.deep.equal(['.torch-clip-of-the-user.tmp']);
  });

  it('never shares a temporary file with other threads and processes', async function () {
    this.timeout(120_000);
    const path = f.path('file');
    const outfile = f.path('replacing.mjs');
    const entry = fileURLToPath(new URL('../../lib/io/file.ts', import.meta.url));
    buildSync({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node' });
    const code = `
      import { workerData } from 'node:worker_threads';
      const { replaceFile, writeAll } = await import(${JSON.stringify(pathToFileURL(outfile).href)});
      for (let i = 0; i < 60; i++) replaceFile(workerData.path, (fd) => {
        for (let part = 0; part < 4; part++) writeAll(fd, Buffer.alloc(5000, workerData.letter));
      });`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    let torn = 0;
    let running = 4;
    const ends = ['a', 'b', 'c', 'd'].map(
      (letter) =>
        new Promise<void>((resolve, reject) => {
          new Worker(url, { workerData: { path, letter } }).on('error', reject).on('exit', () => {
            running--;
            resolve();
          });
        }),
    );
    const watch = async () => {
      while (running > 0) {
        await new Promise((resolve) => setImmediate(resolve));
        const seen = fs.existsSync(path) ? text(path) : undefined;
        if (seen !== undefined && !/^(a+|b+|c+|d+)$/.test(seen)) torn++;
        if (seen !== undefined && seen.length !== 20_000) torn++;
      }
    };
    await Promise.all([...ends, watch()]);
    expect(torn).to.equal(0);
    expect(left()).to.deep.equal([]);
  });

  const long = 'x'.repeat(3000);
  const impossible: [what: string, path: () => string, says: RegExp][] = [
    ['a folder', () => f.root, /cannot be written: it is a folder/],
    ['a path through a file', () => join(f.write('file'), 'below'), /cannot be written: a part of the path is a file/],
    ['a folder that is not there', () => f.path('no/file'), /cannot be written: there is no such file or folder/],
    ['a name that is too long', () => f.path(long), /^.{1,210} cannot be written: a name in the path is too long$/],
    ['a path with a null byte', () => f.path('a\0b'), /cannot be written: the path holds a null byte/],
    [
      'a link to itself',
      () => {
        fs.symlinkSync('loop', f.path('loop'));
        return f.path('loop');
      },
      /cannot be written: it is a symbolic link that leads back/,
    ],
    ['a place of the kernel', () => '/proc/torch-clip', /cannot be written: .*(no such file|not permitted|denied)/],
  ];
  for (const [what, path, says] of impossible) {
    it(`says in one sentence that ${what} cannot be written`, () => {
      const target = path();
      const before = fs.readdirSync(f.root);
      const error = refusalOf(() => put(target, 'x'));
      expect(error.code).to.equal('ERR_FILE');
      expect(error.message).to.match(says);
      expect(fs.readdirSync(f.root)).to.deep.equal(before);
    });
  }

  it('does not read what is not a regular file', () => {
    execFileSync('mkfifo', [f.path('pipe')]);
    const read = (path: string) => refusalOf(() => readingFile(path, () => 1));
    expect(read(f.path('pipe')).message).to.match(/pipe or a device, not a regular file$/);
    expect(read('/dev/zero').message).to.match(/pipe or a device, not a regular file$/);
    expect(read(f.root).message).to.match(/cannot be read: it is a folder$/);
    expect(read(f.path('none')).message).to.match(/cannot be read: there is no such file or folder$/);
  });

  it('takes paths and file URLs', () => {
    expect(pathOf(pathToFileURL(f.path('a b')))).to.equal(f.path('a b'));
    for (const path of ['', 5, null, undefined, new URL('http://x/y'), Buffer.from('x')]) {
      expect(refusalOf(() => pathOf(path)).message).to.match(/^"path" must be a path or a file: URL, got /);
    }
  });

  it('passes on errors that are no matter of files', () => {
    const mine = new RangeError('mine');
    expect(fileError('x', 'read', mine)).to.equal(mine);
  });
});
