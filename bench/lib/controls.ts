// The memory bandwidth that a loop gets which does next to nothing.
import torch from '../../lib/index.js';
import { type Contender, here, type Timing } from './rounds.js';
import { median } from './statistics.js';

// More than any cache holds.
const elements = 1 << 26;
/** Bytes read and written per call of a control. */
export const controlBytes = 2 * 4 * elements;

export type Control = 'copy' | 'inPlace';

export interface Controls extends Record<Control, Contender> {
  dispose(): void;
}

/** `copy_` between two tensors, which also fetches what it will overwrite, and `mul_` on one of them, which moves what it counts. */
export function controls(): Controls {
  const [source, target] = [torch.ones([elements]), torch.ones([elements])];
  return {
    copy: here(() => target.copy_(source)),
    inPlace: here(() => target.mul_(1)),
    dispose() {
      source.dispose();
      target.dispose();
    },
  };
}

/** Our bytes per second relative to the control's in the same round: the median of the ratios. */
export function shareOf({ rounds }: Timing, control: Control, bytes: number): number {
  return median(rounds.ours!.map((ours, i) => bytes / ours / (controlBytes / rounds[control]![i]!)));
}

/** The control's GB/s. */
export const speedOf = ({ rounds }: Timing, control: Control) => controlBytes / median(rounds[control]!) / 1e9;
