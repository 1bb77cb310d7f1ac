import { setImmediate } from 'node:timers/promises';
import { callable, flag, integer, kind } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import type { Generator } from '../generator.js';
import { generator } from '../kinds.js';
import { optionsOf } from '../options.js';
import { type Collated, collate } from './collate.js';
import { checkDataset, type Dataset, gathered, settled } from './dataset.js';
import { batches, drawSeed, RandomSampler, type Sampler, SequentialSampler } from './sampler.js';

/** How a {@link DataLoader} cuts and orders a dataset. */
export interface DataLoaderOptions<T, B> {
  /** Samples a batch; default 1. */
  batchSize?: number;
  /** A new random order each epoch; default false. Not together with `sampler`. */
  shuffle?: boolean;
  /** Leave out a last batch that is not full; default false. */
  dropLast?: boolean;
  /** Where the order is drawn from; default the global generator. */
  generator?: Generator;
  /** An order of its own. */
  sampler?: Sampler;
  /** Puts samples together; default {@link collate}. */
  collate?: (samples: T[]) => B;
}

const readOptions = optionsOf('DataLoader', {
  batchSize: [integer(1), 1],
  shuffle: [flag, false],
  dropLast: [flag, false],
  generator: [generator, undefined],
  sampler: [
    kind<Sampler>(
      'an iterable of indices',
      (value) => typeof (value as Sampler | null)?.[Symbol.iterator] === 'function',
    ),
    undefined,
  ],
  collate: [callable<(samples: never[]) => unknown>(), undefined],
});

/**
 * Batches of a dataset, in the order that PyTorch's loader gives for the same seed.
 *
 * `for (const batch of loader)` is one epoch; `for await` too, and it lets the event loop turn before each batch and waits for
 * datasets whose `get` returns promises.
 *
 * @example
 * const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 20, shuffle: true });
 * for (const [x, y] of loader) step(x, y);
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: Dataset<T>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly generator: Generator | undefined;
  readonly sampler: Sampler;
  readonly #collate: ((samples: T[]) => B) | undefined;

  constructor(dataset: Dataset<T>, options: DataLoaderOptions<T, B> = {}) {
    const { batchSize, shuffle, dropLast, generator, sampler, collate: own } = readOptions(options, new.target.name);
    checkDataset('dataset', dataset);
    if (sampler !== undefined && shuffle) {
      throw new TorchClipError('ERR_ARGUMENT', '"shuffle" cannot be combined with "sampler"');
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.generator = generator;
    this.sampler = sampler ?? (shuffle ? new RandomSampler(dataset, { generator }) : new SequentialSampler(dataset));
    this.#collate = own as ((samples: T[]) => B) | undefined;
  }

  /** Batches per epoch. */
  get length(): number {
    const samples: unknown = this.sampler.length;
    if (typeof samples !== 'number' || !(samples >= 0))
      throw invalidArgument('sampler.length', 'a number >= 0', samples);
    const batches = samples / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): IterableIterator<B> {
    for (const indices of this.#batches()) {
      yield settled(this.#ready(indices)) ?? this.#join(indices.map((index) => settled(this.dataset.get(index))));
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<B> {
    for (const indices of this.#batches()) {
      await setImmediate();
      yield (await this.#ready(indices)) ?? this.#join(await gathered(this.dataset, indices));
    }
  }

  /** The batch as the dataset itself puts it together, where it does and the user does not. */
  #ready(indices: number[]): B | Promise<B> | undefined {
    return this.#collate ? undefined : (this.dataset.getBatch?.(indices) as B | Promise<B> | undefined);
  }

  #join(samples: T[]): B {
    return this.#collate ? this.#collate(samples) : (collate(samples) as B);
  }

  #batches(): Iterable<number[]> {
    // PyTorch draws a seed for its workers before the order, even where there are none.
    drawSeed(this.generator);
    return batches(integers(this.sampler), this.batchSize, this.dropLast);
  }
}

function* integers(sampler: Sampler): IterableIterator<number> {
  for (const index of sampler) {
    if (!Number.isSafeInteger(index)) throw invalidArgument('sampler', 'an iterable of integers', index);
    yield index;
  }
}
