// What the host dominates: single operators, small networks, an epoch of the demo, and many small tensors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDigits } from '../../examples/demo/digits.js';
import torch from '../../lib/index.js';
import { rawOf, type SmallRow } from '../lib/results.js';
import { against, measure } from '../lib/rounds.js';
import { type Pair, Sides } from '../lib/sides.js';
import { median } from '../lib/statistics.js';

export interface SmallOptions {
  rounds: number;
  onRow(row: SmallRow): void;
}

export interface Row {
  section: SmallRow['section'];
  title: string;
  /** The name of the call on our side, and on PyTorch's by label. */
  name: string;
  rivals: Record<string, string>;
  seconds?: number;
  /** Say how much of our time is spent in JavaScript. */
  profile?: boolean;
}

// How far from PyTorch's our first results may be.
const tolerance = 1e-5;

export async function measured(sides: Pair, row: Row, { rounds, onRow }: SmallOptions): Promise<void> {
  const { section, title, name, rivals, seconds, profile } = row;
  const errors = Object.fromEntries(Object.entries(rivals).map(([label, rival]) => [label, sides.error(name, rival)]));
  for (const error of Object.values(errors)) {
    if (error !== undefined && !(error <= tolerance))
      throw new Error(`${title}: ${error} from PyTorch's first results`);
  }
  const contenders = Object.entries(rivals).map(([label, rival]) => [label, sides.pytorch(rival)]);
  const timing = await measure({ ours: sides.ours(name), ...Object.fromEntries(contenders) }, { rounds, seconds });
  onRow({
    section,
    title,
    rounds,
    ...rawOf(timing),
    threads: torch.getNumThreads(),
    seconds: median(timing.rounds.ours!),
    rivals: Object.fromEntries(Object.keys(rivals).map((label) => [label, against(timing, label)])),
    errors,
    ...(profile && { javascript: await sides.share!(name, 50) }),
  });
}

export async function operators(options: SmallOptions): Promise<void> {
  const sides = new Sides();
  await sides.make('operators');
  const list = [
    ['a.add(b), 4 elements', 'add'],
    ['m.matmul(n), 2 x 2', 'matmul'],
    ['a.view([2, 2])', 'view'],
    ['a.sum(), 4 elements', 'sum'],
  ] as const;
  for (const [title, name] of list) {
    await measured(sides, { section: 'operators', title, name, rivals: { PyTorch: name }, seconds: 0.1 }, options);
  }
  await sides.close();
}

export async function networks(options: SmallOptions): Promise<void> {
  const threads = torch.getNumThreads();
  // As in the demo: matrices this small are finished before a second thread wakes up.
  torch.setNumThreads(1);
  const sides = new Sides();
  await sides.make('networks');
  const both = (name: string) => ({ PyTorch: name, 'PyTorch, fused': `${name}, fused` });
  const list: [string, string, Record<string, string>][] = [
    ['3-layer MLP, batch 1, forward + backward', 'backward', { PyTorch: 'backward' }],
    ['3-layer MLP, batch 1, training step', 'mlp', both('mlp')],
    ['RNN 32, batch 8 x 10 rows, training step', 'rnn', both('rnn')],
  ];
  for (const [title, name, rivals] of list) {
    await measured(sides, { section: 'networks', title, name, rivals, seconds: 0.1 }, options);
  }
  await epoch(sides, options);
  await sides.close();
  torch.setNumThreads(threads);
}

/** One epoch of examples/demo, by its own code, on 8,000 digits, with the loss and the norm of every step read. */
async function epoch(sides: Sides, options: SmallOptions): Promise<void> {
  const { x, y } = loadDigits().train;
  const files = mkdtempSync(join(tmpdir(), 'torch-clip-bench-'));
  const [images, labels] = [join(files, 'images'), join(files, 'labels')];
  writeFileSync(images, x.toTypedArray<Float32Array<ArrayBuffer>>());
  writeFileSync(labels, y.toTypedArray<BigInt64Array<ArrayBuffer>>());
  await sides.make('demo', { images, labels });
  const title = "the demo's epoch: RNN 128, 80 batches of 100 digits";
  await measured(sides, { section: 'networks', title, name: 'epoch', rivals: { PyTorch: 'epoch' } }, options);
  rmSync(files, { recursive: true });
}

/** Training steps of whole models: those of examples/ports beside their twins. */
export async function ports(options: SmallOptions): Promise<void> {
  const sides = new Sides();
  await sides.make('ports');
  const list = [
    ['character GPT, 4 x 128, batch 8 x 64', 'gpt'],
    ['convolutional network, batch 64 x 28 x 28', 'cnn'],
    ['word-level LSTM, 2 x 200, batch 20 x 35', 'lstm'],
  ] as const;
  for (const [title, name] of list) {
    const row: Row = { section: 'ports', title, name, rivals: { PyTorch: name }, seconds: 0.2, profile: true };
    await measured(sides, row, options);
  }
  await sides.close();
}

/** The overhead of a step. */
export async function host(options: SmallOptions): Promise<void> {
  const sides = new Sides();
  const list = [
    [{ count: 1, size: 1 }, 'step() of 1 tensor of 1 element: JavaScript and one call'],
    [{ count: 2000, size: 1 }, 'step() of 2,000 tensors of 1 element'],
    [{ count: 2000, size: 1, grads: false }, 'step() of 2,000 tensors without gradients'],
  ] as const;
  for (const [about, title] of list) {
    await sides.make('tensors', about);
    await measured(sides, { section: 'host', title, name: 'tensors', rivals: { fused: 'tensors' } }, options);
  }
  await sides.close();
}
