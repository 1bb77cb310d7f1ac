// Resident memory over long synchronous loops that never call dispose: its peak over the second half must be that of
// the first, in which caches fill. Single moments say little, as the collector frees in bursts.
// npm run test:leak
import torch, { clip, nn, optim } from '../../../lib/index.js';

const limit = 50e6;
/** What nursery and caches may take in the first half. */
const limitOfFill = 400e6;

interface Scenario {
  name: string;
  steps: number;
  /** One step; what it makes is garbage afterwards. */
  start(): () => void;
}

const scenarios: Scenario[] = [
  {
    name: 'small ops: a.add(b) on 4 elements',
    steps: 3_000_000,
    start() {
      const a = torch.randn([4]);
      const b = torch.randn([4]);
      return () => a.add(b);
    },
  },
  {
    name: 'train steps: a two-layer network, norm clip + AdamW',
    steps: 20_000,
    start() {
      const model = new nn.Sequential(new nn.Linear(32, 64), new nn.ReLU(), new nn.Linear(64, 8));
      const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, clip: clip.norm(1) });
      const loss = new nn.MSELoss();
      const x = torch.randn([16, 32]);
      const y = torch.randn([16, 8]);
      return () => {
        optimizer.zeroGrad();
        loss.forward(model.forward(x), y).backward();
        optimizer.step();
      };
    },
  },
  {
    name: 'creations of tensors of 1 MB',
    steps: 10_000,
    start: () => () => torch.ones([1 << 18]),
  },
  {
    name: 'creations of tensors of 5 MB, on huge pages',
    steps: 5_000,
    start: () => () => torch.ones([5 << 18]),
  },
];

let failed = false;
for (const { name, steps, start } of scenarios) {
  const step = start();
  const every = Math.ceil(steps / 50);
  const peak = () => {
    let most = 0;
    for (let i = 0; i < steps; i++) {
      step();
      if (i % every === 0) most = Math.max(most, process.memoryUsage.rss());
    }
    return most;
  };
  const before = process.memoryUsage.rss();
  const first = peak();
  const fill = first - before;
  const growth = peak() - first;
  const flat = growth < limit && fill < limitOfFill;
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  console.log(
    `${name}: twice ${steps} steps, resident ${mb(first)} MB at most (+${mb(fill)}), then ${mb(growth)} MB more: ${flat ? 'flat' : 'GROWS'}`,
  );
  failed ||= !flat;
}
process.exitCode = failed ? 1 : 0;
