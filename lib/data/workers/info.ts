import type { Generator } from '../../generator.js';

/** What a worker of a {@link DataLoader} is told about itself. */
export interface WorkerInfo {
  /** Which worker this is, from 0. */
  readonly id: number;
  readonly numWorkers: number;
  /** Another number in each worker and each epoch, drawn from the loader's generator. */
  readonly seed: bigint;
  /**
   * Seeded by {@link WorkerInfo.seed} at the start of each epoch. Use it for random samples: the default generator is shared by all threads, so that what it
   * gives depends on which is faster.
   */
  readonly generator: Generator;
  /** The worker's own copy of the dataset. */
  readonly dataset: unknown;
}

let info: WorkerInfo | null = null;

/**
 * Which worker of a loader this thread is, or null outside of one.
 *
 * @example
 * // In the module of a dataset: every worker takes the files of its own.
 * const worker = data.getWorkerInfo();
 * const mine = files.filter((_, i) => i % (worker?.numWorkers ?? 1) === (worker?.id ?? 0));
 */
export function getWorkerInfo(): WorkerInfo | null {
  return info;
}

/** Called by the worker's own script. */
export function setWorkerInfo(next: WorkerInfo): void {
  info = next;
}
