// The cost of an op and of a small training step beside Python PyTorch on the same libtorch: npm run bench:ops
import { fileURLToPath } from 'node:url';
import torch, { nn } from '../lib/index.js';
import { compare, type Side } from './lib/paired.js';
import { python } from './lib/python.js';

const a = torch.randn([4]);
const b = torch.randn([4]);
const m = torch.randn([2, 2]);
const n = torch.randn([2, 2]);
const model = new nn.Sequential(
  new nn.Linear(10, 32),
  new nn.ReLU(),
  new nn.Linear(32, 32),
  new nn.ReLU(),
  new nn.Linear(32, 1),
);
const criterion = new nn.MSELoss();
const x = torch.randn([1, 10]);
const y = torch.randn([1, 1]);

const cases: Record<string, { title: string; run: () => unknown }> = {
  add: { title: 'a.add(b), 4 elements', run: () => a.add(b) },
  matmul: { title: 'm.matmul(n), 2 x 2', run: () => m.matmul(n) },
  view: { title: 'a.view([2, 2])', run: () => a.view([2, 2]) },
  sum: { title: 'a.sum(), 4 elements', run: () => a.sum() },
  mlp: {
    title: '3-layer MLP, batch 1, forward + backward',
    run: () => criterion.forward(model.forward(x), y).backward(),
  },
};

const ours: Side = {
  run(name, iterations) {
    const { run } = cases[name]!;
    const start = process.hrtime.bigint();
    for (let i = 0; i < iterations; i++) run();
    return Number(process.hrtime.bigint() - start) / 1e9;
  },
};

const theirs = python(fileURLToPath(new URL('ops.py', import.meta.url)));
console.log(
  `torch ${torch.version.libtorch}, ${torch.getNumThreads()} threads; ratio = PyTorch / torch-clip, above 1 we are faster`,
);
for (const [name, { title }] of Object.entries(cases)) {
  const r = await compare(name, ours, theirs);
  const [low, high] = r.interval;
  console.log(
    `${title.padEnd(42)} ours ${r.ours.toFixed(2)} us  PyTorch ${r.theirs.toFixed(2)} us  ` +
      `ratio ${r.ratio.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}] over ${r.rounds} rounds`,
  );
}
theirs.close();
