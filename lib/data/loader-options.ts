import { anything, callable, flag, integer, kind, nonNegative, orNull } from '../check.js';
import { TorchClipError } from '../errors.js';
import type { Generator } from '../generator.js';
import { generator } from '../kinds.js';
import { optionsOf } from '../options.js';
import type { Sampler } from './sampler.js';

/** How a {@link DataLoader} cuts and orders a dataset, and who makes its batches. */
export interface DataLoaderOptions<T, B> {
  /** Samples per batch; null gives the samples one by one, through {@link defaultConvert}. Default 1. */
  batchSize?: number | null;
  /** A new random order each epoch; default false. Not together with `sampler`. */
  shuffle?: boolean;
  /** Leave out a last batch that is not full; default false. */
  dropLast?: boolean;
  /** Where the order is drawn from; default the global generator. */
  generator?: Generator;
  /** An order of its own; default by `shuffle`. */
  sampler?: Sampler;
  /** An order of whole batches, in place of `batchSize`, `shuffle`, `sampler` and `dropLast`; default none. */
  batchSampler?: Iterable<readonly number[]> & { readonly length: number };
  /** Puts samples together; default {@link collate}. With workers, the dataset's module exports it. */
  collate?: (samples: T[]) => B;
  /** Threads that make the batches, 1024 at most; default 0, this one. The dataset is the URL of a module then. */
  numWorkers?: number;
  /** Batches that each worker makes ahead; default 2. */
  prefetchFactor?: number;
  /** Keep the workers from one epoch to the next; default false. */
  persistentWorkers?: boolean;
  /** What the function that the module exports is called with in each worker: anything that `structuredClone` copies. Default: undefined. */
  workerData?: unknown;
  /** Seconds that a batch may take before it is an error; default 0, for ever. */
  timeout?: number;
  /** Batches in the order of the sampler; false gives each when it is ready. Default true. */
  inOrder?: boolean;
  /** Put batches into memory from which a GPU copies faster, where there is one; default false. */
  pinMemory?: boolean;
}

const sequence = <T>(what: string) =>
  kind<T>(
    `an iterable of ${what}`,
    (value) => typeof (value as Partial<Iterable<T>> | null)?.[Symbol.iterator] === 'function',
  );

/** Reads {@link DataLoaderOptions}. */
export const readOptions = optionsOf('DataLoader', {
  batchSize: [orNull(integer(1)), undefined],
  shuffle: [flag, false],
  dropLast: [flag, false],
  generator: [generator, undefined],
  sampler: [sequence<Sampler>('indices'), undefined],
  batchSampler: [sequence<Iterable<readonly number[]> & { readonly length: number }>('arrays of indices'), undefined],
  collate: [callable<(samples: never[]) => unknown>(), undefined],
  numWorkers: [integer(0, 1024), 0],
  prefetchFactor: [integer(1, 65536), undefined],
  persistentWorkers: [flag, false],
  workerData: [anything, undefined],
  timeout: [nonNegative, 0],
  inOrder: [flag, true],
  pinMemory: [flag, false],
});

/** Options that say the same twice, or that nothing can be done with. */
export function checkTogether(o: ReturnType<typeof readOptions>, isStream: boolean): void {
  const refuse = (option: string, other: string) =>
    new TorchClipError('ERR_ARGUMENT', `"${option}" cannot be combined with ${other}`);
  if (isStream && (o.shuffle || o.sampler || o.batchSampler)) throw notForStreams();
  if (o.sampler !== undefined && o.shuffle) throw refuse('shuffle', '"sampler"');
  if (o.batchSampler !== undefined) {
    const given = {
      batchSize: o.batchSize !== undefined,
      shuffle: o.shuffle,
      sampler: o.sampler !== undefined,
      dropLast: o.dropLast,
    };
    for (const [name, isGiven] of Object.entries(given)) if (isGiven) throw refuse(name, '"batchSampler"');
  }
  if (o.batchSize === null && o.dropLast) throw refuse('dropLast', '"batchSize" null');
  if (o.numWorkers === 0) {
    const given = {
      prefetchFactor: o.prefetchFactor !== undefined,
      persistentWorkers: o.persistentWorkers,
      timeout: o.timeout !== 0,
    };
    for (const [name, isGiven] of Object.entries(given)) if (isGiven) throw refuse(name, '"numWorkers" 0');
  } else if (o.collate !== undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      '"collate" cannot be combined with "numWorkers": export it from the module of the dataset',
    );
  }
}

/** The error for a stream that is to have another order than its own. */
export const notForStreams = () =>
  new TorchClipError(
    'ERR_ARGUMENT',
    'an iterable dataset has an order of its own: it cannot be combined with "shuffle", "sampler" or "batchSampler"',
  );
