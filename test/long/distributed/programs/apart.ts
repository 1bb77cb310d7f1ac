// A rank on a host of its own: trains a little together with the others, then calls one that is unplugged meanwhile.
import torch, { clip, nn, optim } from '../../../../lib/index.js';

const { distributed: d } = torch;
const own = { rank: Number(process.env.RANK), worldSize: Number(process.env.WORLD_SIZE) };
await d.initProcessGroup({ initMethod: process.env.MEET!, ...own, timeout: 30 });
const [rank, size] = [d.getRank(), d.getWorldSize()];
torch.manualSeed(rank);
const model = new nn.parallel.DistributedDataParallel(new nn.Linear(50, 20));
const optimizer = optim.shard(new optim.AdamW(model.parameters(), { clip: clip.norm(1) }), { averageGradients: false });
for (let step = 0; step < 3; step++) {
  optimizer.zeroGrad();
  model
    .forward(torch.ones([2, 50]).mul(rank + step))
    .pow(2)
    .mean()
    .backward();
  optimizer.step();
}
const sums = await d.allGatherObject(model.parameters().map((p) => p.detach().sum().item<number>()));
const large = torch.ones([4_000_000]);
await d.allReduce(large);
process.send!({ size, alike: new Set(sums.map((one) => JSON.stringify(one))).size, large: large.mean().item() });
await new Promise((resolve) => process.once('message', resolve));
const begin = performance.now();
const code = await d.allReduce(large, { timeout: 4 }).then(
  () => 'nothing',
  (error: { code: string }) => error.code,
);
process.send!({ code, seconds: (performance.now() - begin) / 1000 }, () => process.exit(0));
