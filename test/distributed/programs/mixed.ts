// What test/long/distributed/mixed.py does, call by call.
import torch, { nn, type Tensor } from '../../../lib/index.js';
import { distributed as d, init, leave, send } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const answers: unknown[] = [];
const note = (...tensors: Tensor[]) => answers.push(tensors.map((t) => t.to(torch.float64).tolist()));
const own = () => torch.tensor([rank + 1, -rank, 0.5 * rank]);
const list = () => Array.from({ length: size }, () => torch.empty([3]));

for (const op of ['sum', 'avg', 'product', 'min', 'max'] as const) {
  const t = own();
  await d.allReduce(t, { op });
  note(t);
}
let t = own();
await d.broadcast(t, { src: size - 1 });
note(t);
t = own();
await d.reduce(t, { dst: 0 });
if (rank === 0) note(t);
let parts = list();
await d.allGather(parts, own());
note(...parts);
const flat = torch.empty([3 * size]);
await d.allGatherIntoTensor(flat, own());
note(flat);
parts = list();
await d.gather(own(), rank === 0 ? parts : null, { dst: 0 });
if (rank === 0) note(...parts);
t = torch.empty([3]);
await d.scatter(
  t,
  rank === 0 ? Array.from({ length: size }, (_, i) => torch.full([3], i, { dtype: torch.float32 })) : null,
);
note(t);
t = torch.empty([2]);
await d.reduceScatterTensor(t, torch.arange(2 * size, { dtype: torch.float32 }).add(rank));
note(t);
t = torch.empty([size]);
await d.allToAllSingle(t, torch.arange(size, { dtype: torch.float32 }).add(10 * rank));
note(t);
t = torch.empty([size * rank]);
await d.allToAllSingle(t, torch.arange((size * (size - 1)) / 2, { dtype: torch.float32 }), {
  outputSplitSizes: new Array<number>(size).fill(rank),
  inputSplitSizes: Array.from({ length: size }, (_, i) => i),
});
note(t);
parts = Array.from({ length: size }, () => torch.empty([2]));
await d.allToAll(
  parts,
  Array.from({ length: size }, (_, i) => torch.full([2], rank + 0.1 * i)),
);
note(...parts);
t = torch.empty([3]);
const work = d.isend(own(), (rank + 1) % size, { tag: 5 })!;
await d.recv(t, { src: (rank + size - 1) % size, tag: 5 });
await work.done;
note(t);
const group = await d.newGroup([0, size - 1]);
t = own();
if (group !== null) await d.allReduce(t, { group });
note(t);
const layers = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 2));
layers.parameters().forEach((p, i) => {
  p.data = torch
    .arange(p.numel(), { dtype: torch.float32 })
    .view(p.shape)
    .add(i + rank)
    .mul(0.01);
});
const model = new nn.parallel.DistributedDataParallel(layers);
for (let step = 0; step < 3; step++) {
  model.zeroGrad();
  (model.forward(torch.full([2, 3], 0.1 * (rank + 1 + step))) as Tensor).pow(2).mean().backward();
  torch.noGrad(() => {
    for (const p of model.parameters()) p.sub_(p.grad!.mul(0.1));
  });
}
note(...model.parameters().map((p) => p.grad!));
note(...model.parameters().map((p) => p.detach()));
torch.manualSeed(3);
const narrowed = new nn.parallel.DistributedDataParallel(new nn.Sequential(new nn.Linear(8, 8), new nn.Linear(8, 8)));
const state = new nn.parallel.PowerSGDState({ startPowerSGDIter: 2 });
narrowed.registerCommHook((bucket) => nn.parallel.powerSGDHook(state, bucket));
for (let step = 0; step < 4; step++) {
  narrowed.zeroGrad();
  const x = torch
    .arange(16, { dtype: torch.float32 })
    .view(2, 8)
    .add(rank + step)
    .sin();
  narrowed.forward(x).pow(2).mean().backward();
  note(...narrowed.parameters().map((p) => p.grad!));
}
await d.barrier();
await send(answers);
await leave();
