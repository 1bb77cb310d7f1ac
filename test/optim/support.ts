import { readdirSync, readFileSync } from 'node:fs';
import type { Clipper } from '../../lib/clip/index.js';
import type { Dtype } from '../../lib/dtype.js';
import torch, { clip, optim } from '../../lib/index.js';
import { isTensor, type Tensor } from '../../lib/tensor.js';
import { device } from '../support.js';

export interface RuleCase {
  optimizer: string;
  options: Record<string, unknown>;
}
export type ClipCase = { kind: string; args: unknown[] } | null;
/** The reference's parameters at the checkpoints, and the last ones of a run that rounds them to bfloat16. */
export interface Reference {
  float64: number[][];
  bfloat16: number[];
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

export { device };
export const deviceType = String(device).startsWith('cuda') ? 'cuda' : 'cpu';

/** The table that these tests and scripts/golden/optim.py share: its rules lie in files by family. */
export const { steps, groups: shapes } = read('cases/common.json') as { steps: number; groups: number[][][] };
export const clippers = read('cases/clippers.json') as Record<string, ClipCase>;
export const families = readdirSync(new URL('cases/rules', import.meta.url))
  .map((file) => file.replace('.json', ''))
  .sort();
export const rulesOf = (family: string) => read(`cases/rules/${family}.json`) as Record<string, RuleCase>;
export const rules = Object.assign({}, ...families.map(rulesOf)) as Record<string, RuleCase>;
export const goldenOf = (family: string) =>
  read(`../golden/optim/${family}.json`) as { checkpoints: number[] } & Record<string, Reference>;

/** Those that take their steps themselves, without the engine and its clippers. */
const withoutEngine = ['LBFGS', 'SparseAdam'];

/** Every optimizer of the package that runs on the engine, by the name of its export. */
export const optimizers = Object.fromEntries(
  Object.entries(optim).filter(
    ([name, value]) =>
      typeof value === 'function' && value.prototype instanceof optim.Optimizer && !withoutEngine.includes(name),
  ),
) as unknown as Record<
  string,
  new (
    params: Tensor[] | ({ params: Tensor[] } & Record<string, unknown>)[],
    options?: Record<string, unknown>,
  ) => optim.Optimizer
>;

const isCase = (value: unknown): value is ClipCase & object =>
  typeof value === 'object' && Object.hasOwn(value!, 'kind');
const argument = (value: unknown): unknown => {
  if (value === 'Infinity') return Infinity;
  if (typeof value !== 'object' || value === null) return value;
  if (isCase(value)) return clipperOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, argument(entry)]));
};

export function clipperOf(spec: ClipCase): Clipper | null {
  if (spec === null) return null;
  const make = (clip as unknown as Record<string, (...args: unknown[]) => Clipper>)[spec.kind]!;
  return make(...spec.args.map(argument));
}

export const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

export const initial = (i: number) => (((i * 37 + 11) % 101) - 50) / 32;

/** Exact in every dtype; one step in ten has a gradient 32 times as long. */
export const gradient = (t: number, i: number) =>
  ((((i * 53 + t * 29 + ((i * t) % 17) * 7) % 61) - 30) / 16) * (t % 10 === 7 ? 32 : 1);

/** Memory layouts: each function makes a tensor with the values of `t`. */
export const layouts: Record<string, (t: Tensor) => Tensor> = {
  contiguous: (t) => t.clone(),
  transposed: (t) => (t.dim() < 2 ? t.clone() : t.transpose(0, 1).contiguous().transpose(0, 1)),
  'channels last': (t) => (t.dim() === 4 ? t.contiguous({ memoryFormat: torch.channelsLast }) : t.clone()),
  'with gaps': (t) => {
    const wide = torch.zeros([...t.shape, 2], { dtype: t.dtype, device: t.device });
    const view = wide.select(-1, 1);
    view.copy_(t);
    return view;
  },
};

