import { flag, integer, kind, oneOf, openFraction } from '../check.js';
import { optionsOf } from '../options.js';

/** Options of a `GradScaler`. */
export interface GradScalerOptions {
  /** Where the scale is kept; default `'cuda'`. */
  device?: 'cuda' | 'cpu';
  /** The first scale, a number from 2^-126 to the largest float32; default 65536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without NaN or inf, > 1; default 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after a step that was skipped, in (0, 1); the scale never falls below 2^-126. Default 0.5. */
  backoffFactor?: number;
  /** An integer >= 1; default 2000. */
  growthInterval?: number;
  /**
   * `update` throws `ERR_NONFINITE` when more steps than this in a row were skipped, an integer >= 0 or Infinity;
   * default 100. Steps of optimizers with `nonFinite: 'skip'` do not count here: those optimizers count and throw by themselves.
   */
  maxConsecutiveSkips?: number;
  /** Whether anything is scaled at all; default true. */
  enabled?: boolean;
}

/** What its `stateDict()` holds, under PyTorch's names; empty for a scaler that is not enabled. */
export interface GradScalerState {
  scale: number;
  growth_factor: number;
  backoff_factor: number;
  growth_interval: number;
  _growth_tracker: number;
}

// The least and the largest scale whose inverse float32 can hold.
export const leastScale = 2 ** -126;
const largestScale = (2 - 2 ** -23) * 2 ** 127;

export const scaleKind = kind<number>(
  'a number from 2^-126 to the largest float32',
  (x) => typeof x === 'number' && x >= leastScale && x <= largestScale,
);
export const count = integer(0);
export const scalerTable = {
  device: [oneOf('cuda', 'cpu'), 'cuda'],
  initScale: [scaleKind, 65536],
  growthFactor: [kind<number>('a finite number > 1', (x) => Number.isFinite(x) && (x as number) > 1), 2],
  backoffFactor: [openFraction, 0.5],
  growthInterval: [integer(1), 2000],
  maxConsecutiveSkips: [kind<number>(`${count.expected} or Infinity`, (x) => x === Infinity || count.accepts(x)), 100],
  enabled: [flag, true],
} as const;
export const readScalerOptions = optionsOf('GradScaler', scalerTable);
