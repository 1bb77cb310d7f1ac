// Trains under DistributedDataParallel from the last checkpoint on; ranks kill themselves at random until the end is reached.
import { writeFileSync } from 'node:fs';
import torch, { clip, io, nn, optim, type Tensor } from 'torch-clip';

const { distributed: d } = torch;
const [folder, steps, kills] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
// Whether all ranks write their parts of a sharded optimizer's state, instead of the first one everything.
const shared = process.argv[5] === 'shared';
const attempt = Number(process.env.TORCHELASTIC_RESTART_COUNT);
const dies = attempt < kills;

await d.initProcessGroup({ timeout: 20 });
const [rank, size] = [d.getRank(), d.getWorldSize()];
torch.manualSeed(3);
const model = new nn.parallel.DistributedDataParallel(
  new nn.Sequential(new nn.Linear(8, 32), new nn.Tanh(), new nn.Linear(32, 1)),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01, clip: clip.auto({ percentile: 50 }) });
if (shared) optim.shard(optimizer, { averageGradients: false });
let step = 0;
let losses: number[] = [];
const path = io.latest(folder);
if (path !== undefined) {
  const saved = io.loadCheckpoint<{ model: never; optimizer: never; step: number; losses: number[] }>(path);
  model.loadStateDict(saved.model);
  optimizer.loadStateDict(saved.optimizer);
  ({ step, losses } = saved);
}
// All begin where rank 0 does.
const starts = await d.allGatherObject(step);
if (starts.some((one) => one !== step)) throw new Error(`the ranks begin at ${starts.join()}`);

// Two attempts draw different numbers, two runs the same.
const chance = new torch.Generator().manualSeed(1000 * attempt + rank);
const draw = () => torch.rand([], { generator: chance }).item<number>();
while (step < steps) {
  const generator = new torch.Generator().manualSeed(step);
  const x = torch.randn([4 * size, 8], { generator }).narrow(0, 4 * rank, 4);
  optimizer.zeroGrad();
  const loss = (model.forward(x) as Tensor)
    .sub(x.sum(1, { keepdim: true }).tanh())
    .pow(2)
    .mean();
  loss.backward();
  if (dies && draw() < 0.06) process.kill(process.pid, 'SIGKILL');
  optimizer.step();
  step++;
  await d.allReduce(loss, { op: 'avg' });
  losses.push(loss.item());
  // Killed in the middle of a save, too.
  if ((shared || rank === 0) && dies && draw() < 0.05) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1);
  if (shared) {
    const state = { model: model.stateDict(), optimizer: optimizer.shardedStateDict(), step, losses };
    await d.saveCheckpoint(folder, state, { keepLast: 2 });
  } else if (rank === 0) {
    const state = { model: model.stateDict(), optimizer: optimizer.stateDict(), step, losses };
    io.saveCheckpoint(folder, state, { keepLast: 2 });
  }
  await d.barrier();
}
if (rank === 0) {
  const flat = torch.cat(model.parameters().map((p) => p.detach().view([-1])));
  writeFileSync(`${folder}.json`, JSON.stringify({ attempt, losses, parameters: flat.tolist() }));
}
await d.destroyProcessGroup();
