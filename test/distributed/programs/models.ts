// Trains a character-level GPT and a CNN under DistributedDataParallel, and alone on the whole batch; sends how far they end apart.
import torch, { clip, type Dtype, nn, optim, type Tensor } from 'torch-clip';
import { GPT } from '../../../examples/ports/gpt.js';
import { Net } from '../../../examples/ports/mnist.js';

const { distributed: d } = torch;
const F = nn.functional;
await d.initProcessGroup({
  initMethod: process.env.MEET!,
  rank: Number(process.env.RANK),
  worldSize: Number(process.env.WORLD_SIZE),
  timeout: 120,
});
const [rank, size] = [d.getRank(), d.getWorldSize()];
const [batch, steps] = [8, 6];
const text = Array.from('the quick brown fox jumps over the lazy dog, and the dog sleeps on. '.repeat(8));
const letters = [...new Set(text)].sort();
const codes = torch.tensor(
  text.map((letter) => letters.indexOf(letter)),
  { dtype: torch.int64 },
);
const own = (t: Tensor) => t.narrow(0, (batch / size) * rank, batch / size);

interface Model extends nn.Module {
  forward(x: Tensor): Tensor;
}
interface Task {
  make(): Model;
  data(step: number, dtype: Dtype): [x: Tensor, y: Tensor];
  loss(output: Tensor, y: Tensor): Tensor;
}

const block = 16;
const tasks: Record<string, Task> = {
  gpt: {
    make: () => new GPT({ vocabulary: letters.length, block, layers: 2, heads: 2, width: 32, dropout: 0 }),
    data(step) {
      const rows = Array.from({ length: batch }, (_, i) => ((step * batch + i) * 11) % (text.length - block - 1));
      const of = (shift: number) => torch.stack(rows.map((row) => codes.narrow(0, row + shift, block)));
      return [of(0), of(1)];
    },
    loss: (output, y) => F.crossEntropy(output.reshape([-1, letters.length]), y.reshape([-1])),
  },
  cnn: {
    make: () => new Net(),
    data(step, dtype) {
      const generator = new torch.Generator().manualSeed(step);
      const x = torch.randn([batch, 1, 28, 28], { generator }).to(dtype);
      return [x, torch.randint(0, 10, [batch], { generator })];
    },
    loss: (output, y) => F.nllLoss(output, y),
  },
};

const found: Record<string, number> = {};
for (const [name, { make, data, loss }] of Object.entries(tasks)) {
  for (const dtype of [torch.float64, torch.float32]) {
    for (const sharded of [false, true]) {
      const made = () => {
        torch.manualSeed(7);
        // Without dropout, which draws numbers of its own for each batch.
        const model = make();
        model.to(dtype).eval();
        return model;
      };
      const [model, alone] = [new nn.parallel.DistributedDataParallel(made()), made()];
      const optimizers = [model, alone].map((m) => new optim.AdamW(m.parameters(), { lr: 1e-3, clip: clip.norm(0.5) }));
      if (sharded) optim.shard(optimizers[0]!, { averageGradients: false });
      for (let step = 0; step < steps; step++) {
        const [x, y] = data(step, dtype);
        for (const optimizer of optimizers) optimizer.zeroGrad();
        loss(model.forward(own(x)), own(y)).backward();
        loss(alone.forward(x), y).backward();
        for (const optimizer of optimizers) optimizer.step();
      }
      const flat = (m: nn.Module) => torch.cat(m.parameters().map((p) => p.detach().reshape([-1])));
      const [got, want] = [flat(model), flat(alone)];
      found[`${name} ${dtype.name}${sharded ? ' sharded' : ''}`] = got.sub(want).norm().div(want.norm()).item<number>();
    }
  }
}
await new Promise((resolve) => process.send!(found, resolve));
await d.destroyProcessGroup();
process.disconnect();