/** Parameters with the initial values of the cases, in groups. */
export function parameters(dtype: Dtype, layout: (t: Tensor) => Tensor = layouts.contiguous!): Tensor[][] {
  let next = 0;
  return shapes.map((group) =>
    group.map((shape) => {
      const values = Float64Array.from({ length: product(shape) }, () => initial(next++));
      return layout(torch.tensor(values, { shape, dtype, device })).detach().requiresGrad_();
    }),
  );
}

// The gradients of a step are the same in every cell of the table.
const made = new Map<string, Tensor[]>();

/** Gives every parameter the gradient of step t. */
export function setGradients(groups: Tensor[][], t: number, layout: (t: Tensor) => Tensor = layouts.contiguous!): void {
  const params = groups.flat();
  const key = `${t} ${params[0]!.dtype.name}`;
  if (!made.has(key)) {
    let next = 0;
    made.set(
      key,
      params.map(({ shape, dtype }) => {
        const values = Float64Array.from({ length: product(shape) }, () => gradient(t, next++));
        return torch.tensor(values, { shape, dtype, device });
      }),
    );
  }
  for (const [i, p] of params.entries()) p.grad = layout(made.get(key)![i]!);
}

export function make(rule: RuleCase, groups: Tensor[][], options: Record<string, unknown> = {}) {
  const params = groups.map((group) => ({ params: group }));
  const Class = (optim as unknown as Record<string, unknown>)[rule.optimizer] as new (
    params: { params: Tensor[] }[],
    options: object,
  ) => optim.Optimizer;
  return new Class(params, { ...rule.options, ...options });
}

/** The tolerance for a cell of the product rules x clippers x dtypes x layouts, relative to the parameters' norm. */
export const tolerance: Record<string, number> = { float64: 1e-12, float32: 1e-6, bfloat16: 2e-2 };

/** The largest distance from the reference over the checkpoints. */
export function deviation(
  rule: RuleCase,
  clipper: ClipCase,
  dtype: Dtype,
  layout: string,
  checkpoints: readonly number[],
  want: Reference,
): number {
  const groups = parameters(dtype, layouts[layout]);
  const optimizer = make(rule, groups, { clip: clipperOf(clipper) });
  const wide = dtype.itemsize >= 4;
  let worst = 0;
  for (let t = 1; t <= steps; t++) {
    setGradients(groups, t, t % 2 === 0 ? layouts[layout] : undefined);
    optimizer.step();
    const at = checkpoints.indexOf(t);
    if (at < 0 || (!wide && t < steps)) continue;
    const distance = relative(flat(groups), wide ? want.float64[at]! : want.bfloat16);
    worst = distance >= worst ? distance : Number.isNaN(distance) ? Infinity : worst;
  }
  return worst;
}

/** All elements, in order. */
export const flat = (groups: Tensor[][]): number[] =>
  groups
    .flat()
    .flatMap((p) => Array.from(p.detach().to(torch.float64).contiguous().toTypedArray<Float64Array<ArrayBuffer>>()));

/** The distance of two vectors, relative to the length of the second. */
export function relative(got: readonly number[], want: readonly number[]): number {
  const length = Math.hypot(...want);
  return Math.hypot(...got.map((x, i) => x - want[i]!)) / length;
}

/** The bytes of a tensor: equal for the same bits, NaN or not. */
export const bits = (t: Tensor): string =>
  Buffer.from(t.detach().contiguous().view(torch.uint8).toTypedArray<Uint8Array<ArrayBuffer>>()).toString('hex');

/** Everything that a step may change, as bits. */
export function snapshot(optimizer: optim.Optimizer): unknown {
  const { state, clip } = optimizer.stateDict();
  return {
    params: optimizer.paramGroups.flatMap(({ params }) => params.map(bits)),
    state: frozen(state),
    clip: frozen(clip?.stages),
  };
}

const frozen = (value: unknown): unknown => {
  if (isTensor(value)) return bits(value.reshape([-1]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([name, entry]) => [name, frozen(entry)]);
};
