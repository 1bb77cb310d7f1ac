// What is measured on a GPU, in order of importance: what does not fit into the time is left out.
import type { CaseName, RivalName } from '../lib/cases.js';
import type { DtypeName, ShapeName } from '../lib/shapes.js';

/** PyTorch's steps as captured graphs, compared with ours as one. */
export const graphs = {
  graph: 'clip and the fused optimizer as a captured graph',
  graphScale: 'get_total_norm and the fused optimizer with grad_scale as a captured graph',
  graphForeach: 'clip and the foreach optimizer as a captured graph',
} as const;
export type GraphName = keyof typeof graphs;
export type GpuRival = RivalName | GraphName;
export const isGraph = (rival: GpuRival): rival is GraphName => Object.hasOwn(graphs, rival);

export interface GpuRun {
  shape: ShapeName;
  dtype: DtypeName;
  cases: CaseName[];
  /** Use as many copies of the shape as there is room for. */
  fill?: boolean;
}

export const runs: GpuRun[] = [
  { shape: 'gpt2', dtype: 'float32', cases: ['adamw', 'agc', 'value'] },
  { shape: 'gpt2', dtype: 'bfloat16', cases: ['adamw', 'agc', 'value'] },
  { shape: 'small', dtype: 'float32', cases: ['adamw', 'agc', 'value'] },
  { shape: 'llama', dtype: 'bfloat16', cases: ['adamw', 'agc', 'value'], fill: true },
  { shape: 'billion', dtype: 'float32', cases: ['adamw'] },
  { shape: 'gpt2', dtype: 'bfloat16', cases: ['sgd', 'expectigrad', 'auto'] },
  { shape: 'gpt2', dtype: 'float32', cases: ['sgd', 'expectigrad', 'auto'] },
  { shape: 'small', dtype: 'float32', cases: ['sgd', 'expectigrad', 'auto'] },
  { shape: 'llama', dtype: 'float32', cases: ['adamw', 'value', 'agc'], fill: true },
  { shape: 'small', dtype: 'bfloat16', cases: ['adamw', 'value', 'agc', 'sgd', 'expectigrad', 'auto'] },
  { shape: 'llama', dtype: 'bfloat16', cases: ['sgd', 'expectigrad', 'auto'], fill: true },
  { shape: 'billion', dtype: 'float32', cases: ['sgd', 'expectigrad', 'auto', 'value', 'agc'] },
  { shape: 'billion', dtype: 'bfloat16', cases: ['adamw', 'value', 'sgd', 'expectigrad', 'auto', 'agc'] },
  { shape: 'llama', dtype: 'float32', cases: ['sgd', 'expectigrad', 'auto'], fill: true },
];

/** The harness end to end, without a GPU. */
export const dry: GpuRun[] = [
  { shape: 'small', dtype: 'float32', cases: ['adamw', 'agc'] },
  { shape: 'small', dtype: 'bfloat16', cases: ['value', 'sgd', 'expectigrad', 'auto'], fill: true },
];

/** What PyTorch offers for the case. The for-loop optimizer and a compiled one are left to the processor's benchmark. */
export const rivalsOf: Partial<Record<CaseName, GpuRival[]>> = {
  adamw: ['fused', 'gradScale', 'foreach', 'graph', 'graphScale', 'graphForeach'],
  sgd: ['fused', 'gradScale', 'foreach', 'graph', 'graphScale', 'graphForeach'],
  value: ['fused', 'foreach', 'graph', 'graphForeach'],
  agc: ['fused', 'foreach', 'graph', 'graphForeach'],
  // AutoClip reads every norm back, which no graph can hold.
  auto: ['fused', 'foreach'],
  expectigrad: ['formula', 'lean'],
};
