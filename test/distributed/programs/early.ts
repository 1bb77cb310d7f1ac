// Steps of a sharded optimizer whose gradients backward passes bring, beside one whose gradients are assigned: whatever
// happens to gradients in between, on any rank, both have the same bits. Sends where they first differ.
import torch, { clip, type Dtype, GradScaler, optim, type Tensor } from '../../../lib/index.js';
import { same } from '../sharded.js';
import { distributed as d, init, leave, send, settings } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];

/** Numbers from 0 to 1, the same for the same seed. */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const { float32, float64, bfloat16, complex64 } = torch;
const shapes: readonly [Dtype, readonly number[]][] = [
  [float32, [70, 300]],
  [float32, [20000]],
  [float64, [130, 70]],
  [bfloat16, [33000]],
  [float32, [5]],
  [complex64, [9000]],
  [float64, [1]],
];
const make = (): Tensor[] => shapes.map(([dtype, shape]) => torch.full(shape, 0.5, { dtype, requiresGrad: true }));

/** What a user may do with gradients between the last backward pass and the step. */
const meddle: readonly ((p: Tensor) => void)[] = [
  (p) => p.grad?.mul_(0.5),
  (p) => p.grad?.detach().add_(1),
  (p) => {
    p.grad = null;
  },
  (p) => {
    p.grad = torch.onesLike(p);
  },
  (p) => {
    if (p.grad !== null) p.grad.data = p.grad.mul(2);
  },
  (p) => {
    if (p.dim() === 2) p.grad = torch.full([p.shape[1]!, p.shape[0]!], 0.25, { dtype: p.dtype }).transpose(0, 1);
  },
];

function backward(params: Tensor[], draw: () => number): void {
  const terms = params
    .filter((_, i) => i === 0 || draw() < 0.9)
    .map((p) => (p.isComplex() ? torch.viewAsReal(p) : p).mul(draw()).sum());
  torch
    .stack(terms.map((t) => t.to(float64)))
    .sum()
    .backward();
}

function codeOf(body: () => unknown): string {
  try {
    body();
    return '';
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  }
}

function differs(seed: number): string | null {
  const [together, alone] = [draws(seed), draws(seed * 31 + rank + 7)];
  const params = make();
  const twins = make();
  const options = { lr: 0.01, clip: together() < 0.5 ? clip.norm(1) : clip.value(0.1) };
  const own = optim.shard(new optim.AdamW(params, options));
  const assigned = optim.shard(new optim.AdamW(twins, options));
  const scalers = [own, assigned].map(() => new GradScaler({ device: 'cpu', initScale: 4 }));
  const scaled = together() < 0.3;
  // Mostly a loop as loops are, now and then anything.
  const wild = together() < 0.5;
  const passes = 1 + Math.floor(together() * 2);
  for (let t = 1; t <= 9; t++) {
    if (!wild || together() < 0.7) own.zeroGrad({ setToNone: !wild || together() < 0.5 });
    const here = wild && alone() < 0.3 ? Math.floor(alone() * 4) : passes;
    for (let k = 0; k < here; k++) backward(params, wild ? alone : () => 0.5 + 0.01 * t + 0.125 * rank);
    if (wild) {
      for (const p of params) if (alone() < 0.03) meddle[Math.floor(alone() * meddle.length)]!(p);
    }
    for (const [i, twin] of twins.entries()) twin.grad = params[i]!.grad?.detach().clone() ?? null;
    const fails = wild && together() < 0.2 ? Math.floor(together() * size) : null;
    const refusals = ['', ''];
    for (const [i, optimizer] of [own, assigned].entries()) {
      if (fails !== null) {
        const code = codeOf(() =>
          optimizer.step(() => {
            if (rank === fails) throw new RangeError('mine');
            return 0;
          }),
        );
        if (code !== (rank === fails ? 'mine' : 'ERR_DISTRIBUTED')) return `a step that fails ended with "${code}"`;
        if (t % 2 === 0) continue;
      }
      // Without any gradient on any rank a scaler refuses to step.
      if (scaled) {
        scalers[i]!.scale(torch.ones([1]));
        refusals[i] = codeOf(() => scalers[i]!.step(optimizer));
        scalers[i]!.update(1);
      } else {
        optimizer.step();
      }
    }
    if (refusals[0] !== refusals[1]) return `step ${t}: ${refusals.join(' and ')}`;
    const at = params.findIndex((p, i) => !same(p, twins[i]!));
    if (at >= 0) return `parameter ${at} after step ${t}`;
  }
  // Averages that no step asks for, on some ranks or all.
  if (alone() < 0.5) for (let k = 0; k < passes; k++) backward(params, alone);
  const [used, wasted] = own.earlyAverages;
  early[0] += used;
  early[1] += wasted;
  if (!wild && used < 3 * 6) return `only ${used} averages were begun by backward passes, ${wasted} for nothing`;
  return null;
}

const early: [number, number] = [0, 0];
const { first, count } = settings as { first: number; count: number };
const failures: string[] = [];
for (let seed = first; seed < first + count && failures.length === 0; seed++) {
  const found = torch.scope(() => differs(seed));
  if (found !== null) failures.push(`seed ${seed}: ${found}`);
}
await send({ failures, early });
await leave();
