// Steps of one shape, for a profiler of kernels: node --import tsx bench/gpu/steps.ts gpt2 adamw,agc
import torch, { cuda } from '../../lib/index.js';
import { type CaseName, optimizerOf } from '../lib/cases.js';
import type { ShapeName } from '../lib/shapes.js';
import { Tensors } from '../lib/tensors.js';

const [shape = 'gpt2', cases = 'adamw', dtype = 'float32'] = process.argv.slice(2);
if (!cuda.isAvailable()) {
  console.log('skipped: no GPU');
} else {
  const tensors = new Tensors(shape as ShapeName, dtype as 'float32', 'cuda');
  tensors.reset();
  for (const name of cases.split(',')) {
    const optimizer = optimizerOf(name as CaseName, tensors.params);
    for (let t = 0; t < 10; t++) torch.cuda.nvtx.range(name, () => optimizer.step());
  }
  cuda.synchronize();
  console.log(`10 steps of ${cases} over ${shape}`);
}
