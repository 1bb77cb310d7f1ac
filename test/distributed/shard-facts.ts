// What goes wrong without a word where clipping and sharded state are put together by hand: each fact with its answer.
import torch, { clip, type distributed, nn, optim, type Tensor, type TorchClipError } from '../../lib/index.js';
import { bits } from '../optim/support.js';

const { distributed: d, float64 } = torch;
const [rank, size] = [d.getRank(), d.getWorldSize()];
/** What was found, and what must be; for at least three ranks, whose group is there when this is imported. */
export const facts: Record<string, { got: unknown; want: unknown }> = {};

const param = (shape: number[], value = 1) => torch.full(shape, value, { dtype: float64, requiresGrad: true });
const sgd = (params: Tensor[], clipper: clip.Clipper | null = clip.norm(1), options: { lr?: number } = {}) =>
  optim.shard(new optim.SGD(params, { lr: 1, ...options, clip: clipper }));
/** This rank's gradient: the mean over the ranks is `mean`, and no rank has that. */
const spread = (p: Tensor, mean: number) => {
  p.grad = torch.full(p.shape, mean + (rank - (size - 1) / 2), { dtype: p.dtype });
};
const refusal = (body: () => unknown): [string, string] | string => {
  try {
    body();
    return 'nothing thrown';
  } catch (error) {
    return [(error as TorchClipError).code, (error as Error).message];
  }
};
const all = <T>(value: T & distributed.Jsonable<T>): Promise<T[]> => d.allGatherObject<T>(value);

// The norm is that of all elements of the mean gradient: of no rank's own gradient, of no rank's part, not divided by √n.
{
  const params = [param([40000]), param([90]), param([3])];
  const optimizer = sgd(params, clip.norm(1));
  for (const p of params) spread(p, 2);
  optimizer.step();
  const norm = Math.sqrt(params.reduce((sum, p) => sum + p.numel() * 4, 0));
  facts['the norm is of the whole mean gradient'] = { got: optimizer.clipStats.norm.item(), want: norm };
  // The epsilon of the rule is added once, not by each rank.
  const coefficient = 1 / (norm + 1e-6);
  facts['the coefficient is that of one process'] = { got: optimizer.clipStats.coefficient.item(), want: coefficient };
  // And it is used, on every rank's part.
  facts['every element moves by the clipped gradient'] = {
    got: params.map((p) => [p.min().item(), p.max().item()]),
    want: params.map(() => [1 - 2 * coefficient, 1 - 2 * coefficient]),
  };
  facts['parameters are the same on all ranks'] = {
    got: new Set(await all(params.map(bits).join())).size,
    want: 1,
  };
}

// Each element's state is on one rank.
{
  const params = [param([40000]), param([90, 100]), param([7])];
  const optimizer = optim.shard(new optim.AdamW(params, { clip: clip.norm(1) }));
  for (const p of params) spread(p, 2);
  optimizer.step();
  const own = [...optimizer.state.values()].map(({ exp_avg: m }) => (m as Tensor).numel());
  const lists = await all(own);
  facts['each element has its state once'] = {
    got: params.map((_, i) => lists.reduce((sum, list) => sum + list[i]!, 0)),
    want: params.map((p) => p.numel()),
  };
  facts['no rank has more than its share and a chunk'] = {
    got: lists.every((list) => list.reduce((a, b) => a + b, 0) <= 49007 / size + 16384),
    want: true,
  };
  const { state } = optimizer.stateDict();
  facts['a state dict has whole tensors'] = {
    got: params.map((_, i) => (state[i]!.exp_avg as Tensor).shape),
    want: params.map((p) => p.shape),
  };
}

// More ranks than there is to share out: those without anything take part.
{
  const p = param([2]);
  const optimizer = sgd([p], clip.auto({ percentile: 50 }));
  for (const mean of [3, 1, 2]) {
    spread(p, mean);
    optimizer.step();
  }
  const alone = param([2]);
  const whole = new optim.SGD([alone], { lr: 1, clip: clip.auto({ percentile: 50 }) });
  for (const mean of [3, 1, 2]) {
    alone.grad = torch.full([2], mean, { dtype: float64 });
    whole.step();
  }
  facts['a rank with nothing of its own'] = {
    got: [p.tolist(), optimizer.clipStats.norm.item()],
    want: [alone.tolist(), whole.clipStats.norm.item()],
  };
}

