// Every rank calls a collective that cannot come to an end, and sends the error with the time that it took.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import { distributed as d, init, send, settings } from './_rank.js';

const { culprit, fault, call, timeout, wait } = settings as {
  culprit: number;
  fault: 'kill' | 'stop' | 'throw' | 'exit' | 'absent' | 'shape' | 'order';
  call: string;
  timeout: number;
  wait: boolean;
};
Error.stackTraceLimit = 30;
await init({ timeout });
const [rank, size] = [d.getRank(), d.getWorldSize()];
const how = wait ? ({ wait: true } as const) : {};
const n = 100_000;
const t = (length = n) => torch.ones([length]);
const list = (length = n) => Array.from({ length: size }, () => t(length));

const ofOptimizer = ['step', 'begunStep', 'backwardStep', 'stateDict', 'saveCheckpoint'].includes(call);
const params = [t(), t(40_000)].map((p) => p.requiresGrad_());
const sharded = ofOptimizer ? optim.shard(new optim.AdamW(params, { clip: clip.norm(1) })) : undefined;
const backward = () => torch.add(params[0]!.sum(), params[1]!.sum()).backward();
if (ofOptimizer) backward();
sharded?.step();
// Averages are under way before one fails.
if (call === 'begunStep') backward();
const folder = join(tmpdir(), 'torch-clip-no-checkpoint');

const calls: Record<string, (length?: number) => unknown> = {
  allReduce: (m = n) => d.allReduce(t(m), how),
  broadcast: (m = n) => d.broadcast(t(m), { src: culprit, ...how }),
  reduce: (m = n) => d.reduce(t(m), how),
  allGather: (m = n) => d.allGather(list(m), t(m), how),
  allGatherIntoTensor: (m = n) => d.allGatherIntoTensor(t(m * size), t(m), how),
  gather: (m = n) => d.gather(t(m), rank === 0 ? list(m) : null, how),
  scatter: (m = n) => d.scatter(t(m), rank === culprit ? list(m) : null, { src: culprit, ...how }),
  reduceScatterTensor: (m = n) => d.reduceScatterTensor(t(m), t(m * size), how),
  allToAllSingle: (m = n) => d.allToAllSingle(t(m * size), t(m * size), how),
  recv: (m = n) => d.recv(t(m), { src: culprit, ...how }),
  barrier: () => d.barrier(how),
  monitoredBarrier: () => d.monitoredBarrier(how),
  allGatherObject: () => d.allGatherObject({ rank }, how),
  step: () => sharded!.step(),
  begunStep: () => sharded!.step(),
  backwardStep: () => {
    backward();
    sharded!.step();
  },
  stateDict: () => sharded!.stateDict(),
  saveCheckpoint: () => d.saveCheckpoint(folder, { state: sharded!.shardedStateDict() }),
};

// All are there, and know each other.
await d.allReduce(t());
await send('ready');
if (rank === culprit) {
  switch (fault) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      break;
    case 'throw':
      throw new Error('the culprit throws');
    case 'exit':
      process.exit(3);
      break;
    case 'absent':
      // Alive, and never in the call.
      await new Promise((resolve) => process.once('message', resolve));
      process.exit(0);
  }
}
const began = performance.now();
let answer: object;
try {
  // Short enough to be one message, so that a send is over before its receiver is gone: until one fails.
  const length = fault === 'shape' && rank === culprit ? n / 2 : n;
  const one = fault === 'order' && rank === culprit ? calls.barrier! : calls[call]!;
  await one(length);
  answer = { ended: 'well' };
} catch (error) {
  const known = error instanceof TorchClipError;
  answer = {
    code: known ? error.code : String(error),
    message: (error as Error).message,
    stack: (error as Error).stack,
    took: performance.now() - began,
  };
}
await send(answer);
process.exit(0);
