import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { transforms } from '../fixtures/func.js';

const start = new URL('../fixtures/worker.mjs', import.meta.url);
const module = new URL('../fixtures/func-worker.ts', import.meta.url).href;

describe('transforms in several threads', function () {
  this.timeout(120_000);

  it('do not meet, forward mode included', async () => {
    const workers = [1, 2].map(() => new Worker(start, { workerData: { module, rounds: 40 } }));
    const answers = workers.map(async (worker) => {
      const [numbers] = (await once(worker, 'message')) as [number[]];
      return numbers;
    });
    const want = transforms(1);
    const ended = Promise.all(answers).then(() => true);
    // Until the others are done, so that all run at once.
    let done = false;
    void ended.then(() => {
      done = true;
    });
    while (!done) {
      expect(transforms(5)).deep.equal(want);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const numbers of await Promise.all(answers)) expect(numbers).deep.equal(want);
    for (const worker of workers) await worker.terminate();
  });
});
