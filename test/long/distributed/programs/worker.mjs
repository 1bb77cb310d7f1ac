// Rank 0 is the main thread, rank 1 a worker, which ends with a call under way.
import { createServer } from 'node:net';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
// Plain JavaScript over the built package, since tsx does not reach workers.
import torch from '../../../../dist/index.js';

const { distributed: d } = torch;
const name = isMainThread ? 'main' : 'worker';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const port = isMainThread ? await freePort() : workerData.port;
const worker = isMainThread ? new Worker(new URL(import.meta.url), { workerData: { port } }) : undefined;
const ended = worker && new Promise((resolve) => worker.once('exit', resolve));
const rank = isMainThread ? 0 : 1;
await d.initProcessGroup({ initMethod: `tcp://127.0.0.1:${port}`, rank, worldSize: 2, timeout: 30 });
const t = torch.tensor([rank + 1]);
await d.allReduce(t);
console.log(`${name} has ${t.item()}`);
if (!isMainThread) {
  d.barrier().catch(() => {});
  process.exit(0);
}
await ended;
// What the worker has begun comes to its end without it.
await d.barrier();
await d.destroyProcessGroup();
console.log('main is done');
