// Functional collectives beside the same computation of all ranks in one process; sends how far values and gradients are apart.
import torch, { type Tensor } from '../../../lib/index.js';
import { distributed as d, init, leave, send } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const f = d.functional;
const ranks = Array.from({ length: size }, (_, i) => i);
const group = await d.newGroup(ranks.slice(1));

interface Case {
  /** Rows of each rank's input. */
  rows?: (rank: number) => number;
  here(x: Tensor): Tensor;
  /** The output of a rank, from the inputs of all. */
  alone(xs: Tensor[], rank: number): Tensor;
  /** For the members of a subgroup only. */
  subgroup?: boolean;
}

const total = (xs: Tensor[]) => xs.reduce((a, b) => a.add(b));
// From rank `from` to rank `to`.
const share = (from: number, to: number) => 1 + ((from + 2 * to) % 3);
const starts = (counts: number[]) => counts.map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0));

const cases: Record<string, Case> = {
  'allReduce, sum': { here: (x) => f.allReduce(x), alone: total },
  'allReduce, avg': { here: (x) => f.allReduce(x, { op: 'avg' }), alone: (xs) => total(xs).div(size) },
  'allReduce of columns': { here: (x) => f.allReduce(x.t()), alone: (xs) => total(xs).t() },
  'allReduce in a subgroup': {
    here: (x) => f.allReduce(x, { group: group!, timeout: 50 }),
    alone: (xs) => total(xs.slice(1)),
    subgroup: true,
  },
  broadcast: { here: (x) => f.broadcast(x, { src: size - 1 }), alone: (xs) => xs[size - 1]! },
  allGatherSingle: { here: (x) => f.allGatherSingle(x), alone: (xs) => torch.cat(xs) },
  'allGatherSingle of columns': {
    here: (x) => f.allGatherSingle(x, { gatherDim: -1 }),
    alone: (xs) => torch.cat(xs, 1),
  },
  reduceScatterSingle: {
    here: (x) => f.reduceScatterSingle(x),
    alone: (xs, r) => total(xs).chunk(size)[r]!,
  },
  'reduceScatterSingle of columns, avg': {
    here: (x) => f.reduceScatterSingle(x, { scatterDim: 1, op: 'avg' }),
    alone: (xs, r) => total(xs).div(size).chunk(size, 1)[r]!,
  },
  allToAllSingle: {
    here: (x) => f.allToAllSingle(x),
    alone: (xs, r) => torch.cat(xs.map((x) => x.chunk(size)[r]!)),
  },
  'allToAllSingle, uneven': {
    rows: (r) => ranks.reduce((n, to) => n + share(r, to), 0),
    here: (x) =>
      f.allToAllSingle(x, {
        outputSplitSizes: ranks.map((from) => share(from, rank)),
        inputSplitSizes: ranks.map((to) => share(rank, to)),
      }),
    alone: (xs, r) =>
      torch.cat(
        xs.map((x, from) => {
          const counts = ranks.map((to) => share(from, to));
          return x.narrow(0, starts(counts)[r]!, counts[r]!);
        }),
      ),
  },
  permuteTensor: {
    here: (x) =>
      f.permuteTensor(
        x,
        ranks.map((r) => (r + 1) % size),
      ),
    alone: (xs, r) => xs[(r + size - 1) % size]!,
  },
};

const apart = (a: Tensor, b: Tensor) => (a.shape.join() === b.shape.join() ? a.sub(b).abs().max().item<number>() : 1e9);
const answers: Record<string, number> = {};
for (const [name, { rows = () => 2 * size, here, alone, subgroup = false }] of Object.entries(cases)) {
  const members = subgroup ? ranks.slice(1) : ranks;
  if (!members.includes(rank)) continue;
  const input = (r: number) => {
    const generator = new torch.Generator().manualSeed(r);
    const t = torch.randn([rows(r), 2 * size], { generator, dtype: torch.float64 });
    return t.requiresGrad_();
  };
  // Each rank's loss has weights of its own, and a second derivative.
  const loss = (t: Tensor, r: number) =>
    t
      .pow(3)
      .mul(r + 1)
      .sum();
  const [x, xs] = [input(rank), ranks.map(input)];
  const output = here(x);
  const outputs = ranks.map((r) => alone(xs, r));
  const [first] = torch.autograd.grad(loss(output, rank), [x], { createGraph: true });
  const all = members.map((r) => loss(outputs[r]!, r)).reduce((a, b) => a.add(b));
  const inputs = members.map((r) => xs[r]!);
  const of = (value: Tensor) =>
    torch.autograd
      .grad(value, inputs, { createGraph: true, allowUnused: true })
      .map((grad, i) => grad ?? torch.zerosLike(inputs[i]!));
  const squared = (t: Tensor) => t.pow(2).sum();
  const firsts = of(all);
  const seconds = of(firsts.map(squared).reduce((a, b) => a.add(b)));
  const [second] = torch.autograd.grad(squared(first!), [x]);
  const at = members.indexOf(rank);
  answers[name] = Math.max(apart(output, outputs[rank]!), apart(first!, firsts[at]!), apart(second!, seconds[at]!));
}
await send(answers);
await leave();
