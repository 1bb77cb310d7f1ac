import type { Tensor } from '../../tensor.js';
import { type EngineStats, type NativeOptimizer, statsOf } from '../engine/native-optimizer.js';

/** What the last step's clipping saw and did, on the device; nothing is read back until asked. */
export interface StageStats {
  /**
   * Norms before clipping, float64: without dimensions for the global scope, else one per group, tensor or row. NaN where
   * the step needed no norm.
   */
  norm: Tensor;
  /** What the gradients were multiplied by, float64, of the same shape; 0 for a skipped step. */
  coefficient: Tensor;
  /** What the norms were compared with, float64, of the same shape; NaN where there was nothing. */
  threshold: Tensor;
  /** The share of decisions since the start, one per unit and step, for another coefficient than 1; float64. */
  clipped: Tensor;
  /** The last norms, oldest first, float64, for a clipper made by `clip.tap`; else empty. Reading it waits for a GPU, since its length depends on how many steps were skipped. */
  readonly history: Tensor;
}

/** The statistics of the first clipper, and of all of a chain. */
export interface ClipStats extends StageStats {
  /** One for each clipper of a chain. */
  stages: StageStats[];
  /** How many steps were skipped so far, int64. */
  skipped: Tensor;
}

/** @internal The statistics of an optimizer with that many stages. */
export function clipStatsOf(optimizer: NativeOptimizer, count: number): ClipStats {
  const stages = [new Seen(statsOf(optimizer, 0))];
  for (let i = 1; i < count; i++) stages.push(new Seen(statsOf(optimizer, i)));
  return new SeenByAll(stages);
}

// Classes: V8 puts the getter of an object literal into its old space, and with it all that it reads, until that is marked.
class Seen implements StageStats {
  readonly norm: Tensor;
  readonly coefficient: Tensor;
  readonly threshold: Tensor;
  readonly clipped: Tensor;
  readonly skipped: Tensor;
  // Not #private: `scope` keeps what it finds in the fields of a result.
  private readonly tap: Tensor;
  private readonly taps: Tensor | null;

  constructor({ norm, coefficient, threshold, clipped, tap, taps, skipped }: EngineStats) {
    this.norm = norm;
    this.coefficient = coefficient;
    this.threshold = threshold;
    this.clipped = clipped;
    this.skipped = skipped;
    this.tap = tap;
    this.taps = taps;
  }

  get history(): Tensor {
    return this.taps === null ? this.tap : unrolled(this.tap, this.taps.item());
  }
}

class SeenByAll implements ClipStats {
  readonly norm: Tensor;
  readonly coefficient: Tensor;
  readonly threshold: Tensor;
  readonly clipped: Tensor;
  readonly skipped: Tensor;

  constructor(readonly stages: Seen[]) {
    const [first] = stages as [Seen];
    this.norm = first.norm;
    this.coefficient = first.coefficient;
    this.threshold = first.threshold;
    this.clipped = first.clipped;
    this.skipped = first.skipped;
  }

  get history(): Tensor {
    return this.stages[0]!.history;
  }
}

// The contents of a ring buffer, oldest first; `written` counts all values ever written.
function unrolled(ring: Tensor, written: bigint | number): Tensor {
  const size = ring.numel();
  const count = Number(written);
  return count < size ? ring.narrow(0, 0, count) : ring.roll(-(count % size));
}
