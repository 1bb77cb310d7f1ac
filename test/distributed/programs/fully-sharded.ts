// Trains modules whose parameters and gradients ranks share, beside the same ones alone with the gradients of all ranks; sends what differs.
import { createHash } from 'node:crypto';
import { ownerOf, partOf } from '../../../lib/distributed/sharded-parameters.js';
import torch, { clip, io, nn, optim, type Tensor } from '../../../lib/index.js';
import { distributed as d, init, leave, send, settings } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const { fullyShard } = d.fsdp;
const width = 160;

class Block extends nn.Module {
  norm = new nn.LayerNorm(width);
  up = new nn.Linear(width, 2 * width);
  down = new nn.Linear(2 * width, width);
  override forward(x: Tensor): Tensor {
    return x.add(this.down.forward(this.up.forward(this.norm.forward(x)).relu()));
  }
}

class Net extends nn.Module {
  embedding = new nn.Embedding(50, width);
  blocks = new nn.ModuleList([new Block(), new Block(), new Block()]);
  norm = new nn.BatchNorm1d(width);
  head = new nn.Linear(width, 10);
  constructor(readonly path: Path = {}) {
    super();
  }
  override forward(ids: Tensor): Tensor {
    let x = this.embedding.forward(ids);
    for (const [i, block] of [...(this.blocks as unknown as Iterable<Block>)].entries()) {
      if (this.path.skips === i) continue;
      const call = (y: Tensor): Tensor => block.forward(y);
      x = this.path.checkpoints ? torch.utils.checkpoint.checkpoint(call, [x]) : call(x);
      if (this.path.repeats === i) x = call(x);
    }
    return this.head.forward(this.norm.forward(x));
  }
}

/** What is unusual about a forward pass. */
interface Path {
  skips?: number;
  repeats?: number;
  checkpoints?: boolean;
}

const made = (path?: Path, dtype = torch.float32): Net => {
  torch.manualSeed(3);
  return new Net(path).to(dtype);
};
const blocksOf = (net: Net): Block[] => [...(net.blocks as unknown as Iterable<Block>)];
const sharded = (net: Net, reshardAfterForward: boolean | null = null) => {
  for (const block of blocksOf(net)) fullyShard(block, { reshardAfterForward });
  return fullyShard(net, { reshardAfterForward });
};
const loss = (net: Net, step: number, of: number): Tensor => {
  const generator = new torch.Generator().manualSeed(100 * step + of);
  const x = torch.randint(0, 50, [6], { generator });
  const y = torch.randint(0, 10, [6], { generator });
  return nn.functional.crossEntropy(net.forward(x), y);
};
/** Averages the gradients of all ranks' batches on this one, in the order of the ranks. */
const averaged = (net: Net, step: number, passes = 1): void => {
  const before = net.buffers().map((b) => b.clone());
  const sums = new Map<Tensor, Tensor>();
  for (let pass = 0; pass < passes; pass++) {
    const own = net.parameters().map(() => null as Tensor | null);
    let after: Tensor[] = [];
    for (let of = 0; of < size; of++) {
      for (const [i, b] of net.buffers().entries()) b.copy_(before[i]!);
      for (const p of net.parameters()) p.grad = null;
      loss(net, step + 50 * pass, of).backward();
      if (of === rank) after = net.buffers().map((b) => b.clone());
      for (const [i, p] of net.parameters().entries()) {
        if (p.grad === null) continue;
        own[i] = own[i] === null ? p.grad.clone() : own[i]!.add(p.grad);
      }
    }
    for (const [i, b] of after.entries()) before[i]!.copy_(b);
    for (const [i, p] of net.parameters().entries()) {
      const mean = own[i]?.div(size);
      const sum = sums.get(p);
      if (mean) sums.set(p, sum === undefined ? mean : sum.add(mean));
    }
  }
  for (const [i, b] of net.buffers().entries()) b.copy_(before[i]!);
  for (const p of net.parameters()) p.grad = sums.get(p) ?? null;
};
const bits = (t: Tensor): string =>
  createHash('sha1')
    .update(t.detach().contiguous().reshape([-1]).view(torch.uint8).toTypedArray<Uint8Array<ArrayBuffer>>())
    .digest('base64');
