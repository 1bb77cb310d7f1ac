// npm run serve: trains a small network on digits, and answers requests with it from worker threads.
//   npm run serve -- --port 8080 --workers 4 --max-batch 32 --max-wait 2 --model digits.pt
// A model that is there already is not trained again. SIGTERM and Ctrl-C end the server when what it was asked is answered.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import torch from 'torch-clip';
import { Batcher } from './batcher.js';
import { pixels, train } from './model.js';
import { DigitServer } from './server.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: fileURLToPath(new URL('../../report/digits.pt', import.meta.url)) },
    epochs: { type: 'string', default: '2' },
    port: { type: 'string', default: '8080' },
    workers: { type: 'string', default: '2' },
    'max-batch': { type: 'string', default: '32' },
    'max-wait': { type: 'string', default: '2' },
    'max-queue': { type: 'string', default: '1000' },
  },
});

// Each thread computes on a core of its own.
torch.setNumThreads(1);
if (!existsSync(values.model)) {
  mkdirSync(dirname(values.model), { recursive: true });
  const accuracy = train(values.model, Number(values.epochs));
  console.log(`trained: ${(100 * accuracy).toFixed(1)}% of the test digits are right`);
}
const batcher = await Batcher.start({
  path: values.model,
  inputs: pixels,
  outputs: 10,
  workers: Number(values.workers),
  maxBatch: Number(values['max-batch']),
  maxWait: Number(values['max-wait']),
  maxQueue: Number(values['max-queue']),
});
const server = new DigitServer(batcher);
console.log(`listening at ${await server.listen(Number(values.port))}`);

let isEnding = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    // The second one does not wait.
    if (isEnding) process.exit(1);
    isEnding = true;
    await server.close();
    console.log(`closed after ${batcher.counts.requests} requests in ${batcher.counts.batches} batches`);
  });
}