// A tensor that two layers share is one parameter, and its norm counts once.
{
  const [first, second] = [
    new nn.Linear(4, 4, { bias: false, dtype: float64 }),
    new nn.Linear(4, 4, { bias: false, dtype: float64 }),
  ];
  second.weight = first.weight;
  const model = new nn.Sequential(first, second);
  const optimizer = sgd(model.parameters(), clip.norm(1));
  spread(first.weight, 0.5);
  optimizer.step();
  facts['tied parameters count once'] = {
    got: [optimizer.paramGroups[0]!.params.length, optimizer.clipStats.norm.item()],
    want: [1, 2],
  };
}

// NaN on one rank alone: no rank takes the step, and all count it.
{
  const p = param([5, 5]);
  const optimizer = sgd([p], clip.norm(1));
  spread(p, 1);
  if (rank === size - 1) p.grad!.fill_(Number.NaN);
  optimizer.step();
  facts['a step is skipped on all ranks or none'] = {
    got: [await all(p.sum().item<number>()), await all(optimizer.clipStats.skipped.item<number>())],
    want: [Array(size).fill(25), Array(size).fill(1)],
  };
}

// Gradients that add up over several backward passes are averaged once, by the step.
{
  const p = param([3]);
  const optimizer = sgd([p], clip.norm(10));
  for (const x of [1, 2])
    p.mul(x + rank)
      .sum()
      .backward();
  optimizer.step();
  const mean = 3 + (size - 1);
  facts['accumulated gradients are averaged'] = {
    got: optimizer.clipStats.norm.item<number>().toFixed(12),
    want: (mean * Math.sqrt(3)).toFixed(12),
  };
}

// The norm is that of unscaled gradients, and an overflow on one rank is known to all; with unscale_() and without.
for (const first of [false, true]) {
  const p = torch.ones([4], { requiresGrad: true });
  const optimizer = sgd([p], clip.norm(1));
  const scaler = new torch.GradScaler({ device: 'cpu', initScale: 1024 });
  scaler.scale(p.mul(3).sum()).backward();
  if (first) scaler.unscale_(optimizer);
  scaler.step(optimizer);
  scaler.update();
  facts[`the norm of unscaled gradients, ${first}`] = { got: optimizer.clipStats.norm.item(), want: 6 };
  optimizer.zeroGrad();
  scaler.scale(p.mul(3).sum()).backward();
  if (rank === 0) p.grad!.fill_(Number.POSITIVE_INFINITY);
  if (first) scaler.unscale_(optimizer);
  const before = bits(p);
  const { skipped } = scaler.step(optimizer);
  scaler.update();
  facts[`an overflow is known to all, ${first}`] = {
    got: [await all(skipped), bits(p) === before, await all(scaler.getScale())],
    want: [Array(size).fill(true), true, Array(size).fill(512)],
  };
}

// A parameter that takes part on one rank alone: zeros on the others, as under DistributedDataParallel.
{
  const [p, q] = [param([2]), param([2])];
  const optimizer = sgd([p, q], clip.norm(10));
  spread(p, 1);
  if (rank === 0) q.grad = torch.full([2], size, { dtype: float64 });
  optimizer.step();
  facts['a gradient on one rank alone'] = { got: q.tolist(), want: [0, 0] };
}

