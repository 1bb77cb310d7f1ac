// What AutoClip's exact percentile costs per step as its history grows: npm run bench:auto
import torch, { clip, optim } from '../lib/index.js';

const million = 1_000_000;
// Heavy-tailed, and the same in every run.
let state = 1;
const draw = () => {
  state = (state * 48271) % 2147483647;
  return 2147483647 / state;
};

for (const window of [undefined, 1000, 100_000]) {
  const p = torch.zeros([1], { dtype: torch.float64, requiresGrad: true });
  const grad = torch.zeros([1], { dtype: torch.float64 });
  p.grad = grad;
  const optimizer = new optim.SGD([p], { lr: 1e-3, clip: clip.auto({ percentile: 75, window }) });
  const plain = new optim.SGD([p], { lr: 1e-3, clip: clip.norm(1) });
  const norms = Float64Array.from({ length: million }, draw);
  const time = (one: optim.Optimizer) => {
    const start = process.hrtime.bigint();
    for (const norm of norms) {
      grad.fill_(norm);
      one.step();
    }
    return Number(process.hrtime.bigint() - start) / 1e3 / million;
  };
  const bare = time(plain);
  const before = process.memoryUsage.rss();
  const us = time(optimizer);
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
  console.log(
    `window ${String(window ?? 'none').padStart(6)}: ${us.toFixed(2)} us a step over ${million} steps, ` +
      `clip.norm ${bare.toFixed(2)} us; memory grew by ${grown.toFixed(1)} MB`,
  );
}
