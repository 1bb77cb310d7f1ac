// Where the host decides: single operators, small networks, an epoch of the demo, and many small tensors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDigits } from '../../examples/demo/digits.js';
import torch, { clip, data, nn, optim, type Tensor } from '../../lib/index.js';
import { type Child, python } from '../lib/child.js';
import { rawOf, type SmallRow } from '../lib/results.js';
import { against, here, type Measure, measure } from '../lib/rounds.js';
import { median } from '../lib/statistics.js';

export interface SmallOptions {
  rounds: number;
  onRow(row: SmallRow): void;
}

type Section = SmallRow['section'];

/** Times ours beside Python's `name` and, where there is one, `name, fused`. */
async function row(
  side: Child,
  section: Section,
  title: string,
  run: () => unknown,
  rivals: Record<string, string>,
  options: Measure,
): Promise<SmallRow> {
  const contenders = Object.entries(rivals).map(([label, name]) => [
    label,
    (iterations: number, untimed?: number) => side.call<number>('small', { name, iterations, untimed }),
  ]);
  const timing = await measure({ ours: here(run), ...Object.fromEntries(contenders) }, options);
  return {
    section,
    title,
    rounds: options.rounds,
    ...rawOf(timing),
    threads: torch.getNumThreads(),
    seconds: median(timing.rounds.ours!),
    rivals: Object.fromEntries(Object.keys(rivals).map((label) => [label, against(timing, label)])),
  };
}

export async function operators({ rounds, onRow }: SmallOptions): Promise<void> {
  const side = python();
  await side.call('make', { what: 'operators' });
  const [a, b] = [torch.randn([4]), torch.randn([4])];
  const [m, n] = [torch.randn([2, 2]), torch.randn([2, 2])];
  const list: [string, string, () => unknown][] = [
    ['a.add(b), 4 elements', 'add', () => a.add(b)],
    ['m.matmul(n), 2 x 2', 'matmul', () => m.matmul(n)],
    ['a.view([2, 2])', 'view', () => a.view([2, 2])],
    ['a.sum(), 4 elements', 'sum', () => a.sum()],
  ];
  for (const [title, name, run] of list) {
    onRow(await row(side, 'operators', title, run, { PyTorch: name }, { rounds, seconds: 0.1 }));
  }
  await side.close();
}

/** The demo's model, whatever its size. */
class RowReader extends nn.Module {
  rnn: nn.RNN;
  head: nn.Linear;

  constructor(inputs: number, hidden: number, outputs: number) {
    super();
    this.rnn = new nn.RNN(inputs, hidden, { batchFirst: true });
    this.head = new nn.Linear(hidden, outputs);
    nn.init.orthogonal_(this.rnn.weight_hh_l0!);
  }

  override forward(x: Tensor): Tensor {
    const [states] = this.rnn.forward(x);
    return this.head.forward(states.select(1, -1));
  }
}

function training(model: { forward(x: Tensor): Tensor; parameters(): Tensor[] }, loss: () => Tensor): () => void {
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9, clip: clip.norm(1) });
  return () => {
    optimizer.zeroGrad();
    loss().backward();
    optimizer.step();
  };
}

export async function networks({ rounds, onRow }: SmallOptions): Promise<void> {
  const threads = torch.getNumThreads();
  // As the demo does: matrices this small are done before a second thread has woken.
  torch.setNumThreads(1);
  const side = python();
  await side.call('make', { what: 'networks' });
  const mlp = new nn.Sequential(
    new nn.Linear(10, 32),
    new nn.ReLU(),
    new nn.Linear(32, 32),
    new nn.ReLU(),
    new nn.Linear(32, 1),
  );
  const [x, y] = [torch.randn([1, 10]), torch.randn([1, 1])];
  const squares = new nn.MSELoss();
  const mlpLoss = () => squares.forward(mlp.forward(x), y);
  const rnn = new RowReader(28, 32, 10);
  const [rows, labels] = [torch.randn([8, 10, 28]), torch.randint(10, [8])];
  const entropy = new nn.CrossEntropyLoss();
  const both = (name: string) => ({ PyTorch: name, 'PyTorch, fused': `${name}, fused` });
  const about = { rounds, seconds: 0.1 };
  onRow(
    await row(
      side,
      'networks',
      '3-layer MLP, batch 1, forward + backward',
      () => mlpLoss().backward(),
      { PyTorch: 'backward' },
      about,
    ),
  );
  onRow(await row(side, 'networks', '3-layer MLP, batch 1, training step', training(mlp, mlpLoss), both('mlp'), about));
  const rnnStep = training(rnn, () => entropy.forward(rnn.forward(rows), labels));
  onRow(await row(side, 'networks', 'RNN 32, batch 8 x 10 rows, training step', rnnStep, both('rnn'), about));
  onRow(await epoch(side, rounds));
  await side.close();
  torch.setNumThreads(threads);
}

/** One epoch of examples/demo on 8,000 digits, with the loss and the norm of every step read. */
async function epoch(side: Child, rounds: number): Promise<SmallRow> {
  const digits = loadDigits().train;
  const images = digits.x.toTypedArray<Float32Array<ArrayBuffer>>();
  const labels = digits.y.toTypedArray<BigInt64Array<ArrayBuffer>>();
  const files = mkdtempSync(join(tmpdir(), 'torch-clip-bench-'));
  writeFileSync(join(files, 'images'), images);
  writeFileSync(join(files, 'labels'), labels);
  await side.call('make', { what: 'epoch', images: join(files, 'images'), labels: join(files, 'labels') });

  const dataset = new data.TensorDataset(torch.tensor(images).view(-1, 28, 28), torch.tensor(labels));
  const loader = new data.DataLoader(dataset, { batchSize: 100, shuffle: true });
  const model = new RowReader(28, 128, 10);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9, clip: clip.norm(0.5) });
  const run = () => {
    const losses: number[] = [];
    const norms: number[] = [];
    for (const [x, y] of loader) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(x!), y!);
      loss.backward();
      optimizer.step();
      norms.push(optimizer.clipStats.norm.item());
      losses.push(loss.item());
    }
  };
  const title = "the demo's epoch: RNN 128, 80 batches of 100 digits";
  const result = await row(side, 'networks', title, run, { PyTorch: 'epoch' }, { rounds });
  rmSync(files, { recursive: true });
  return result;
}

/** Norm clip and AdamW over tensors that share no memory. */
export function stepOver(count: number, size: number): { optimizer: optim.Optimizer; params: Tensor[] } {
  const params = Array.from({ length: count }, () => torch.randn([size], { requiresGrad: true }));
  for (const p of params) p.grad = torch.randn([size]);
  return { optimizer: new optim.AdamW(params, { clip: clip.norm(1) }), params };
}

/** What a step costs beside its arithmetic. */
export async function host({ rounds, onRow }: SmallOptions): Promise<void> {
  const side = python();
  for (const [count, title] of [
    [1, 'step() of 1 tensor of 1 element: JavaScript and one call'],
    [2000, 'step() of 2,000 tensors of 1 element'],
  ] as const) {
    await side.call('make', { what: 'tensors', count, size: 1 });
    const { optimizer } = stepOver(count, 1);
    onRow(await row(side, 'host', title, () => optimizer.step(), { fused: 'tensors' }, { rounds }));
  }
  const { optimizer } = stepOver(2000, 1);
  optimizer.zeroGrad();
  onRow(await row(side, 'host', 'step() of 2,000 tensors without gradients', () => optimizer.step(), {}, { rounds }));
  await side.close();
}
