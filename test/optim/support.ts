import { readFileSync } from 'node:fs';
import type { Clipper } from '../../lib/clip/index.js';
import type { Dtype } from '../../lib/dtype.js';
import torch, { clip, optim } from '../../lib/index.js';
import type { Tensor } from '../../lib/tensor.js';

export interface RuleCase {
  optimizer: 'SGD' | 'Adam' | 'AdamW';
  options: Record<string, unknown>;
}
type ClipCase = { kind: 'norm' | 'layerwise' | 'value'; args: [number, Record<string, unknown>?] } | null;

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** The table that these tests and scripts/golden/optim.py share. */
export const cases = json('cases.json') as {
  steps: number;
  groups: number[][][];
  rules: Record<string, RuleCase>;
  clippers: Record<string, ClipCase>;
};
export const golden = json('../golden/optim.json') as { checkpoints: number[] } & Record<
  string,
  { float64: number[][]; float16: number[]; bfloat16: number[] }
>;

export function clipperOf(spec: ClipCase): Clipper | null {
  if (spec === null) return null;
  const [level, options = {}] = spec.args;
  const make = clip[spec.kind] as (level: number, options: object) => Clipper;
  return make(level, options.normType === 'Infinity' ? { ...options, normType: Infinity } : options);
}

export const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

export const initial = (i: number) => (((i * 37 + 11) % 101) - 50) / 32;

/** Exact in every dtype; one step in ten has a gradient 32 times as long. */
export const gradient = (t: number, i: number) =>
  ((((i * 53 + t * 29 + ((i * t) % 17) * 7) % 61) - 30) / 16) * (t % 10 === 7 ? 32 : 1);

/** How a tensor lies in memory: each makes one with the values of `t`. */
export const layouts: Record<string, (t: Tensor) => Tensor> = {
  contiguous: (t) => t.clone(),
  transposed: (t) => (t.dim() < 2 ? t.clone() : t.transpose(0, 1).contiguous().transpose(0, 1)),
  'channels last': (t) => (t.dim() === 4 ? t.contiguous({ memoryFormat: torch.channelsLast }) : t.clone()),
  'with gaps': (t) => {
    const wide = torch.zeros([...t.shape, 2], { dtype: t.dtype });
    const view = wide.select(-1, 1);
    view.copy_(t);
    return view;
  },
};

/** Parameters with the initial values of the cases, in groups. */
export function parameters(dtype: Dtype, layout: (t: Tensor) => Tensor = layouts.contiguous!): Tensor[][] {
  let next = 0;
  return cases.groups.map((shapes) =>
    shapes.map((shape) => {
      const values = Float64Array.from({ length: product(shape) }, () => initial(next++));
      return layout(torch.tensor(values, { shape, dtype })).detach().requiresGrad_();
    }),
  );
}

/** Gives every parameter the gradient of step t. */
export function setGradients(groups: Tensor[][], t: number, layout: (t: Tensor) => Tensor = layouts.contiguous!): void {
  let next = 0;
  for (const p of groups.flat()) {
    const values = Float64Array.from({ length: p.numel() }, () => gradient(t, next++));
    p.grad = layout(torch.tensor(values, { shape: p.shape, dtype: p.dtype }));
  }
}

export function make(rule: RuleCase, groups: Tensor[][], options: Record<string, unknown> = {}) {
  const params = groups.map((group) => ({ params: group }));
  const Class = optim[rule.optimizer] as new (params: { params: Tensor[] }[], options: object) => optim.Optimizer;
  return new Class(params, { ...rule.options, ...options });
}

/** All elements, in order. */
export const flat = (groups: Tensor[][]): number[] =>
  groups
    .flat()
    .flatMap((p) => Array.from(p.detach().to(torch.float64).contiguous().toTypedArray<Float64Array<ArrayBuffer>>()));

/** The distance of two vectors by the length of the second. */
export function relative(got: readonly number[], want: readonly number[]): number {
  const length = Math.hypot(...want);
  return Math.hypot(...got.map((x, i) => x - want[i]!)) / length;
}

/** The bytes of a tensor: equal for the same bits, NaN or not. */
export const bits = (t: Tensor): string =>
  Buffer.from(t.detach().contiguous().view(torch.uint8).toTypedArray<Uint8Array<ArrayBuffer>>()).toString('hex');

/** Everything a step may move, as bits. */
export function snapshot(optimizer: optim.Optimizer): unknown {
  const { state } = optimizer.stateDict();
  return {
    params: optimizer.paramGroups.flatMap(({ params }) => params.map(bits)),
    state: Object.entries(state).map(([i, slots]) => [
      i,
      Object.entries(slots).map(([k, v]) => [k, bits((v as Tensor).reshape([-1]))]),
    ]),
  };
}
