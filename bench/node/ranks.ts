// One rank of ours: collectives, and training steps under DistributedDataParallel or with a sharded optimizer. Our counterpart of python/ranks.py.
import torch, { clip, nn, optim, type Tensor } from 'torch-clip';
import { words } from '../../examples/ports/data.js';
import { GPT, optimizerOf } from '../../examples/ports/gpt.js';
import { type Calls, serve, timeAwaited, timeCalls } from './serve.js';

const { distributed: d } = torch;
const F = nn.functional;
const { DistributedDataParallel } = nn.parallel;
torch.setNumThreads(Number(process.env.BENCH_THREADS));

type First = Record<string, number[]>;
interface Case {
  run(): unknown;
  /** Whether it returns a promise. */
  awaited?: boolean;
}
const cases: Record<string, Case> = {};

const place = { rank: Number(process.env.RANK), worldSize: Number(process.env.WORLD_SIZE) };
const seeded = <T>(seed: number, make: () => T): T => {
  torch.manualSeed(seed);
  return make();
};

/** The means over the ranks of one element, which stays as it is however often it is replaced by them. */
async function collectives(): Promise<First> {
  const first: First = {};
  for (const [name, n] of [
    ['small', 4],
    ['large', 25e6],
  ] as const) {
    const t = torch.full([n], place.rank, { dtype: torch.float32 });
    cases[name] = { run: () => d.allReduce(t, { op: 'avg', wait: true }) };
    cases[`${name}, awaited`] = { run: () => d.allReduce(t, { op: 'avg' }), awaited: true };
    await d.allReduce(t, { op: 'avg' });
    first[name] = first[`${name}, awaited`] = [t.mean().item()];
  }
  cases.barrier = { run: () => d.barrier({ wait: true }) };
  return first;
}

/** The losses of a case's first steps, over all ranks. */
function losses(name: string): number[] {
  return [0, 1, 2].map(() => {
    const loss = (cases[name]!.run() as Tensor).detach().clone();
    d.allReduce(loss, { op: 'avg', wait: true });
    return loss.item();
  });
}

function mlp(): First {
  const make = () =>
    new DistributedDataParallel(
      new nn.Sequential(
        new nn.Linear(784, 256),
        new nn.ReLU(),
        new nn.Linear(256, 256),
        new nn.ReLU(),
        new nn.Linear(256, 10),
      ),
    );
  const [passed, trained] = [seeded(0, make), seeded(0, make)];
  const [x, y] = seeded(1 + place.rank, () => [torch.randn([64, 784]), torch.randint(10, [64])]);
  const optimizer = new optim.SGD(trained.parameters(), { lr: 1e-3, momentum: 0.9, clip: clip.norm(1) });
  const backward = (model: ReturnType<typeof make>) => {
    const loss = F.crossEntropy(model.forward(x) as Tensor, y);
    loss.backward();
    return loss;
  };
  cases.backward = {
    run() {
      passed.zeroGrad();
      return backward(passed);
    },
  };
  cases.mlp = {
    run() {
      optimizer.zeroGrad();
      const loss = backward(trained);
      optimizer.step();
      return loss;
    },
  };
  return { backward: losses('backward'), mlp: losses('mlp') };
}

/** With averages of DistributedDataParallel, or with shares of the optimizer's state. */
function gpt(name: 'gpt' | 'sharded'): First {
  const config = { vocabulary: 64, block: 64, layers: 8, heads: 8, width: 512, dropout: 0 };
  const model = seeded(0, () => (name === 'gpt' ? new DistributedDataParallel(new GPT(config)) : new GPT(config)));
  const optimizer = optimizerOf(model);
  if (name === 'sharded') optim.shard(optimizer);
  for (const group of optimizer.paramGroups) group.lr = 1e-4;
  const text = words(20_000, config.vocabulary);
  const rows = (shift: number) =>
    torch.stack([0, 1].map((i) => text.narrow(0, shift + (2 * place.rank + i) * config.block, config.block)));
  const [tokens, next] = [rows(0), rows(1).flatten()];
  cases[name] = {
    run() {
      optimizer.zeroGrad();
      const loss = F.crossEntropy((model.forward(tokens) as Tensor).flatten(0, 1), next);
      loss.backward();
      optimizer.step();
      return loss;
    },
  };
  return { [name]: losses(name) };
}

const makers = { collectives, mlp, gpt: () => gpt('gpt'), sharded: () => gpt('sharded') };

await serve({
  join: ({ path }: { path: string }) => d.initProcessGroup({ initMethod: `file://${path}`, ...place }).then(() => null),
  make: ({ what }: { what: keyof typeof makers }) => makers[what](),
  time: ({ name, ...calls }: { name: string } & Calls) => {
    const { run, awaited } = cases[name]!;
    return awaited ? timeAwaited(run, calls) : timeCalls(run, calls);
  },
});
