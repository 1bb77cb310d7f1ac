import { types } from 'node:util';
import { elementsOf } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { isPlainObject } from '../options.js';
import { checkDataset, checkIndex, type Dataset } from './dataset.js';

/**
 * Several datasets in a row: the samples of the second come after those of the first.
 *
 * @example
 * const all = new data.ConcatDataset([training, validation]);
 */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  /** Where each dataset ends among all samples. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: readonly Dataset<T>[]) {
    if (!Array.isArray(datasets) || datasets.length === 0) {
      throw invalidArgument('datasets', 'an array of one dataset or more', datasets);
    }
    for (let i = 0; i < datasets.length; i++) checkDataset(`datasets[${i}]`, datasets[i]);
    let end = 0;
    this.datasets = [...datasets];
    this.cumulativeSizes = datasets.map((dataset) => (end += dataset.length));
  }

  get length(): number {
    return this.cumulativeSizes.at(-1)!;
  }

  get(index: number): T | Promise<T> {
    checkIndex(index, this.length);
    let [low, high] = [0, this.datasets.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (index < this.cumulativeSizes[middle]!) high = middle;
      else low = middle + 1;
    }
    return this.datasets[low]!.get(index - (low === 0 ? 0 : this.cumulativeSizes[low - 1]!));
  }
}

type Samples<D> = { -readonly [K in keyof D]: D[K] extends Dataset<infer T> ? T : never };

/**
 * Datasets of one length side by side: a sample has one of each, in an array or under the names that they are given.
 *
 * @example
 * const pairs = new data.StackDataset({ image: images, caption: captions });
 * pairs.get(0); // { image, caption }
 */
export class StackDataset<D extends readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>>
  implements Dataset<Samples<D>>
{
  readonly length: number;
  readonly #names: readonly string[] | undefined;
  readonly #datasets: readonly Dataset<unknown>[];

  /** @param datasets an array of datasets, or an object of them. */
  constructor(readonly datasets: D) {
    const isList = Array.isArray(datasets);
    if (!isList && !isPlainObject(datasets)) {
      throw invalidArgument('datasets', 'an array or an object of datasets', datasets);
    }
    this.#names = isList ? undefined : Object.keys(datasets);
    this.#datasets = isList
      ? elementsOf(datasets as readonly Dataset<unknown>[])
      : Object.values(datasets as Readonly<Record<string, Dataset<unknown>>>);
    const [first] = this.#datasets;
    if (first === undefined) throw invalidArgument('datasets', 'one dataset or more', datasets);
    for (const [i, dataset] of this.#datasets.entries()) {
      const name = `datasets[${this.#names ? JSON.stringify(this.#names[i]) : i}]`;
      checkDataset(name, dataset);
      if (dataset.length !== first.length) {
        throw new TorchClipError(
          'ERR_SHAPE',
          `"${name}" must have ${first.length} samples, as the first has, got ${dataset.length}`,
        );
      }
    }
    this.length = first.length;
  }

  get(index: number): Samples<D> | Promise<Samples<D>> {
    checkIndex(index, this.length);
    const samples: unknown[] = [];
    try {
      for (const dataset of this.#datasets) samples.push(dataset.get(index));
    } catch (error) {
      for (const sample of samples) if (types.isPromise(sample)) sample.catch(() => {});
      throw error;
    }
    return samples.some(types.isPromise) ? Promise.all(samples).then((all) => this.#named(all)) : this.#named(samples);
  }

  #named(samples: readonly unknown[]): Samples<D> {
    const names = this.#names;
    return (names ? Object.fromEntries(names.map((name, i) => [name, samples[i]])) : samples) as Samples<D>;
  }
}
