// Models under DistributedDataParallel beside the same model on the whole batch in one process; sends how far they are apart.
import torch, { clip, type Dtype, nn, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import { distributed as d, init, leave, send } from './_rank.js';

const { DistributedDataParallel } = nn.parallel;
await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const each = 4;

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 3, 3, { padding: 1 });
  fc1 = new nn.Linear(48, 16);
  fc2 = new nn.Linear(16, 3);
  override forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(this.conv.forward(x).relu().flatten(1)).tanh());
  }
}

/** One of two branches at a time. */
class Branches extends nn.Module {
  left = new nn.Linear(16, 3);
  right = new nn.Linear(16, 3);
  override forward(x: Tensor, which: 'left' | 'right'): Tensor {
    return this[which].forward(x.flatten(1));
  }
}

const data = (dtype: Dtype, step: number): [x: Tensor, y: Tensor] => {
  const generator = new torch.Generator().manualSeed(100 + step);
  return [
    torch.randn([each * size, 1, 4, 4], { generator }).to(dtype),
    torch.randn([each * size, 3], { generator }).to(dtype),
  ];
};
const mine = (t: Tensor) => t.narrow(0, rank * each, each);
const loss = (output: Tensor, y: Tensor) => output.sub(y).pow(2).mean();
const distance = (a: nn.Module, b: nn.Module) =>
  Math.max(...a.parameters().map((p, i) => p.detach().sub(b.parameters()[i]!.detach()).abs().max().item<number>()));
/** Whether all ranks have the same bits. */
async function alike(module: nn.Module): Promise<boolean> {
  const flat = torch.cat(module.parameters().map((p) => p.detach().view([-1])));
  const all = Array.from({ length: size }, () => torch.emptyLike(flat));
  await d.allGather(all, flat);
  return all.every((one) => one.equal(flat));
}
const make = (dtype: Dtype): Net => {
  // Every rank begins elsewhere; the wrapper makes them alike.
  torch.manualSeed(rank);
  return new Net().to(dtype);
};
const reference = (dtype: Dtype): Net => {
  torch.manualSeed(0);
  return new Net().to(dtype);
};

async function train(
  dtype: Dtype,
  options: ConstructorParameters<typeof DistributedDataParallel>[1] = {},
  hook?: 'bf16' | 'fp16',
): Promise<{ apart: number; alike: boolean; norm: number }> {
  const [model, alone] = [new DistributedDataParallel(make(dtype), options), reference(dtype)];
  if (hook !== undefined) model.registerCommHook(hook);
  const optimizers = [model, alone].map((m) => new optim.AdamW(m.parameters(), { lr: 0.01, clip: clip.norm(0.3) }));
  let norm = 0;
  for (let step = 0; step < 4; step++) {
    const [x, y] = data(dtype, step);
    for (const optimizer of optimizers) optimizer.zeroGrad();
    loss(model.forward(mine(x)), mine(y)).backward();
    loss(alone.forward(x), y).backward();
    const grads = [model, alone].map((m) => m.parameters().map((p) => p.grad!.pow(2).sum().item<number>()));
    const [own, whole] = grads.map((list) => Math.sqrt(list.reduce((a, b) => a + b, 0)));
    norm = Math.max(norm, Math.abs(own! - whole!) / whole!);
    for (const optimizer of optimizers) optimizer.step();
  }
  return { apart: distance(model.module, alone), alike: await alike(model), norm };
}

const answers: Record<string, unknown> = {};
answers.float64 = await train(torch.float64);
answers.float32 = await train(torch.float32);
answers.views = await train(torch.float64, { gradientAsBucketView: true, bucketCapMb: 0.001 });
answers.fixed = await train(torch.float64, { staticGraph: true });
answers.unused = await train(torch.float64, { findUnusedParameters: true });
answers.bf16 = await train(torch.float32, {}, 'bf16');
answers.fp16 = await train(torch.float32, {}, 'fp16');