/** A state with bits in place of tensors. */
const shot = (value: unknown): unknown => {
  if (value instanceof torch.Tensor) return bits(value);
  if (Array.isArray(value)) return value.map(shot);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shot(each)]));
};

const found: Record<string, { got: unknown; want: unknown }> = {};
const same = (name: string, got: unknown, want: unknown): void => {
  found[name] = { got, want };
};

interface Case {
  path?: Path;
  reshards?: boolean;
  passes?: number;
  frozen?: boolean;
  optimizer?: (params: Tensor[]) => optim.Optimizer;
}
const adam = (params: Tensor[]) => new optim.AdamW(params, { lr: 0.01, clip: clip.norm(0.5) });
const cases: Record<string, Case> = {
  plain: {},
  'kept after forward': { reshards: false },
  'given back by the outermost too': { reshards: true },
  'two backward passes': { passes: 2 },
  'a block that is not reached': { path: { skips: 1 } },
  'a block that is called twice': { path: { repeats: 1 } },
  checkpoints: { path: { checkpoints: true } },
  'a frozen block': { frozen: true },
  'rows, in groups': {
    optimizer: (params) =>
      new optim.LAMB(
        [{ params: params.filter((p) => p.dim() > 1) }, { params: params.filter((p) => p.dim() < 2), weightDecay: 0 }],
        { lr: 0.01, clip: clip.chain(clip.norm(1, { scope: 'row' }), clip.auto({ percentile: 50 })) },
      ),
  },
};
for (const [name, { path, reshards, passes = 1, frozen, optimizer = adam }] of Object.entries(cases)) {
  const [net, alone] = [sharded(made(path), reshards ?? null), made(path)];
  if (frozen) for (const each of [net, alone]) blocksOf(each)[1]!.requiresGrad_(false);
  const trained = (of: Net) => of.parameters().filter((p) => p.requiresGrad);
  const optimizers = [optim.shard(optimizer(trained(net))), optimizer(trained(alone))] as const;
  for (let step = 0; step < 3; step++) {
    for (const each of optimizers) each.zeroGrad();
    for (let pass = 0; pass < passes; pass++) loss(net, step + 50 * pass, rank).backward();
    averaged(alone, step, passes);
    for (const each of optimizers) each.step();
  }
  const norms = optimizers.map((each) => bits(each.clipStats!.norm));
  same(`${name}: norm`, norms[0], norms[1]);
  same(`${name}: state`, shot(net.stateDict()), shot(alone.stateDict()));
  const states = optimizers.map((each) => shot(each.stateDict()));
  same(`${name}: the optimizer's`, states[0], states[1]);
  // In evaluation.
  for (const each of [net, alone]) each.eval();
  const outputs = torch.noGrad(() => [net, alone].map((each) => bits(loss(each, 9, rank))));
  same(`${name}: output`, outputs[0], outputs[1]);
}

// Memory: of the parameters and of their gradients, while nothing runs.
{
  const net = sharded(made(), true);
  const optimizer = optim.shard(adam(net.parameters()));
  const owners = [...blocksOf(net), net].map((m) => ownerOf(m.parameters().at(-1)!)!);
  const resident = () => owners.map((o) => o.residentBytes);
  const all = owners.map((o) => o.parameters.reduce((sum, p) => sum + p.nbytes, 0));
  const before = resident();
  loss(net, 0, rank).backward();
  const after = resident();
  const partsOfGrads = () => net.parameters().map((p) => bits(partOf(p.grad!).tensor));
  const grads = partsOfGrads();
  optimizer.step();
  same('grad stays what it was', partsOfGrads(), grads);
  const page = 4096;
  // What a part has at most: its share, up to a chunk of 16,384 elements, and a page for each parameter.
  const fits = (bytes: number[]) =>
    bytes.every((b, i) => b <= all[i]! / size + 4 * 16_384 + page * owners[i]!.parameters.length * 2);
  same('memory', [before, after, resident()].map(fits), [true, true, true]);
  owners[0]!.gather();
  same('whole memory', resident()[0]! >= all[0]!, true);
  owners[0]!.release();
}

