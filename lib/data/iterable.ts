import { elementsOf } from '../check.js';
import { invalidArgument } from '../errors.js';
import { isTensor } from '../tensor.js';

/**
 * Samples one after the other, for what has no index: a stream, or files that are read from front to back.
 *
 * Any object with `Symbol.iterator` or `Symbol.asyncIterator` and without `get` feeds a {@link DataLoader} as one does; this class is
 * there to be extended. In a loader with workers each worker has a dataset of its own, which gives its share: see {@link getWorkerInfo}.
 *
 * @example
 * class Lines extends data.IterableDataset<string> {
 *   override async *[Symbol.asyncIterator]() {
 *     yield* (await open('corpus.txt')).readLines();
 *   }
 * }
 */
export abstract class IterableDataset<T> {
  [Symbol.iterator]?(): Iterator<T>;
  [Symbol.asyncIterator]?(): AsyncIterator<T>;
}

/** What {@link IterableDataset} is, as a shape. */
export type IterableSource<T> = Iterable<T> | AsyncIterable<T> | IterableDataset<T>;

/** Whether a dataset gives its samples one after the other. */
export function isIterableSource(value: unknown): value is IterableSource<unknown> {
  if (typeof value !== 'object' || value === null || 'get' in value || Array.isArray(value) || isTensor(value))
    return false;
  const { [Symbol.iterator]: now, [Symbol.asyncIterator]: later } = value as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >;
  return typeof now === 'function' || typeof later === 'function';
}

/** The samples of a source for a loop that waits. */
export function samplesOf<T>(source: IterableSource<T>): AsyncIterable<T> | Iterable<T> {
  return source as AsyncIterable<T> | Iterable<T>;
}

/**
 * The samples of several {@link IterableDataset}s, one dataset after the other.
 *
 * @example
 * const both = new data.ChainDataset([first, second]);
 */
export class ChainDataset<T> extends IterableDataset<T> {
  readonly datasets: readonly IterableSource<T>[];

  constructor(datasets: Iterable<IterableSource<T>>) {
    super();
    if (typeof (datasets as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
      throw invalidArgument('datasets', 'an array of iterable datasets', datasets);
    }
    this.datasets = elementsOf(datasets);
    for (const [i, dataset] of this.datasets.entries()) {
      if (!isIterableSource(dataset)) throw invalidArgument(`datasets[${i}]`, 'an iterable dataset', dataset);
    }
  }

  override async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (const dataset of this.datasets) yield* samplesOf(dataset) as AsyncIterable<T>;
  }
}