// A failure on one rank is one on all, each time, and changes nothing.
const stopped = (who: number, why: string) => [
  'ERR_DISTRIBUTED',
  `rank ${who} of the group has stopped a step of all: ${why}, as its own error says`,
];
{
  const p = param([3]);
  let fails = true;
  const custom = clip.custom(({ norm }) => {
    if (fails && rank === 1) throw new Error('no');
    return (1 + rank) / norm;
  });
  const optimizer = sgd([p], custom);
  spread(p, 2);
  facts['a custom clipper that throws'] = {
    got: refusal(() => optimizer.step()),
    want: rank === 1 ? [undefined, 'no'] : stopped(1, 'its custom clipper has failed'),
  };
  facts['and changes nothing'] = { got: p.tolist(), want: [1, 1, 1] };
  fails = false;
  optimizer.step();
  const moved = 1 / Math.sqrt(3);
  facts['a custom clipper is asked on rank 0'] = {
    got: (p.tolist() as number[]).map((x) => x.toFixed(12)),
    want: Array(3).fill((1 - moved).toFixed(12)),
  };

  const closure = () => {
    if (rank === 2) throw new Error('lost');
    return 1;
  };
  facts['a closure that throws'] = {
    got: refusal(() => optimizer.step(closure)),
    want: rank === 2 ? [undefined, 'lost'] : stopped(2, 'it cannot begin one'),
  };
  optimizer.paramGroups[0]!.lr = rank === 0 ? 0.5 : 0.25;
  const differ =
    'the ranks of a sharded optimizer must have the same parameters, options, clippers and state, which differ: give all the same options, and load one state dict on all';
  facts['options that differ'] = { got: refusal(() => optimizer.step()), want: ['ERR_DISTRIBUTED', differ] };
  optimizer.paramGroups[0]!.lr = -1 - rank;
  facts['options that are refused'] = {
    got: (refusal(() => optimizer.step()) as string[])[0],
    want: 'ERR_ARGUMENT',
  };
  optimizer.paramGroups[0]!.lr = 1;
  const made = [param([3 + rank]), param([3], rank)];
  facts['parameters that differ'] = { got: refusal(() => sgd([made[0]!])), want: ['ERR_DISTRIBUTED', differ] };
  sgd([made[1]!]);
  facts['values are those of rank 0'] = { got: made[1]!.tolist(), want: [0, 0, 0] };
  optimizer.step();
  facts['and the optimizer goes on'] = { got: new Set(await all(bits(p))).size, want: 1 };
}

// Under DistributedDataParallel, whose gradients are averaged already.
{
  torch.manualSeed(rank);
  const model = new nn.parallel.DistributedDataParallel(new nn.Linear(300, 100, { dtype: float64 }));
  const alone = new nn.Linear(300, 100, { dtype: float64 });
  alone.loadStateDict(model.module.stateDict());
  const optimizers = [
    optim.shard(new optim.AdamW(model.parameters(), { lr: 0.01, clip: clip.layerwise(0.1) }), {
      averageGradients: false,
    }),
    new optim.AdamW(alone.parameters(), { lr: 0.01, clip: clip.layerwise(0.1) }),
  ];
  const x = torch.randn([size * 2, 300], { dtype: float64, generator: new torch.Generator().manualSeed(5) });
  for (let step = 0; step < 3; step++) {
    for (const optimizer of optimizers) optimizer.zeroGrad();
    model
      .forward(x.narrow(0, rank * 2, 2))
      .pow(2)
      .mean()
      .backward();
    alone.forward(x).pow(2).mean().backward();
    for (const optimizer of optimizers) optimizer.step();
  }
  // Gradients that are the same on all ranks may be clipped by hand; those that a step averages may not.
  const warnings: string[] = [];
  const listener = ({ message }: Error) => warnings.push(message.slice(0, 53));
  process.on('warning', listener);
  // Means of means are the same, and sent twice: said where nobody has asked for them.
  const wrapped = () => new nn.parallel.DistributedDataParallel(new nn.Linear(2, 1)).parameters();
  optim.shard(new optim.SGD(wrapped(), { lr: 1 }));
  optim.shard(new optim.SGD(wrapped(), { lr: 1 }), { averageGradients: true });
  nn.utils.clipGradNorm_(model.parameters(), 1);
  const p = param([2]);
  sgd([p]);
  spread(p, 1);
  for (let n = 0; n < 2; n++) nn.utils.clipGradNorm_([model.module.weight!, p], 1);
  await new Promise(setImmediate);
  process.off('warning', listener);
  facts['clipping by hand is warned of, once, and so are means of means'] = {
    got: warnings,
    want: [
      'optim.shard() averages gradients that DistributedData',
      'clipGradNorm_ clips the gradients of this rank alone,',
    ],
  };
  const apart = model.module.weight!.sub(alone.weight!).abs().max().item<number>();
  facts['with DistributedDataParallel'] = { got: apart < 1e-12, want: true };
}
