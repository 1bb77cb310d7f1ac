import { readFileSync } from 'node:fs';
import torch, { type Dtype, optim, type Tensor } from '../../../lib/index.js';
import type { OptimizerStateDict } from '../../../lib/optim/index.js';
import type { Original as Run } from '../../../lib/optim/originals/index.js';
import { type Bytes, bytesOf, golden as goldenFile } from '../../support.js';
import { initial, product } from '../support.js';

export interface Case {
  optimizer: 'ClippedSGD' | 'ClippedSSTM' | 'Expectigrad';
  form?: 'tensorflow';
  options: { lr: number } & Record<string, unknown>;
  layout?: string;
  groups?: Record<string, unknown>[];
  gradients?: 'missing' | 'frozen' | 'sparse' | 'tiny' | 'huge' | 'nan' | 'inf';
}

/** The table that these tests and scripts/golden/reference.py share. */
export const table = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as {
  steps: number;
  checkpoints: number[];
  layouts: Record<string, number[][][]>;
  cases: Record<string, Case>;
};
export const golden = goldenFile<Record<string, Record<string, { params: Bytes[]; coins?: Bytes }>>>('reference');

type Group = { lr?: number } & Record<string, unknown>;

/** The original behind `reference: true`, whose coins a test can inject. */
export class Original extends optim.Optimizer<Group> {
  constructor(params: { params: Tensor[] }[], { definition, options, stepper }: Run<Group>) {
    super(definition, params, options, stepper);
  }
}

/** The public optimizer with `reference`. */
export function original(spec: Case, params: Tensor[][], coin?: () => number): optim.Optimizer {
  const { optimizer, form = true, options } = spec;
  const Class = optim[optimizer] as unknown as new (params: unknown, options: object) => optim.Optimizer;
  return new Class(
    params.map((group, g) => ({ ...spec.groups?.[g], params: group })),
    { ...options, ...(coin && { coin }), reference: form },
  );
}

/** Parameters with the initial values of the cases, in groups. */
export function parameters({ layout = 'mixed' }: Case, dtype: Dtype): Tensor[][] {
  let next = 0;
  return table.layouts[layout]!.map((shapes) =>
    shapes.map((shape) => {
      const values = Float64Array.from({ length: product(shape) }, () => initial(next++));
      return torch.tensor(values, { shape, dtype }).requiresGrad_();
    }),
  );
}

/** Of element i, in parameter k, at step t; null: the parameter has no gradient in this step. */
function gradient(kind: Case['gradients'], t: number, k: number, i: number): number | null {
  const value = ((((i * 53 + t * 29 + ((i * t) % 17) * 7) % 61) - 30) / 16) * (t % 10 === 7 ? 32 : 1);
  if ((kind === 'missing' && (t + k) % 4 === 0) || (kind === 'frozen' && k === 1)) return null;
  if (kind === 'sparse' && (i + t) % 3 === 0) return 0;
  if ((kind === 'tiny' || kind === 'huge') && i % 4 === 0) return value * 2 ** (kind === 'tiny' ? -90 : 70);
  if ((kind === 'nan' || kind === 'inf') && t === 9 && i === 0) return kind === 'nan' ? NaN : Infinity;
  return value;
}

export function setGradients({ gradients }: Case, groups: Tensor[][], t: number): void {
  let next = 0;
  groups.flat().forEach((p, k) => {
    const values = Array.from({ length: p.numel() }, () => gradient(gradients, t, k, next++));
    p.grad = values[0] === null ? null : torch.tensor(values as number[], { dtype: p.dtype }).view(p.shape);
  });
}

/** All elements, in order. */
export const flat = (groups: Tensor[][]): Tensor => torch.cat(groups.flat().map((p) => p.detach().flatten()));

/** The state dict and the parameters as bits. */
export function bits(groups: Tensor[][], dict: OptimizerStateDict): unknown {
  const state = Object.entries(dict.state).map(([number, slots]) => [
    number,
    Object.entries(slots).map(([name, value]) => [name, torch.isTensor(value) ? bytesOf(value) : value]),
  ]);
  return { params: groups.flat().map(bytesOf), state, groups: dict.param_groups, reference: dict.reference };
}
