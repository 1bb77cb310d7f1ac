// Two ranks on this machine: collectives, and training steps under DistributedDataParallel.
import torch from '../../lib/index.js';
import { Groups } from '../lib/ranks.js';
import { measured, type Row, type SmallOptions } from './small.js';

const both = (name: string) => ({ PyTorch: name, 'PyTorch, fused': `${name}, fused` });
const parts: Record<string, Omit<Row, 'section'>[]> = {
  collectives: [
    { title: 'all-reduce of 4 elements', name: 'small', rivals: { PyTorch: 'small' } },
    { title: 'all-reduce of 4 elements, awaited', name: 'small, awaited', rivals: { PyTorch: 'small' } },
    { title: 'all-reduce of 100 MB', name: 'large', rivals: { PyTorch: 'large' } },
    { title: 'all-reduce of 100 MB, awaited', name: 'large, awaited', rivals: { PyTorch: 'large' } },
    { title: 'barrier', name: 'barrier', rivals: { PyTorch: 'barrier' } },
  ],
  mlp: [
    { title: 'MLP 784-256-256-10 under DDP, forward + backward', name: 'backward', rivals: { PyTorch: 'backward' } },
    { title: 'MLP 784-256-256-10 under DDP, training step', name: 'mlp', rivals: both('mlp') },
  ],
  gpt: [{ title: 'GPT of 25 million parameters under DDP, training step', name: 'gpt', rivals: both('gpt') }],
  // The rival's gradients are averaged by DistributedDataParallel, as its page has it.
  sharded: [
    {
      title: 'the same, its optimizer sharded (ours `optim.shard`, theirs `ZeroRedundancyOptimizer`), training step',
      name: 'sharded',
      rivals: both('sharded'),
    },
  ],
};

export async function distributed(options: SmallOptions): Promise<void> {
  const threads = torch.getNumThreads();
  torch.setNumThreads(1);
  const groups = new Groups();
  await groups.join();
  for (const [what, rows] of Object.entries(parts)) {
    await groups.make(what);
    for (const row of rows) await measured(groups, { section: 'distributed', seconds: 0.2, ...row }, options);
  }
  await groups.close();
  torch.setNumThreads(threads);
}
