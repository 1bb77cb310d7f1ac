import { native } from '../binding.js';
import type { Handle } from '../tensor.js';

declare module '../binding.js' {
  interface Native {
    optimClippers(): { name: string; options: string[] }[];
    clipGradNorm(params: Handle[], maxNorm: number, normType: number, errorIfNonfinite: boolean): Handle | null;
    totalNorm(tensors: Handle[], normType: number, errorIfNonfinite: boolean): Handle | null;
    clipGradsWithNorm(params: Handle[], maxNorm: number, totalNorm: Handle): void;
    clipGradValue(params: Handle[], clipValue: number): void;
  }
}

/** The engine's clippers and the order in which each wants its options. */
export const clippers = native.optimClippers();
