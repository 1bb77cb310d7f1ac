// Unusual modules and passes of fully sharded modules, beside the same ones alone; sends what differs.
import { inspect } from 'node:util';
import { native } from '../../../lib/binding/index.js';
import { ownerOf, partOf } from '../../../lib/distributed/sharded-parameters.js';
import torch, { clip, nn, optim, type Tensor } from '../../../lib/index.js';
import { distributed as d, init, leave, send } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const { fullyShard, registerFsdpForwardMethod } = d.fsdp;
const width = 150;

const found: Record<string, { got: unknown; want: unknown }> = {};
const same = (name: string, got: unknown, want: unknown): void => {
  found[name] = { got, want };
};
const codeOf = (use: () => unknown): string => {
  try {
    use();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

/** Layers that are sharded each, below a root. */
class Stack extends nn.Module {
  layers: nn.ModuleList<nn.Module>;
  constructor(
    layers: nn.Module[],
    readonly run: (layers: nn.TensorModule[], x: Tensor, of: number) => Tensor,
  ) {
    super();
    this.layers = new nn.ModuleList(layers);
  }
  override forward(x: Tensor, of: number): Tensor {
    return this.run([...this.layers] as nn.TensorModule[], x, of);
  }
}

class Recursive extends nn.Module {
  inner = new nn.Linear(width, width);
  override forward(x: Tensor, times = 2): Tensor {
    const y = times > 0 ? this.forward(x, times - 1) : x;
    return this.inner.forward(y).tanh();
  }
}
class Positions extends nn.Module {
  table = new nn.Parameter(torch.randn([width, width]));
  override forward(x: Tensor): Tensor {
    return this.table.narrow(0, 0, x.shape[0]!);
  }
}
/** Of which only rank 0 uses the second layer. */
class Partly extends nn.Module {
  first = new nn.Linear(width, width);
  second = new nn.Linear(width, width);
  override forward(x: Tensor, both: boolean): Tensor {
    const y = this.first.forward(x);
    return both ? this.second.forward(y) : y;
  }
}
class Halves extends nn.Module {
  linear = new nn.Linear(width, width);
  override forward(x: Tensor): Tensor {
    return this.linear.forward(x);
  }
  decode(x: Tensor): Tensor {
    return this.linear.forward(x).relu();
  }
}

const linear = () => new nn.Linear(width, width);
const through = (layers: nn.TensorModule[], x: Tensor): Tensor => layers.reduce((y, layer) => layer.forward(y), x);
const stacks: Record<string, () => Stack> = {
  'a module that calls itself': () => new Stack([linear(), new Recursive(), linear()], through),
  'an output that is a parameter': () =>
    new Stack([linear(), new Positions()], ([first, table], x) => first!.forward(x).add(table!.forward(x))),
  'a gradient on one rank only': () =>
    new Stack([linear(), new Partly(), new Partly()], ([first, ...partly], x, of) =>
      (partly as unknown as Partly[]).reduce((y, p) => p.forward(y, of === 0), first!.forward(x)),
    ),
  'another method': () =>
    new Stack([linear(), new Halves()], ([first, halves], x) =>
      (halves as unknown as Halves).decode(first!.forward(x)),
    ),
  'a weight under a norm': () => {
    const normed = nn.utils.parametrizations.weightNorm(linear());
    return new Stack([linear(), normed, linear()], through);
  },
  'recurrent layers': () =>
    new Stack([new nn.GRU(width, width, { batchFirst: true }), linear()], ([gru, last], x) => {
      const [y] = (gru as unknown as nn.GRU).forward(x.unsqueeze(0));
      return last!.forward(y.squeeze(0));
    }),
  'inputs changed in place': () =>
    new Stack([linear(), new nn.Sequential(new nn.ReLU({ inplace: true }), linear())], through),
};
const made = (name: string): Stack => {
  torch.manualSeed(5);
  return stacks[name]!();
};
const sharded = (net: Stack): Stack => {
  for (const layer of net.layers) registerFsdpForwardMethod(fullyShard(layer), 'forward');
  for (const layer of net.layers) if (layer instanceof Halves) registerFsdpForwardMethod(layer, 'decode');
  return fullyShard(net);
};
const loss = (net: Stack, step: number, of: number): Tensor => {
  const x = torch.randn([4, width], { generator: new torch.Generator().manualSeed(10 * step + of) });
  return net.forward(x, of).pow(2).mean();
};
/** The mean of all ranks' gradients, in their order. */
const averaged = (net: Stack, step: number): void => {
  const params = net.parameters();
  const sums: (Tensor | null)[] = params.map(() => null);
  for (let of = 0; of < size; of++) {
    net.zeroGrad();
    loss(net, step, of).backward();
    for (const [i, { grad }] of params.entries()) {
      if (grad !== null) sums[i] = sums[i] == null ? grad.clone() : sums[i]!.add(grad);
    }
  }
  for (const [i, p] of params.entries()) p.grad = sums[i]?.div(size) ?? null;
};
const values = (net: nn.Module): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(net.stateDict()).map(([name, t]) => [name, t.toTypedArray().toString().slice(0, 4000)]),
  );
const adam = (net: nn.Module) => new optim.AdamW(net.parameters(), { lr: 0.01, clip: clip.norm(0.5) });

for (const name of Object.keys(stacks)) {
  const [net, alone] = [sharded(made(name)), made(name)];
  const optimizers = [optim.shard(adam(net)), adam(alone)] as const;
  for (let step = 0; step < 2; step++) {
    for (const each of optimizers) each.zeroGrad();
    loss(net, step, rank).backward();
    averaged(alone, step);
    for (const each of optimizers) each.step();
  }
  same(name, values(net), values(alone));
}

// Layers that come in another order each time, so that what was fetched ahead is not what is needed next; fetches that only
// some ranks have begun, and of values that have changed since.
{
  let order = [0, 1, 2, 3];
  const four = () => {
    torch.manualSeed(6);
    return new Stack([linear(), linear(), linear(), linear()], (layers, x) =>
      through(
        order.map((i) => layers[i]!),
        x,
      ),
    );
  };
  const [net, alone] = [sharded(four()), four()];
  const optimizers = [optim.shard(adam(net)), adam(alone)] as const;
  const orders = [
    [0, 1, 2, 3],
    [0, 1, 2, 3],
    [3, 1, 0, 2],
    [2, 2, 1],
    [3, 1, 0, 2],
    [0, 1, 2, 3],
  ];
  for (const [step, one] of orders.entries()) {
    order = one;
    for (const each of optimizers) each.zeroGrad();
    loss(net, step, rank).backward();
    averaged(alone, step);
    const layer = ownerOf((net.layers.at(step % 4) as nn.Linear).weight)!;
    if (rank === step % size) native.shardedPrefetch(layer.native);
    for (const each of optimizers) each.step();
    if (rank === 0) native.shardedPrefetch(ownerOf((net.layers.at((step + 1) % 4) as nn.Linear).weight)!.native);
  }
  same('in changing orders', values(net), values(alone));
}

// A pass that fails leaves the gradients of those before it, and those of itself are gone.
{
  const name = 'recurrent layers';
  const [net, alone] = [sharded(made(name)), made(name)];
  const optimizers = [optim.shard(adam(net)), adam(alone)] as const;
  loss(net, 0, rank).backward();
  const grads = () =>
    net
      .parameters()
      .map((p) => (p.grad === null ? null : partOf(p.grad).tensor.toTypedArray().toString().slice(0, 2000)));
  const had = grads();
  const last = net.layers.at(1) as nn.Linear;
  const hook = net.layers
    .at(0)!
    .parameters()[0]!
    .registerHook(() => {
      throw new Error('stop');
    });
  same(
    'what a pass throws',
    codeOf(() => loss(net, 1, rank).backward()),
    'Error: stop',
  );
  hook.remove();
  same('gradients after it', grads(), had);
  same(
    'parameters after it',
    codeOf(() => last.weight.sum()),
    'ERR_STATE',
  );
  averaged(alone, 0);
  for (const each of optimizers) each.step();
  same('the step after it', values(net), values(alone));
  for (const each of optimizers) each.zeroGrad();
  loss(net, 2, rank).backward();
  averaged(alone, 2);
  for (const each of optimizers) each.step();
  same('the next step', values(net), values(alone));

  // Printed, cleared and transformed.
  same('printed', inspect(last.weight), `tensor(..., size=(${width}, ${width}), requires_grad=True)`);
  net.zeroGrad({ setToNone: false });
  same(
    'cleared',
    ownerOf(last.weight)!.parameters.every((p) => p.grad !== null),
    true,
  );
  const x = torch.randn([4, width], { generator: new torch.Generator().manualSeed(1) });
  same(
    'under func.grad, which records',
    codeOf(() => torch.func.grad((t: Tensor) => net.forward(t, rank).sum())(x)),
    'ERR_STATE',
  );
  const mapped = [last, alone.layers.at(1) as nn.Linear].map((each) =>
    torch.func.vmap((t: Tensor) => each.forward(t))(x),
  );
  same('under func.vmap', mapped[0]!.toTypedArray().toString(), mapped[1]!.toTypedArray().toString());
}

// One parameter under two names, and optimizers that would move what others use.
{
  class Twice extends nn.Module {
    weight = new nn.Parameter(torch.randn([width, width]));
    again = this.weight;
    override forward(x: Tensor): Tensor {
      return x.matmul(this.weight).matmul(this.again);
    }
  }
  const twice = fullyShard(new Twice());
  const state = twice.stateDict();
  same('both names', state.weight!.equal(state.again!), true);
  same('both names in parts', Object.keys(twice.shardedStateDict()), ['weight', 'again']);
  twice.unshard();
  twice.stateDict();
  same(
    'still whole',
    codeOf(() => twice.weight.sum()),
    'none',
  );
  twice.reshard();

  const rows = (net: nn.Module) => new optim.SGD(net.parameters(), { lr: 1, clip: clip.norm(1, { scope: 'row' }) });
  const wide = () => new nn.Linear(20011, 7);
  const first = fullyShard(wide());
  optim.shard(adam(first));
  same(
    'other ranges',
    codeOf(() => optim.shard(rows(first))),
    size > 1 ? 'ERR_STATE' : 'none',
  );
  same(
    'the same ranges',
    codeOf(() => optim.shard(adam(first))),
    'none',
  );
  const late = fullyShard(wide());
  late
    .forward(torch.ones([1, 20011]))
    .sum()
    .backward();
  same(
    'after a backward pass',
    codeOf(() => optim.shard(rows(late))),
    size > 1 ? 'ERR_STATE' : 'none',
  );
  const early = wide();
  optim.shard(adam(early));
  same(
    'before fullyShard()',
    codeOf(() => fullyShard(early)),
    'ERR_STATE',
  );
  same(
    'without a forward pass',
    codeOf(() => fullyShard(new nn.ModuleList([linear()]))),
    'ERR_ARGUMENT',
  );
  same(
    'without shapes',
    codeOf(() => fullyShard(new nn.LazyLinear(3))),
    'ERR_STATE',
  );
  class Later extends nn.Module {
    inner = linear();
    override async forward(x: Tensor): Promise<Tensor> {
      return this.inner.forward(x);
    }
  }
  same(
    'asynchronous',
    codeOf(() => fullyShard(new Later()).forward(torch.ones([1, width]))),
    'ERR_ASYNC_SCOPE',
  );
}

// Ranks that go different ways: nothing works from then on, and nobody waits.
if (size > 1) {
  const net = sharded(made('recurrent layers'));
  const optimizer = optim.shard(adam(net));
  const x = torch.ones([1, width]);
  const ways = [() => net.forward(x, rank), () => optimizer.step()] as const;
  same('different ways', codeOf(ways[rank % 2]!), 'ERR_DISTRIBUTED');
  for (const [i, way] of ways.entries()) same(`afterwards, ${i}`, codeOf(way), 'ERR_DISTRIBUTED');
}
await send(found);
await leave();
