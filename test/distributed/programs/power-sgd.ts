// What scripts/golden/power_sgd.py does, case by case; then in several buckets.
import { readFileSync } from 'node:fs';
import torch, { nn, optim, type Tensor } from '../../../lib/index.js';
import { distributed as d, init, leave, send } from './_rank.js';

interface Golden {
  steps: number;
  cases: { name: string; options: nn.parallel.PowerSGDOptions; parameters: number[]; stats: number[] }[];
}
const golden = JSON.parse(readFileSync(new URL('../../golden/power-sgd.json', import.meta.url), 'utf8')) as Golden;
await init();
const rank = d.getRank();

function make(...more: nn.Linear[]) {
  torch.manualSeed(0);
  const layers = new nn.Sequential(
    new nn.Conv2d(1, 6, 3),
    new nn.Tanh(),
    new nn.Flatten(),
    new nn.Linear(24, 9),
    new nn.Tanh(),
    new nn.Linear(9, 9),
    new nn.Linear(9, 9),
    ...more,
  );
  return new nn.parallel.DistributedDataParallel(layers.to(torch.float64), { bucketCapMb: 0.001 });
}
const flat = (list: readonly Tensor[]) => torch.cat(list.map((t) => t.detach().reshape([-1])));

function backward(model: ReturnType<typeof make>, step: number): void {
  const generator = new torch.Generator().manualSeed(2 * step + rank);
  const x = torch.randn([4, 1, 4, 4], { generator, dtype: torch.float64 });
  model.zeroGrad();
  // What a hook remembers outlives the scope of a step.
  torch.scope(() => void model.forward(x).pow(2).mean().backward());
}

for (const { name, options, parameters, stats } of golden.cases) {
  const model = make();
  const state = new nn.parallel.PowerSGDState({ startPowerSGDIter: 2, ...options });
  model.registerCommHook((bucket) => nn.parallel.powerSGDHook(state, bucket));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  for (let step = 0; step < golden.steps; step++) {
    backward(model, step);
    optimizer.step();
  }
  const want = torch.tensor(parameters, { dtype: torch.float64 });
  const apart = flat(model.parameters()).sub(want).abs().max().item<number>();
  await send({ name, apart, iter: state.iter, stats: state.compressionStats(), want: stats });
}

// With as many columns as the gradients have, the product is the mean itself. The first bucket holds 1 MiB.
const [model, plain] = [make(new nn.Linear(9, 15_000)), make(new nn.Linear(9, 15_000))];
const state = new nn.parallel.PowerSGDState({
  matrixApproximationRank: 9,
  startPowerSGDIter: 2,
  minCompressionRate: 0.1,
});
let buckets = 0;
model.registerCommHook((bucket) => {
  buckets = Math.max(buckets, bucket.index + 1);
  const parts = bucket.gradients.map((t) => t.numel()).reduce((a, b) => a + b);
  if (parts !== bucket.buffer.numel()) throw new Error('the gradients are not the bucket');
  return nn.parallel.powerSGDHook(state, bucket);
});
for (let step = 0; step < 4; step++) for (const one of [model, plain]) backward(one, step);
const [got, want] = [model, plain].map((one) => flat(one.parameters().map((p) => p.grad!)));
const [rate] = state.compressionStats();
await send({ exact: got!.sub(want!).abs().max().item(), buckets, compressed: rate !== 1 });
await leave();
