// What a step costs one of many ranks: the real Reducer and the real sharded step over a backend that counts. Prints JSON.
//   node --import tsx test/long/distributed/cost/measure.ts <backend.node> <parameters> <ranks>...
import { createRequire } from 'node:module';
import { native } from '../../../../lib/binding/index.js';
import { ProcessGroup } from '../../../../lib/distributed/group.js';
import torch, { clip, nn, optim, type Tensor } from '../../../../lib/index.js';
import { own } from '../../../../lib/own.js';

/** Calls, messages, bytes that this rank sends, and seconds around a ring and through a tree. */
export type Cost = [calls: number, messages: number, bytes: number, ring: number, tree: number];
export type Costs = Record<string, Cost>;
export interface Measured {
  ranks: number;
  /** Of a step of DistributedDataParallel, of one of a sharded optimizer, and of one of fully sharded layers under such an optimizer. */
  ddp: Costs;
  sharded: Costs;
  fully: Costs;
  parameters: number;
  chunks: number;
  tensors: number;
}

interface Counting {
  make(name: string, rank: number, size: number, latency: number, bandwidth: number): void;
  take(name: string): Costs;
}

const [, , path, count, ...sizes] = process.argv;
if (path === undefined) throw new Error('the path of the backend is missing');
const backend = createRequire(import.meta.url)(path) as Counting;
/** Seconds per message, and bytes per second. */
const [latency, bandwidth] = [5e-6, 25e9];

function measure(size: number, rank: number): Measured {
  const name = `cost ${size} ${rank}`;
  backend.make(name, rank, size, latency, bandwidth);
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  const group = new ProcessGroup(own, native.groupRegistered(name, 1_800_000), {
    name,
    ranks,
    rank,
    backend: 'cost',
    timeout: 1800,
    alike: false,
  });
  const width = Math.round(Math.sqrt(Number(count) / 4));
  const make = () => new nn.Sequential(...Array.from({ length: 4 }, () => new nn.Linear(width, width)));
  const x = torch.ones([1, width]);

  const model = new nn.parallel.DistributedDataParallel(make(), { processGroup: group });
  const step = (body: () => void): Costs => {
    body();
    // The second one, after which buckets stay as they are.
    body();
    backend.take(name);
    body();
    return backend.take(name);
  };
  const ddp = step(() => (model.forward(x) as Tensor).sum().backward());

  const trained = (net: nn.Sequential) => {
    const optimizer = optim.shard(new optim.AdamW(net.parameters(), { clip: clip.norm(1) }), { group });
    const costs = step(() => {
      optimizer.zeroGrad();
      (net.forward(x) as Tensor).sum().backward();
      optimizer.step();
    });
    if (optimizer.clipStats.skipped.item() !== 0) throw new Error('steps were skipped');
    return costs;
  };
  const plain = make();
  const params = plain.parameters();
  const sharded = trained(plain);
  const layered = make();
  for (const layer of layered.children())
    torch.distributed.fsdp.fullyShard(layer, { group, reshardAfterForward: true });
  const fully = trained(layered);
  return {
    ranks: size,
    ddp,
    sharded,
    fully,
    parameters: params.reduce((sum, p) => sum + p.numel(), 0),
    chunks: params.reduce((sum, p) => sum + Math.ceil(p.numel() / 16384), 0),
    tensors: params.length,
  };
}

const bytes = (costs: Costs) => Object.values(costs).reduce((sum, cost) => sum + cost[2], 0);
/** Parts differ by a chunk: the costs of a rank with one of the largest. */
function largest(size: number): Measured {
  const firsts = [1, 4].map((layers) => Math.ceil((8192 * size * layers) / Number(count)) - 1);
  const candidates = new Set([0, ...firsts].flatMap((rank) => [rank, rank + 1, rank + 2]));
  const all = [...candidates].filter((rank) => rank >= 0 && rank < size).map((rank) => measure(size, rank));
  const most = (of: (one: Measured) => Costs) => all.map(of).reduce((a, b) => (bytes(b) > bytes(a) ? b : a));
  return { ...all[0]!, sharded: most((one) => one.sharded), fully: most((one) => one.fully) };
}

const measured = sizes.map((size) => largest(Number(size)));
console.log(JSON.stringify(measured));
