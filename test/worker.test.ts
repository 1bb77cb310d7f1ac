import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import torch from '../lib/index.js';
import { train } from './fixtures/train.js';

interface Report {
  losses: number[];
}

const start = new URL('./fixtures/worker.mjs', import.meta.url);
const module = new URL('./fixtures/train.ts', import.meta.url).href;

function startWorker(steps: number): Worker {
  return new Worker(start, { workerData: { module, seed: 7, steps } });
}

async function report(worker: Worker): Promise<Report> {
  for (;;) {
    const [message] = (await once(worker, 'message')) as [Report | string];
    if (typeof message === 'object') return message;
  }
}

describe('a worker thread', function () {
  this.timeout(120_000);

  it('trains while the main thread does, to the same losses', async () => {
    const worker = startWorker(30);
    await once(worker, 'message');
    const pending = report(worker);
    const here = train(7, 30);
    const { losses } = await pending;
    expect(losses).to.deep.equal(here);
    expect(losses.at(-1)).to.be.below(losses[0]!);
    await once(worker, 'exit');
  });

  it('is not given a tensor of another thread', () => {
    for (const value of [torch.ones([1]), new torch.Generator()]) {
      expect(() => new Worker(start, { workerData: { value } })).to.throw(DOMException, 'could not be cloned');
      expect(() => structuredClone(value)).to.throw(DOMException, 'could not be cloned');
    }
  });

  it('can be terminated in the middle of its work, again and again', async () => {
    for (let i = 0; i < 3; i++) {
      const worker = startWorker(1_000_000);
      await once(worker, 'message');
      await worker.terminate();
    }
    expect(torch.ones([2]).add(1).tolist()).to.deep.equal([2, 2]);
  });

  it('may be the only one that loads the addon, and others after it', () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-workers-'));
    try {
      // Any other addon will do.
      const other = join(folder, 'other.node');
      copyFileSync(join(root, 'build/Release/loader/loader.node'), other);
      const args = [join(root, 'test/fixtures/only-workers.mjs'), join(root, 'dist/index.js'), other, '50'];
      expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).to.equal('done');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has a default generator and a default dtype of its own', async () => {
    const settings = new URL('./fixtures/settings.ts', import.meta.url).href;
    const run = async (seed: number, dtype: string) => {
      const worker = new Worker(start, { workerData: { module: settings, seed, dtype } });
      const [said] = (await once(worker, 'message')) as [{ before: string; made: string[]; numbers: unknown }];
      await once(worker, 'exit');
      return said;
    };
    torch.manualSeed(3);
    const undisturbed = torch.randn([64]).tolist();
    torch.manualSeed(3);
    const numbers = [torch.randn([16])];
    torch.setDefaultDtype(torch.float64);
    try {
      const [a, b, c] = await Promise.all([run(5, 'float64'), run(5, 'float32'), run(6, 'float64')]);
      expect(torch.getDefaultDtype()).to.equal(torch.float64);
      expect([a.before, b.before]).to.deep.equal(['float32', 'float32']);
      expect(a.made).to.deep.equal([...Array<string>(5).fill('float64'), 'int64', 'int64']);
      expect(b.made).to.deep.equal([...Array<string>(5).fill('float32'), 'int64', 'int64']);
      expect(a.numbers).to.deep.equal(b.numbers);
      expect(a.numbers).not.to.deep.equal(c.numbers);
    } finally {
      torch.setDefaultDtype(torch.float32);
    }
    for (let i = 1; i < 4; i++) numbers.push(torch.randn([16]));
    expect(torch.cat(numbers).tolist()).to.deep.equal(undisturbed);
  });
});
