// Prints a digest of what rules and norms compute; with ATEN_CPU_CAPABILITY set it must print the same.
import { createHash } from 'node:crypto';
import torch, { clip, nn } from '../../../lib/index.js';
import { bits, make, rules } from '../support.js';

const hash = createHash('sha256');
const random = (size: number, t: number) =>
  torch.tensor(Float64Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + t * 78.233) * 2 ** ((i * 7) % 11)));

for (const dtype of [torch.float32, torch.float64, torch.float16, torch.bfloat16]) {
  for (const normType of [1, 2, Infinity]) {
    hash.update(bits(nn.utils.getTotalNorm([random(20_011, 3).to(dtype)], { normType }).reshape([1])));
  }
  for (const rule of Object.values(rules)) {
    // Its sums are libtorch's, which depend on it.
    if (rule.optimizer === 'Adafactor') continue;
    const p = random(1003, 0).to(dtype).requiresGrad_();
    const optimizer = make(rule, [[p]], { clip: clip.norm(1) });
    for (let t = 1; t < 4; t++) {
      p.grad = random(1003, t).to(dtype);
      optimizer.step();
    }
    hash.update(bits(p));
  }
}
console.log(hash.digest('hex'));
