// Optimizers whose state ranks share, beside the same ones alone: what must have the same bits.
import { createHash } from 'node:crypto';
import torch, { type Dtype, nn, optim, type Tensor } from '../../lib/index.js';
import { type ClipCase, clipperOf, gradient, initial, make, product, type RuleCase } from '../optim/support.js';

/** Of several chunks, rows longer and shorter than one, and less than one for each rank; in groups. */
const shapes: readonly (readonly (readonly number[])[])[] = [
  [[2, 17000], [5], []],
  [[20000], [130, 70]],
  [
    [8, 4, 3, 3],
    [2, 2],
  ],
];

/** How parameters and gradients lie in memory. */
const layout = (t: Tensor): Tensor =>
  t.dim() === 4
    ? t.contiguous({ memoryFormat: torch.channelsLast })
    : t.dim() === 2 && t.shape[0] === 130
      ? t.transpose(0, 1).contiguous().transpose(0, 1)
      : t;

export function parameters(dtype: Dtype, rowMajor = false): Tensor[][] {
  let next = 0;
  return shapes.map((group) =>
    group.map((shape) => {
      const values = Float64Array.from({ length: product(shape) }, () => initial(next++));
      const t = torch.tensor(values, { shape: [...shape], dtype });
      return new nn.Parameter(rowMajor ? t : layout(t).detach());
    }),
  );
}

class Holder extends nn.Module {
  list: nn.ParameterList;
  constructor(list: nn.Parameter[]) {
    super();
    this.list = new nn.ParameterList(list);
  }
  override forward(): void {}
}

/** Fully sharded modules with some of the parameters each, across the optimizer's groups. */
function modulesOf(groups: Tensor[][]): ReturnType<typeof torch.distributed.fsdp.fullyShard>[] {
  const all = groups.flat() as nn.Parameter[];
  const [first, second] = [all.filter((_, i) => i % 3 === 0), all.filter((_, i) => i % 3 === 1)];
  return [first!, second!].map((list) => torch.distributed.fsdp.fullyShard(new Holder(list)));
}

const made = new Map<string, Tensor[]>();
/**
 * Sets the gradients of a step, of all ranks alike or this rank's own. The mean of those has the bits of the common ones: what one
 * rank has more another has less.
 */
export function setGradients(groups: Tensor[][], t: number, of?: { rank: number; size: number }): void {
  const dtype = groups[0]![0]!.dtype;
  const key = `${dtype.name} ${t} ${of?.rank} ${of?.size}`;
  if (!made.has(key)) {
    let next = 0;
    const sign = of === undefined || of.size === 1 ? 0 : of.rank % 2 === 0 ? 1 : -1;
    made.set(
      key,
      shapes.flat().map((shape) => {
        const values = Float64Array.from({ length: product(shape) }, () => {
          const i = next++;
          return gradient(t, i) + (sign * ((i % 7) + (of?.rank ?? 0) - ((of?.rank ?? 0) % 2))) / 4;
        });
        return torch.keep(torch.tensor(values, { shape: [...shape], dtype }));
      }),
    );
  }
  for (const [i, p] of groups.flat().entries()) {
    const g = made.get(key)![i]!;
    // A parameter without a gradient at times, and gradients in another order of memory.
    p.grad = t % 3 === 0 && i === 3 ? null : t % 2 === 0 ? g : layout(g.clone());
  }
}

/** The bits of a tensor, in short. */
const bits = (t: Tensor): string => {
  const bytes = t.detach().reshape([-1]).view(torch.uint8).toTypedArray<Uint8Array<ArrayBuffer>>();
  return createHash('sha1').update(bytes).digest('base64');
};

/** Whether two tensors have the same bits. */
export const same = (a: Tensor, b: Tensor): boolean => {
  const [x, y] = [a, b].map((t) => t.detach().reshape([-1]).view(torch.uint8));
  return x!.equal(y!);
};

export const steps = 7;

/** Everything that a step may change, as bits. */
function shot(optimizer: optim.Optimizer): unknown[] {
  const { state, clip: clipping } = optimizer.stateDict();
  const { norm, coefficient, threshold, skipped } = optimizer.clipStats;
  return [
    ...optimizer.paramGroups.flatMap(({ params }) => params.map(bits)),
    plain(state),
    plain(clipping),
    [norm, coefficient, threshold, skipped].map(bits),
  ];
}

const plain = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('dtype' in value) return bits((value as Tensor).reshape([-1]));
  return Object.entries(value).map(([name, entry]) => [name, plain(entry)]);
};

/**
 * Trains with a rule under a clipper, sharded and alone.
 *
 * @returns where they first differ, or null.
 */
export function difference(
  rule: RuleCase,
  clipper: ClipCase,
  dtype: Dtype,
  how: { rank: number; size: number; average: boolean; modules?: boolean; extra?: Record<string, unknown> },
): string | null {
  const [own, alone] = [parameters(dtype, how.modules), parameters(dtype, how.modules)];
  const modules = how.modules ? modulesOf(own) : [];
  /** Looks at whole parameters. */
  const seen = <T>(look: () => T): T => {
    for (const each of modules) each.unshard();
    const result = look();
    for (const each of modules) each.reshard();
    return result;
  };
  const options = { clip: clipperOf(clipper), ...how.extra };
  const sharded = optim.shard(make(rule, own, options), { averageGradients: how.average });
  const whole = make(rule, alone, options);
  for (let t = 1; t <= steps; t++) {
    setGradients(own, t, how.average ? how : undefined);
    setGradients(alone, t);
    sharded.step();
    whole.step();
    const at = seen(() => own.flat().findIndex((p, i) => !same(p, alone.flat()[i]!)));
    if (at >= 0) return `parameter ${at} after step ${t}`;
  }
  const at = seen(() => apart(sharded, whole));
  if (at !== null) return at;
  // What one saves the other loads, and both go on.
  const resumed = seen(() => [
    optim.shard(make(rule, copies(own), options), { averageGradients: false }),
    make(rule, copies(own), options),
  ]);
  resumed[0]!.loadStateDict(whole.stateDict());
  resumed[1]!.loadStateDict(sharded.stateDict());
  for (const optimizer of [whole, ...resumed]) {
    setGradients(
      optimizer.paramGroups.map(({ params }) => [...params]),
      steps + 1,
    );
    optimizer.step();
    if (optimizer instanceof optim.AdamWScheduleFree || optimizer instanceof optim.SGDScheduleFree) optimizer.eval();
  }
  const later = resumed.map((one) => apart(one, whole)).find((one) => one !== null);
  return later === undefined ? null : `resumed, ${later}`;
}

/** The first thing that differs between two optimizers, or null. */
function apart(one: optim.Optimizer, other: optim.Optimizer): string | null {
  const [got, want] = [shot(one), shot(other)].map((list) => list.map((entry) => JSON.stringify(entry)));
  const at = got!.findIndex((entry, i) => entry !== want![i]);
  return at < 0 ? null : `entry ${at}: ${got![at]!.slice(0, 200)} | ${want![at]!.slice(0, 200)}`;
}

const copies = (groups: Tensor[][]) => groups.map((group) => group.map((p) => p.detach().clone().requiresGrad_()));
