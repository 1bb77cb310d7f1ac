// Clip and step beside PyTorch's clip_grad_norm_ and fused AdamW, and against the machine's own copy: npm run bench:step
import { fileURLToPath } from 'node:url';
import torch, { clip, nn, optim } from '../lib/index.js';
import { compare, type Side } from './lib/paired.js';
import { python } from './lib/python.js';

const shapes: Record<string, [count: number, size: number]> = {
  large: [1, 20_000_000],
  layers: [200, 100_000],
  many: [2000, 1000],
  small: [2000, 10],
};

const optimizers = Object.entries(shapes).map(([name, [count, size]]) => {
  const params = Array.from({ length: count }, () => torch.randn([size], { requiresGrad: true }));
  for (const p of params) p.grad = torch.randn([size]);
  return [name, new optim.AdamW(params, { clip: clip.norm(1) })] as const;
});
const steps = new Map(optimizers);
const source = torch.randn([80_000_000]);
const target = torch.empty([80_000_000]);

function time(run: () => unknown, iterations: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < iterations; i++) run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}
const ours: Side = { run: (name, iterations) => time(() => steps.get(name)!.step(), iterations) };
const copy: Side = { run: (_, iterations) => time(() => target.copy_(source), iterations) };

const theirs = python(fileURLToPath(new URL('step.py', import.meta.url)));
console.log(`torch ${torch.version.libtorch}, ${torch.getNumThreads()} threads; clip by norm + AdamW, fp32`);
for (const [name, [count, size]] of Object.entries(shapes)) {
  const { ours: us, theirs: their, ratio, interval } = await compare(name, ours, theirs, { rounds: 15 });
  const bytes = ((32 * count * size) / us / 1e3).toFixed(1);
  console.log(
    `${`${count} x ${size}`.padEnd(14)} ours ${us.toFixed(0)} us (${bytes} GB/s at 32 bytes a parameter)  PyTorch ${their.toFixed(0)} us  ` +
      `ratio ${ratio.toFixed(2)} [${interval.map((x) => x.toFixed(2)).join(', ')}]`,
  );
}
theirs.close();
// The same bytes, 640 MB, through both.
const against = await compare('large', ours, copy, { rounds: 15 });
console.log(`large step against copy_ of as many bytes: ${(against.ratio * 100).toFixed(0)}% of its bandwidth`);

const big = torch.randn([124_000_000]);
const reference = big.to(torch.float64).norm().item();
const threads = torch.getNumThreads();
const norms = [1, 2].map((n) => {
  torch.setNumThreads(n);
  return nn.utils.getTotalNorm([big]).item();
});
torch.setNumThreads(threads);
console.log(
  `norm of 124M fp32 elements: relative error ${(Math.abs(norms[0]! - reference) / reference).toExponential(1)}, ` +
    `1 and 2 threads ${norms[0] === norms[1] ? 'agree' : 'DIFFER'} to the last bit`,
);
