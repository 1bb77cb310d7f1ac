import type { Generator } from '../../generator.js';

/** What a worker of a {@link DataLoader} is told about itself. */
export interface WorkerInfo {
  /** Which worker this is, from 0. */
  readonly id: number;
  readonly numWorkers: number;
  /** Another number in each worker and each epoch, drawn from the loader's generator. */
  readonly seed: bigint;
  /**
   * For random samples: the default generator is shared by all threads, so that what it gives depends on which is faster. This one is seeded for each
   * batch by the epoch's seed and the batch's number, so that a batch is the same whichever worker makes it, and where an epoch goes on in its middle; for
   * an iterable dataset by {@link WorkerInfo.seed} at the start of each epoch.
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

let isStarting = false;

/** Whether this thread is a worker that is still importing the module of its dataset. */
export const isStartingUp = (): boolean => isStarting;

/** Called by the worker's own script, before it imports the module and afterwards. */
export function setStarting(value: boolean): void {
  isStarting = value;
}
