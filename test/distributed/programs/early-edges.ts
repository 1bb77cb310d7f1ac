// What may become of gradients, parameters and groups around backward passes that send gradients. Sends what calls say.
import torch, { optim, type Tensor } from '../../../lib/index.js';
import { same } from '../sharded.js';
import { distributed as d, init, send } from './_rank.js';

await init();
const rank = d.getRank();
const pair = async () => (await d.newGroup([0, 1]))!;
const parameter = (shape: number[]) => torch.full(shape, 0.5, { requiresGrad: true });
const backward = (params: readonly Tensor[]) =>
  torch
    .stack(params.map((p) => p.mul(rank + 1).sum()))
    .sum()
    .backward();

function said(body: () => unknown): string {
  try {
    body();
    return '';
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message.split(/, as |: /)[0]}`;
  }
}

// Collectives that write to a gradient when a pass has sent it.
const other = await pair();
type Writing = (grad: Tensor) => Promise<unknown>;
const writings: readonly Writing[] = [
  (grad) => d.allReduce(grad, { group: other }),
  (grad) =>
    rank === 0
      ? d.send(torch.full([300_000], 0.25), 1, { group: other })
      : d.irecv(grad, { src: 0, group: other })!.done,
];
async function changed(write: Writing): Promise<string> {
  const [params, twins] = [0, 1].map(() => [parameter([300_000])]) as [Tensor[], Tensor[]];
  const under: Promise<unknown>[] = [];
  params[0]!.registerPostAccumulateGradHook((p) => void under.push(write(p.grad!)));
  const [own, assigned] = [params, twins].map((list) => optim.shard(new optim.SGD(list, { lr: 0.1 }))) as [
    optim.SGD,
    optim.SGD,
  ];
  for (let t = 0; t < 3; t++) {
    own.zeroGrad();
    backward(params);
    await Promise.all(under.splice(0));
    twins[0]!.grad = params[0]!.grad!.detach().clone();
    own.step();
    assigned.step();
    if (!same(params[0]!, twins[0]!)) return `differs after step ${t}`;
  }
  return '';
}

// Parameters that are no longer what they were on one rank, with a gradient there and without.
const replaced = (p: Tensor): readonly Tensor[] => [
  torch.ones([3_000_000, 6]),
  torch.ones([2, 6]),
  p.detach().view([6, 4]),
  torch.ones([6, 4]).transpose(0, 1),
  p.detach().to(torch.float64),
];
function refused(index: number, lacks: boolean): string {
  const params = [parameter([4, 6]), parameter([40_000])];
  const optimizer = optim.shard(new optim.AdamW(params));
  backward(params);
  optimizer.step();
  if (rank === 1) {
    params[0]!.grad = null;
    params[0]!.data = replaced(params[0]!)[index]!;
    if (!lacks) params[0]!.grad = torch.onesLike(params[0]!);
  }
  return said(() => optimizer.step());
}

// Ranks that call different things, each in a group of its own, which is of no use afterwards.
type Optimizers = readonly [optim.Optimizer, optim.Optimizer, () => unknown];
const orders: readonly ((of: Optimizers) => unknown)[] = [
  ([first, second]) => [first, second][rank]!.step(),
  ([first]) => (rank === 0 ? first.step() : first.stateDict()),
  ([first, second]) => [first, second][rank]!.stateDict(),
  ([first, , another]) => (rank === 0 ? first.step() : another()),
  ([first, , another]) => (rank === 0 ? first.stateDict() : another()),
];
async function mixed(call: (of: Optimizers) => unknown): Promise<string> {
  const group = await pair();
  const params = [parameter([70_000]), parameter([500])];
  const [first, second] = params.map((p) => optim.shard(new optim.AdamW([p]), { group })) as optim.AdamW[];
  for (let t = 0; t < 2; t++) {
    backward(params);
    first!.step();
    second!.step();
  }
  return said(() => call([first!, second!, () => optim.shard(new optim.SGD([parameter([3])]), { group })]));
}

const answers: Record<string, string[]> = { changes: [], parameters: [], orders: [], group: [] };
for (const write of writings) answers.changes!.push(await changed(write));
for (let i = 0; i < 5; i++) for (const lacks of [false, true]) answers.parameters!.push(refused(i, lacks));
for (const call of orders) answers.orders!.push(await mixed(call));

// A group that has gone, before a pass and while what a pass has sent is under way.
const params = [parameter([300_000])];
const optimizer = optim.shard(new optim.SGD(params));
backward(params);
optimizer.step();
await d.destroyProcessGroup();
for (let k = 0; k < 2; k++) answers.group!.push(said(() => backward(params)));
answers.group!.push(said(() => optimizer.step()));
await send(answers);
process.disconnect();
