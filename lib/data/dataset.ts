import { tensor } from '../creation/index.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { Tensor } from '../tensor.js';
import type { Collated } from './collate.js';

/**
 * Samples by index; anything of this shape feeds a {@link DataLoader}.
 *
 * @example
 * const squares: data.Dataset<number> = { length: 10, get: (i) => i * i };
 */
export interface Dataset<T> {
  /** How many samples there are. */
  readonly length: number;
  /** The sample at `index`; a promise makes the dataset one for `for await`. */
  get(index: number): T | Promise<T>;
  /** Several samples, already put together: a faster way than `get` for each where the dataset knows one. */
  getBatch?(indices: readonly number[]): Collated<T>;
}

/**
 * Rows of tensors: sample i is row i of each.
 *
 * @param tensors tensors of one length in dimension 0.
 *
 * @example
 * const dataset = new data.TensorDataset(torch.randn([100, 10]), torch.randn([100, 1]));
 */
export class TensorDataset<T extends readonly Tensor[] = Tensor[]> implements Dataset<T> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    for (const t of tensors) if (!(t instanceof Tensor)) throw invalidArgument('tensors', 'tensors', t);
    const first = tensors[0]?.shape[0];
    for (const t of tensors) {
      if (t.dim() === 0 || t.shape[0] !== first) {
        throw invalidArgument('tensors', `of one length in dimension 0 (${first})`, t.shape, 'ERR_SHAPE');
      }
    }
    if (first === undefined) throw invalidArgument('tensors', 'one tensor or more', tensors);
    this.tensors = tensors;
    this.length = first;
  }

  get(index: number): T {
    checkIndex(index, this.length);
    return this.tensors.map((t) => t.select(0, index)) as unknown as T;
  }

  /** One `indexSelect` a tensor. */
  getBatch(indices: readonly number[]): Collated<T> {
    for (const index of indices) checkIndex(index, this.length);
    const rows = tensor(BigInt64Array.from(indices, BigInt));
    return this.tensors.map((t) => t.indexSelect(0, rows.to({ device: t.device }))) as Collated<T>;
  }
}

/** Checks what only needs a length, such as a dataset that is sampled. */
export function checkSource(name: string, source: unknown): void {
  const { length } = (source ?? {}) as { length?: unknown };
  if (!Number.isSafeInteger(length) || (length as number) < 0)
    throw invalidArgument(name, 'something with a length', source);
}

/** The samples of `dataset` at `indices`. */
export class Subset<T> implements Dataset<T> {
  readonly length: number;
  readonly getBatch: Dataset<T>['getBatch'];

  constructor(
    readonly dataset: Dataset<T>,
    readonly indices: readonly number[],
  ) {
    checkSource('dataset', dataset);
    if (!Array.isArray(indices)) throw invalidArgument('indices', 'an array of integers', indices);
    for (const index of indices) checkIndex(index, dataset.length);
    this.length = indices.length;
    if (dataset.getBatch) this.getBatch = (at) => dataset.getBatch!(at.map((index) => this.#outer(index)));
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#outer(index));
  }

  #outer(index: number): number {
    return this.indices[checkIndex(index, this.length)]!;
  }
}

/** A sample that is there now: a promise cannot be waited for in a plain `for`. */
export function settled<T>(sample: T | Promise<T>): T {
  if (sample instanceof Promise) {
    sample.catch(() => {});
    throw new TorchClipError('ERR_STATE', 'the dataset returns promises: iterate with "for await"');
  }
  return sample;
}

function checkIndex(index: number, length: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new TorchClipError('ERR_INDEX', `"index" must be an integer in [0, ${length}), got ${describe(index)}`);
  }
  return index;
}