// Gradients that add up on each rank first.
{
  const [model, alone] = [new DistributedDataParallel(make(torch.float64)), reference(torch.float64)];
  const [x, y] = data(torch.float64, 0);
  const back = (i: number) => {
    const [a, b] = [mine(x).narrow(0, i * 2, 2), mine(y).narrow(0, i * 2, 2)];
    loss(model.forward(a), b).div(2).backward();
  };
  model.noSync(() => back(0));
  const local = model.parameters()[0]!.grad!.clone();
  back(1);
  loss(alone.forward(x), y).backward();
  const [first, second] = [model.parameters(), alone.parameters()];
  answers.accumulated = {
    apart: Math.max(...first.map((p, i) => p.grad!.sub(second[i]!.grad!).abs().max().item<number>())),
    local: !local.equal(first[0]!.grad!),
  };
}

// A hook of the user's own: asked for every bucket, with what it returns as the mean.
{
  const model = new DistributedDataParallel(make(torch.float64), { bucketCapMb: 0.001 });
  const buckets: [number, boolean][] = [];
  let fails = false;
  model.registerCommHook(({ index, isLast, buffer }) => {
    if (fails) throw new Error('no');
    buckets.push([index, isLast]);
    const sum = buffer.clone();
    d.allReduce(sum, { wait: true });
    return sum.div_(size / 2);
  });
  const plain = new DistributedDataParallel(make(torch.float64));
  const [x, y] = data(torch.float64, 0);
  for (let step = 0; step < 2; step++) {
    for (const m of [model, plain]) {
      for (const p of m.parameters()) p.grad = null;
      loss(m.forward(mine(x)), mine(y)).backward();
    }
  }
  const twice = model.parameters().every((p, i) => p.grad!.allclose(plain.parameters()[i]!.grad!.mul(2)));
  const last = buckets.filter(([, isLast]) => isLast).length;
  fails = true;
  let message = '';
  try {
    loss(model.forward(mine(x)), mine(y)).backward();
  } catch (error) {
    message = (error as Error).message;
  }
  answers.hooked = [twice, last === 2 && buckets.length >= 2, message === 'no'];
}

// A backward pass that fails on all ranks, and another wrapper after it.
{
  const [net, alone] = [make(torch.float64), reference(torch.float64)];
  const model = new DistributedDataParallel(net);
  const [x, y] = data(torch.float64, 0);
  const hook = net.fc2.weight.registerHook(() => {
    throw new Error('mine');
  });
  const errors: string[] = [];
  for (const call of [() => loss(model.forward(mine(x)), mine(y)).backward(), () => model.forward(mine(x))]) {
    try {
      call();
    } catch (error) {
      errors.push((error as TorchClipError).code, (error as Error).message);
    }
  }
  hook.remove();
  const next = new DistributedDataParallel(net);
  for (const p of net.parameters()) p.grad = null;
  loss(next.forward(mine(x)), mine(y)).backward();
  loss(alone.forward(x), y).backward();
  const apart = net.parameters().map((p, i) => p.grad!.sub(alone.parameters()[i]!.grad!).abs().max().item<number>());
  answers.failed = [...errors.slice(2), Math.max(...apart) < 1e-12];
}

// Ranks with other numbers of batches: gradients over all ranks, then over those that are left, in one process.
{
  const [model, alone] = [new DistributedDataParallel(make(torch.float64)), reference(torch.float64)];
  const optimizers = [model, alone].map((m) => new optim.SGD(m.parameters(), { lr: 0.05 }));
  const batches = (of: number) => (of === 0 ? 2 : 5);
  let steps = 0;
  await model.join(() => {
    for (let step = 0; step < batches(rank); step++) {
      const [x, y] = data(torch.float64, step);
      optimizers[0]!.zeroGrad();
      loss(model.forward(mine(x)), mine(y)).backward();
      optimizers[0]!.step();
      steps++;
    }
  });
  for (let step = 0; step < 5; step++) {
    const [x, y] = data(torch.float64, step);
    optimizers[1]!.zeroGrad();
    for (let of = 0; of < size; of++) {
      if (step >= batches(of)) continue;
      const [a, b] = [x.narrow(0, of * each, each), y.narrow(0, of * each, each)];
      loss(alone.forward(a), b).div(size).backward();
    }
    optimizers[1]!.step();
  }
  const all = await d.allGatherObject(steps);
  answers.joined = { apart: distance(model.module, alone), steps: all, alike: await alike(model) };
}

