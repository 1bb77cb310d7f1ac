import * as fs from 'node:fs';
import { expect } from 'chai';
import torch, { data, io, profiler, TorchClipError, utils } from '../../lib/index.js';
import { Fixture } from '../setup/fixture.js';

const t = torch.ones([2]);
const record = { name: 'run', loss: [1, 2] };

async function all(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

/** Every function that takes a path, called with one. */
const calls: Record<string, (path: string) => unknown> = {
  'torch.load': (path) => torch.load(path),
  'torch.load, mapped': (path) => torch.load(path, { mmap: true }),
  'torch.save': (path) => torch.save({ t }, path),
  'torch.saveAsync': (path) => torch.saveAsync({ t }, path),
  'io.loadSafetensors': (path) => io.loadSafetensors(path),
  'io.openSafetensors': (path) => io.openSafetensors(path),
  'io.saveSafetensors': (path) => io.saveSafetensors({ t }, path),
  'io.loadCheckpoint': (path) => io.loadCheckpoint(path),
  'io.saveCheckpoint': (path) => io.saveCheckpoint(path, { t }),
  'io.saveCheckpoint, safetensors': (path) => io.saveCheckpoint(path, { t }, { format: 'safetensors' }),
  'io.loadNpy': (path) => io.loadNpy(path),
  'io.saveNpy': (path) => io.saveNpy(t, path),
  'io.loadNpz': (path) => io.loadNpz(path),
  'io.saveNpz': (path) => io.saveNpz({ t }, path),
  'io.loadIdx': (path) => io.loadIdx(path),
  'io.openGguf': (path) => io.openGguf(path),
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
  'utils.report, where it writes': (path) => utils.report(record, path),
  'utils.report, what it reads': (path) => utils.report(path, `${path}.html`),
  'utils.RunLog': (path) => new utils.RunLog(path).close(),
  'profiler.profile().exportChromeTrace': (path) => {
    const profile = new profiler.Profile();
    profile.start();
    t.add(1);
    profile.stop();
    profile.exportChromeTrace(path);
  },
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
  };
  for (const [name, call] of Object.entries(calls)) {
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
