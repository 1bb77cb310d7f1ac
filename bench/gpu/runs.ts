// What is measured on a GPU, the most telling first: where time runs out, the rest is left out.
import type { CaseName, RivalName } from '../lib/cases.js';
import type { DtypeName, ShapeName } from '../lib/shapes.js';

/** `graph`: clip and fused as one captured graph, beside ours as one. */
export type GpuRival = RivalName | 'graph';

export interface GpuRun {
  shape: ShapeName;
  dtype: DtypeName;
  cases: CaseName[];
}

export const runs: GpuRun[] = [
  { shape: 'gpt2', dtype: 'float32', cases: ['adamw', 'value', 'agc', 'auto', 'sgd', 'expectigrad'] },
  { shape: 'small', dtype: 'float32', cases: ['adamw', 'value', 'agc', 'auto', 'sgd'] },
  { shape: 'gpt2', dtype: 'bfloat16', cases: ['adamw', 'value', 'agc', 'auto', 'sgd', 'expectigrad'] },
  { shape: 'llama', dtype: 'bfloat16', cases: ['adamw', 'value', 'agc'] },
  { shape: 'billion', dtype: 'float32', cases: ['adamw', 'value'] },
  { shape: 'llama', dtype: 'float32', cases: ['adamw'] },
  { shape: 'billion', dtype: 'bfloat16', cases: ['adamw'] },
];

/** The harness end to end, without a GPU. */
export const dry: GpuRun[] = [{ shape: 'small', dtype: 'float32', cases: ['adamw', 'agc'] }];

/** What PyTorch offers for the case. The for-loop optimizer and a compiled one are left to the processor's benchmark. */
export const rivalsOf: Partial<Record<CaseName, GpuRival[]>> = {
  adamw: ['fused', 'gradScale', 'foreach', 'graph'],
  sgd: ['fused', 'gradScale', 'foreach', 'graph'],
  value: ['fused', 'foreach', 'graph'],
  agc: ['fused'],
  auto: ['fused'],
  expectigrad: ['formula'],
};