// Parameters without gradients: found each time, or refused by name.
{
  const [x, y] = data(torch.float32, 0);
  const [a, b] = [mine(x), mine(y)];
  const finds = new DistributedDataParallel(new Branches(), { findUnusedParameters: true });
  for (const which of ['left', 'right', 'left'] as const) loss(finds.forward(a, which), b).backward();
  // Of which only one rank uses one.
  loss(finds.forward(a, rank === 0 ? 'left' : 'right'), b).backward();
  answers.branches = finds.parameters().every((p) => p.grad !== null);
  const fixed = new DistributedDataParallel(new Branches(), { staticGraph: true });
  for (let i = 0; i < 3; i++) loss(fixed.forward(a, 'right'), b).backward();
  answers.never = fixed.module.left.weight!.grad === null || fixed.module.left.weight!.grad!.abs().sum().item() === 0;
  const refuses = new DistributedDataParallel(new Branches());
  loss(refuses.forward(a, 'left'), b).backward();
  try {
    refuses.forward(a, 'left');
  } catch (error) {
    answers.refused = [(error as TorchClipError).code, (error as Error).message];
  }
}

// Buffers, names, and a graph that outlives the next forward pass.
{
  torch.manualSeed(rank);
  const model = new DistributedDataParallel(new nn.Sequential(new nn.Linear(16, 4), new nn.BatchNorm1d(4)));
  const [x] = data(torch.float32, rank);
  const first = model.forward(mine(x).flatten(1).add(rank)) as Tensor;
  const second = model.forward(mine(x).flatten(1)) as Tensor;
  first.sum().add(second.sum()).backward();
  torch.noGrad(() => model.forward(mine(x).flatten(1)));
  const buffers = model.buffers().slice(0, 2);
  for (const buffer of buffers) await d.broadcast(buffer.clone());
  answers.names = Object.keys(model.stateDict()).slice(0, 3);
}

// Batches that are normalised together.
{
  const layers = () =>
    new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.BatchNorm2d(3), new nn.Tanh(), new nn.Flatten());
  torch.manualSeed(1);
  const alone = layers().to(torch.float64);
  torch.manualSeed(1);
  const converted = nn.SyncBatchNorm.convertSyncBatchnorm(layers().to(torch.float64));
  const model = new DistributedDataParallel(converted, { broadcastBuffers: false });
  const apart: number[] = [];
  const note = (a: Tensor, b: Tensor) => apart.push(a.sub(b).abs().max().item<number>());
  for (let step = 0; step < 3; step++) {
    const [x] = data(torch.float64, step);
    const [own, whole] = [model.forward(mine(x)) as Tensor, alone.forward(x) as Tensor];
    note(own, mine(whole));
    own.pow(3).mean().backward();
    whole.pow(3).mean().backward();
  }
  model.parameters().forEach((p, i) => void note(p.grad!, alone.parameters()[i]!.grad!));
  model.buffers().forEach((b, i) => void note(b, alone.buffers()[i]!));
  // A rank that is through would leave the others' batches alone.
  const refusal = await model.join(() => 'ran').catch((error: unknown) => error as TorchClipError);
  answers.joinedNormalized = refusal instanceof TorchClipError ? [refusal.code, refusal.message] : refusal;
  model.eval();
  alone.eval();
  const [x] = data(torch.float64, 9);
  note(model.forward(mine(x)) as Tensor, mine(alone.forward(x) as Tensor));
  answers.normalized = [
    Math.max(...apart),
    Object.keys(converted.stateDict()).join() === Object.keys(alone.stateDict()).join(),
  ];
}

// Other parameters on one rank: refused on all, and the group goes on.
for (const [name, other] of [
  ['shape', () => new nn.Linear(2, rank === size - 1 ? 4 : 3)],
  ['count', () => new nn.Linear(2, 3, { bias: rank !== size - 1 })],
] as const) {
  try {
    new DistributedDataParallel(other());
  } catch (error) {
    answers[name] = [(error as TorchClipError).code, (error as Error).message];
  }
}
await d.barrier();
await send(answers);
await leave();
