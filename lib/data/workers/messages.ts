// What a loader and its workers say to one another.
import type { Packed } from './pack.js';

/** What a worker is started with. */
export interface Start {
  module: string;
  /** The loader's `workerData`. */
  data: unknown;
  id: number;
  numWorkers: number;
  group: number;
  /** False for a loader without batches. */
  batched: boolean;
  batchSize: number;
  dropLast: boolean;
}

/** To a worker. */
export type Request =
  | { kind: 'epoch'; seed: bigint }
  /** The samples at these indices, which are so many batches into the epoch. */
  | { kind: 'batch'; task: number; indices: number[]; number: number }
  /** The next batch of an iterable dataset. */
  | { kind: 'next'; task: number };

/** A failure on its way between threads. */
export interface Failure {
  name: string;
  message: string;
  code: string | undefined;
  stack: string | undefined;
  cause: Failure | undefined;
}

/** From a worker. */
export type Reply =
  | { kind: 'ready'; length: number | undefined }
  | { kind: 'batch'; task: number; batch: Packed }
  | { kind: 'end'; task: number }
  | { kind: 'failed'; task: number | undefined; failure: Failure };
