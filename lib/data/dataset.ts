import { types } from 'node:util';
import { tensor } from '../creation/index.js';
import { isTypedArray } from '../creation/typed-array.js';
import { describe, invalidArgument, mustHave, TorchClipError } from '../errors.js';
import { present } from '../memory.js';
import { isTensor, type Tensor } from '../tensor.js';
import type { Collated } from './collate.js';

/**
 * Samples by index; anything of this shape feeds a {@link DataLoader}, whether it extends this class or not.
 *
 * @example
 * const squares: data.Dataset<number> = { length: 10, get: (i) => i * i };
 */
export abstract class Dataset<T> {
  /** How many samples there are. */
  abstract readonly length: number;
  /** The sample at `index`; a promise makes the dataset one for `for await`. */
  abstract get(index: number): T | Promise<T>;
  /** Several samples, already put together: a faster way than `get` for each where the dataset knows one. */
  getBatch?: ((indices: readonly number[]) => Collated<T> | Promise<Collated<T>>) | undefined;
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
    for (const t of tensors) if (!isTensor(t)) throw invalidArgument('tensors', 'tensors', t);
    const first = tensors[0]?.shape[0];
    for (const t of tensors) {
      if (t.dim() === 0 || t.shape[0] !== first) {
        throw mustHave('tensors', `one length in dimension 0 (${first})`, t.shape);
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

  /** One `indexSelect` per tensor. */
  getBatch(indices: readonly number[]): Collated<T> {
    const list = indicesOf('indices', indices);
    for (const index of list) checkIndex(index, this.length);
    const rows = tensor(BigInt64Array.from(list, BigInt));
    return this.tensors.map((t) => t.indexSelect(0, rows.to({ device: t.device }))) as Collated<T>;
  }
}

/** Checks what only needs a length, such as a dataset that is sampled. */
export function checkSource(name: string, source: unknown): void {
  const { length } = (source ?? {}) as { length?: unknown };
  if (!Number.isSafeInteger(length) || (length as number) < 0) {
    throw invalidArgument(name, 'an object whose length is an integer >= 0', source);
  }
}

/** Checks that a value is a {@link Dataset}. */
export function checkDataset(name: string, value: unknown): asserts value is Dataset<unknown> {
  const { get, getBatch } = (value ?? {}) as Partial<Dataset<unknown>>;
  if (typeof get !== 'function' || (getBatch !== undefined && typeof getBatch !== 'function')) {
    throw invalidArgument(
      name,
      'a dataset: an object with a length, a get method and, if any, a getBatch method',
      value,
    );
  }
  checkSource(name, value);
}

/** Indices as an array of numbers, from an array, a typed array or a tensor of integers. */
export function indicesOf(name: string, indices: unknown): readonly number[] {
  if (isTensor(indices) && indices.dim() === 1 && !indices.dtype.isFloatingPoint && !indices.dtype.isComplex) {
    return indices.tolist() as number[];
  }
  const isRow = Array.isArray(indices) || isTypedArray(indices);
  if (!isRow) throw invalidArgument(name, 'an array or a tensor of integers', indices);
  if (isTypedArray(indices)) present(name, indices);
  const list: number[] = [];
  for (let i = 0; i < indices.length; i++) {
    const index = typeof indices[i] === 'bigint' ? Number(indices[i]) : (indices[i] as number);
    if (!Number.isSafeInteger(index)) throw invalidArgument(`${name}[${i}]`, 'an integer', indices[i], 'ERR_INDEX');
    list.push(index);
  }
  return list;
}

/**
 * The samples of `dataset` at `indices`.
 *
 * @example
 * const even = new data.Subset(dataset, [0, 2, 4, 6]);
 */
export class Subset<T> implements Dataset<T> {
  readonly length: number;
  readonly indices: readonly number[];
  readonly getBatch: Dataset<T>['getBatch'];

  constructor(
    readonly dataset: Dataset<T>,
    indices: readonly number[] | ArrayLike<number> | Tensor,
  ) {
    checkDataset('dataset', dataset);
    this.indices = indicesOf('indices', indices);
    for (const index of this.indices) checkIndex(index, dataset.length);
    this.length = this.indices.length;
    if (dataset.getBatch) this.getBatch = (at) => dataset.getBatch!(at.map((index) => this.#outer(index)));
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#outer(index));
  }

  #outer(index: number): number {
    return this.indices[checkIndex(index, this.length)]!;
  }
}

/** A value that is there now: a promise cannot be waited for in a plain `for`. */
export function settled<T>(value: T | Promise<T>): T {
  if (!isPromise(value)) return value as T;
  ignore([value]);
  throw new TorchClipError('ERR_STATE', 'the dataset or collate returns promises: iterate with "for await"');
}

/** All samples, once they are there. Where one cannot even be asked for, those that were are not waited for. */
export async function gathered<T>(dataset: Dataset<T>, indices: readonly number[]): Promise<T[]> {
  const started: (T | Promise<T>)[] = [];
  try {
    for (const index of indices) started.push(dataset.get(index));
  } catch (error) {
    ignore(started);
    throw error;
  }
  return Promise.all(started);
}

/** Of this realm or another. */
const isPromise = (value: unknown): value is Promise<never> => types.isPromise(value);

/** An unhandled rejection would end the process. */
function ignore(values: readonly unknown[]): void {
  for (const value of values) if (isPromise(value)) value.catch(() => {});
}

export function checkIndex(index: number, length: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new TorchClipError('ERR_INDEX', `"index" must be an integer in [0, ${length}), got ${describe(index)}`);
  }
  return index;
}