// What fails in a pass ends with it.
{
  const [net, alone] = [sharded(made()), made()];
  const optimizers = [optim.shard(adam(net.parameters())), adam(alone.parameters())] as const;
  const output = loss(net, 0, rank);
  const hook = net.head.weight.registerHook(() => {
    throw new Error('stop');
  });
  let message = '';
  try {
    output.backward({ retainGraph: true });
  } catch (error) {
    message = (error as Error).message;
  }
  hook.remove();
  same('a failing hook', message, 'stop');
  for (const each of optimizers) each.zeroGrad();
  output.backward({ retainGraph: true });
  for (const each of optimizers) each.zeroGrad();
  output.backward();
  averaged(alone, 0);
  for (const each of optimizers) each.step();
  same('after it', shot(net.stateDict()), shot(alone.stateDict()));
  const refusal = (use: () => unknown): string => {
    try {
      use();
      return '';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  // Whatever reads what is not there is refused; what is there may be used, but its gradient would be this rank's alone.
  const { weight } = net.head;
  const x = torch.randn([3, width]);
  const uses: Record<string, () => unknown> = {
    'in a penalty': () => weight.pow(2).sum(),
    'by another module': () => nn.functional.linear(x, weight),
    'its gradient': () => weight.grad!.norm(),
    'by a method that is no forward pass': () => blocksOf(net)[0]!.norm.forward(x),
    whole: () => {
      net.unshard();
      try {
        weight.sum().backward();
      } finally {
        net.reshard();
      }
    },
    'in a pass that is recorded': () => loss(net, 0, rank).backward({ createGraph: true }),
  };
  for (const [how, use] of Object.entries(uses))
    same(`a use outside of the forward pass: ${how}`, refusal(use), 'ERR_STATE');
  let step = '';
  try {
    adam(net.parameters()).step();
    nn.utils.clipGradNorm_(net.parameters(), 1);
  } catch (error) {
    step = (error as Error).message;
  }
  same('another optimizer', /use optim\.shard\(optimizer\)/.test(step), true);
}

// State: saved whole and in parts, and loaded.
{
  const net = sharded(made());
  const optimizer = optim.shard(adam(net.parameters()));
  const train = (t: number) => {
    optimizer.zeroGrad();
    loss(net, t, rank).backward();
    optimizer.step();
  };
  train(0);
  const saved = net.stateDict();
  const parameters = (all: unknown) => Object.entries(all as object).filter(([name]) => !name.startsWith('norm.'));
  const kept = parameters(shot(saved));
  const state = { model: net.shardedStateDict(), optimizer: optimizer.shardedStateDict() };
  await d.saveCheckpoint(settings.folder as string, state);
  const optimizerState = optimizer.stateDict();
  train(1);
  const want = parameters(shot(net.stateDict()));
  same('a state dict is a copy', parameters(shot(saved)), kept);
  net.loadStateDict(saved);
  optimizer.loadStateDict(optimizerState);
  train(1);
  // Running statistics are each rank's own.
  same('loaded', parameters(shot(net.stateDict())), want);
  const read = io.loadCheckpoint<{ model: Record<string, Tensor>; optimizer: never }>(
    io.latest(settings.folder as string)!,
  );
  same('in parts', parameters(shot(read.model)), kept);
  let refused = '';
  try {
    net.loadStateDict(saved, { assign: true });
  } catch (error) {
    refused = (error as Error).message;
  }
  same(
    'replaced',
    refused,
    '"weight" of an Embedding was replaced: the parameters of a fully sharded module stay its own; load without "assign"',
  );
}

// Ranks that go different ways.
if (size > 1) {
  const net = sharded(made());
  let code = '';
  try {
    if (rank === 0) blocksOf(net)[0]!.forward(torch.zeros([1, width]));
    else blocksOf(net)[1]!.forward(torch.zeros([1, width]));
  } catch (error) {
    code = (error as { code: string }).code;
  }
  same('different ways', code, 'ERR_DISTRIBUTED');
}
await send(found);
await leave();
