import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import torch, { data, distributed, io, jit, profiler, TorchClipError, utils } from '../../lib/index.js';
import { Fixture, failure } from '../setup/fixture.js';

const t = torch.ones([2]);
const record = { name: 'run', loss: [1, 2] };

async function all(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

type Calls = Record<string, (path: io.PathLike) => unknown>;

/** Every function that writes a file. */
const writers: Calls = {
  'torch.save': (path) => torch.save({ t }, path),
  'torch.saveAsync': (path) => torch.saveAsync({ t }, path),
  'io.saveSafetensors': (path) => io.saveSafetensors({ t }, path),
  'io.saveNpy': (path) => io.saveNpy(t, path),
  'io.saveNpz': (path) => io.saveNpz({ t }, path),
  'utils.report, where it writes': (path) => utils.report(record, path),
  'profiler.profile().exportChromeTrace': (path) => {
    const profile = new profiler.Profile();
    profile.start();
    t.add(1);
    profile.stop();
    profile.exportChromeTrace(path);
  },
};

/** Files beside the one of the path. */
const shards: Calls = {
  'io.saveSafetensors, in shards': (path) => io.saveSafetensors({ t, u: torch.ones([2]) }, path, { maxShardSize: 8 }),
};

/** Every function that takes a path, called with one. */
const calls: Calls = {
  ...writers,
  'torch.load': (path) => torch.load(path),
  'torch.load, mapped': (path) => torch.load(path, { mmap: true }),
  'io.loadSafetensors': (path) => io.loadSafetensors(path),
  'io.openSafetensors': (path) => io.openSafetensors(path),
  'io.loadCheckpoint': (path) => io.loadCheckpoint(path),
  'io.saveCheckpoint': (path) => io.saveCheckpoint(path, { t }),
  'io.saveCheckpoint, safetensors': (path) => io.saveCheckpoint(path, { t }, { format: 'safetensors' }),
  'io.loadNpy': (path) => io.loadNpy(path),
  'io.loadNpz': (path) => io.loadNpz(path),
  'io.loadIdx': (path) => io.loadIdx(path),
  'io.openGguf': (path) => io.openGguf(path),
  'jit.load': (path) => jit.load(path),
  'data.CsvDataset': (path) => all(new data.CsvDataset(path)),
  'data.JsonlDataset': (path) => all(new data.JsonlDataset(path)),
  'data.WebDataset': (path) => all(new data.WebDataset(path)),
  'data.ParquetDataset.open': (path) => data.ParquetDataset.open(path),
  'data.ArrowDataset.open': (path) => data.ArrowDataset.open(path),
  'data.ImageFolder': (path) => new data.ImageFolder(path),
  'data.decodeImage': (path) => data.decodeImage(path),
  'data.Tokenizer.open': (path) => data.Tokenizer.open(path),
  'utils.tensorboard.readScalars': (path) => utils.tensorboard.readScalars(path),
  'utils.tensorboard.SummaryWriter': (path) => new utils.tensorboard.SummaryWriter(path).close(),
  'utils.report, what it reads': (path) => utils.report(path, join(tmpdir(), 'torch-clip-no-runs.html')),
  'utils.RunLog': (path) => new utils.RunLog(path).close(),
};

/** Those that look at the file system later, or take what is not there for nothing. */
const others: Calls = {
  'io.latest': (path) => io.latest(path),
  'io.hubDownload, its cache': (path) => io.hubDownload('a/b', 'c', { cacheDir: path as string, localFilesOnly: true }),
  'profiler.tensorboardTraceHandler': (path) => profiler.tensorboardTraceHandler(path),
  'distributed.saveCheckpoint': (path) => distributed.saveCheckpoint(path, { t }),
};

describe('paths', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
    f.write('file', 'x');
    fs.symlinkSync(f.path('loop'), f.path('loop'));
  });
  after(() => f.remove());

  const bad: Record<string, () => string> = {
    'a null byte': () => f.path('a\0b'),
    'a file for a folder': () => f.path('file/x'),
    'a name that is too long': () => f.path('x'.repeat(300)),
    'a link that leads to itself': () => f.path('loop'),
    'such a link for a folder': () => f.path('loop/x'),
    // The kernel makes none there, and says that there is no such folder.
    ...(fs.existsSync('/proc/self') && { 'a file system of the kernel': () => '/proc/torch-clip/x' }),
  };
  const makers: Calls = {
    'io.hubDownload': (path) =>
      io.hubDownload('a/b', 'c', { cacheDir: path as string, endpoint: 'http://127.0.0.1:9' }),
    'profiler.tensorboardTraceHandler, at a trace': (path) =>
      profiler.profile(() => t.add(1), { onTraceReady: profiler.tensorboardTraceHandler(path) }),
  };
  for (const [name, call] of Object.entries({ ...calls, ...makers })) {
    it(`of ${name} are refused in one sentence`, async () => {
      for (const [what, path] of Object.entries(bad)) {
        let error: unknown;
        try {
          await call(path());
        } catch (thrown) {
          error = thrown;
        }

        expect(error, `${what}: ${error}`).instanceOf(TorchClipError);
        expect((error as TorchClipError).code, `${what}: ${error}`).oneOf(['ERR_FILE', 'ERR_ARGUMENT']);
        expect((error as Error).message).not.include('\n');
      }
    });
  }

  const urls: [path: io.PathLike, says: string][] = [
    [new URL('file:///tmp/a%2fb'), 'without encoded slashes, got the URL "file:///tmp/a%2fb"'],
    [new URL('file://host/y'), 'a file: URL without a host, got the URL "file://host/y"'],
    [new URL('file:///tmp/%ff'), 'whose path is encoded in UTF-8, got the URL "file:///tmp/%ff"'],
    [new URL('file:///tmp/a%00b'), 'a path without null bytes, got "/tmp/a\\u0000b"'],
    [new URL('http://host/y'), 'a path or a file: URL, got the URL "http://host/y"'],
    ['file:///tmp/a%2fb', 'got the string "file:///tmp/a%2fb": pass new URL("file:///tmp/a%2fb")'],
    ['FILE://x', 'got the string "FILE://x": pass new URL("FILE://x")'],
  ];
  for (const [name, call] of Object.entries({ ...calls, ...others })) {
    it(`of ${name} that are URLs of no file here are refused with the URL`, async () => {
      const before = fs.readdirSync('.');
      for (const [path, says] of urls) {
        if (name.startsWith('io.hubDownload') && typeof path !== 'string') continue;
        const error = await failure(() => call(path));
        expect(error, String(path)).instanceOf(TorchClipError).property('code', 'ERR_ARGUMENT');
        expect(error.message)
          .match(/^"\w+" must be [^\n]+$/)
          .include(says);
      }
      expect(fs.readdirSync('.')).deep.equal(before);
    });
  }

  const ofFolders: Record<string, () => io.PathLike> = {
    'a slash at the end': () => `${f.root}/new/`,
    'a URL with a slash at the end': () => pathToFileURL(`${f.root}/new/`),
    'a dot at the end': () => `${f.root}/new/.`,
    'two dots at the end': () => `${f.root}/new/..`,
    'a file with a slash': () => `${f.root}/file/`,
    'a link to what is not there, with a slash': () => `${f.root}/dangling/`,
    'a link to such a path': () => `${f.root}/link`,
    'a way through a folder that is not there': () => `${f.root}/none/../new`,
  };
  for (const [name, call] of Object.entries({ ...writers, ...shards })) {
    it(`of folders are refused by ${name}, which makes no file`, async () => {
      fs.rmSync(f.path('link'), { force: true });
      fs.rmSync(f.path('dangling'), { force: true });
      fs.symlinkSync('new/', f.path('link'));
      fs.symlinkSync('new', f.path('dangling'));
      const before = fs.readdirSync(f.root);
      for (const [what, path] of Object.entries(ofFolders)) {
        if (name in shards && what === 'a link to such a path') continue; // it is not written to
        const error = await failure(() => call(path()));
        expect(error, what).instanceOf(TorchClipError).property('code', 'ERR_FILE');
        expect(error.message, what).match(/^\S+ cannot be written: [^\n]+$/);
      }
      expect(fs.readdirSync(f.root)).deep.equal(before);
      expect(fs.readFileSync(f.path('file'), 'utf8')).equal('x');
    });
  }

  it('of io.latest, too', () => {
    for (const [what, path] of Object.entries(bad)) {
      let error: unknown;
      try {
        expect(io.latest(path())).equal(undefined);
      } catch (thrown) {
        error = thrown;
      }
      if (error !== undefined) expect(error, what).instanceOf(TorchClipError);
    }
  });
});
