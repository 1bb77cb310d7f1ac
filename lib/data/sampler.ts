import { check, flag, integer } from '../check.js';
import { tensor } from '../creation/index.js';
import { isTypedArray, type TypedArray } from '../creation/typed-array.js';
import { float64, int64 } from '../dtype.js';
import { invalidArgument, mustHave, TorchClipError } from '../errors.js';
import { Generator } from '../generator.js';
import { generator } from '../kinds.js';
import { present } from '../memory.js';
import { empty, emptyLike, minimum, multinomial, randint, randperm, searchsorted } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { checkSource, indicesOf } from './dataset.js';

/**
 * An order of indices, a new one each time it is iterated; anything of this shape serves, whether it extends this class or not.
 *
 * @example
 * class Backwards extends data.Sampler {
 *   constructor(private readonly size: number) {
 *     super();
 *   }
 *   *[Symbol.iterator]() {
 *     for (let i = this.size - 1; i >= 0; i--) yield i;
 *   }
 *   get length() {
 *     return this.size;
 *   }
 * }
 */
export abstract class Sampler implements Iterable<number> {
  /** How many indices there are. */
  abstract readonly length: number;
  abstract [Symbol.iterator](): Iterator<number>;
}

/**
 * 0, 1, 2, ...
 *
 * @example
 * [...new data.SequentialSampler(dataset)]; // [0, 1, 2, ...]
 */
export class SequentialSampler implements Sampler {
  constructor(readonly source: { readonly length: number }) {
    checkSource('source', source);
  }

  get length(): number {
    return this.source.length;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.source.length; i++) yield i;
  }
}

const generatorTable = { generator: [generator, undefined] } as const;
const readRandom = optionsOf('RandomSampler', {
  replacement: [flag, false],
  numSamples: [integer(1), undefined],
  ...generatorTable,
});

/**
 * Indices in random order, the same as PyTorch's for the same generator.
 *
 * @param source what is sampled; only its length is read.
 * @param options.replacement draw each index on its own; default false.
 * @param options.numSamples how many to draw; default the length of the source.
 * @param options.generator default: one seeded from the global generator at each iteration.
 *
 * @example
 * const loader = new data.DataLoader(dataset, { sampler: new data.RandomSampler(dataset, { replacement: true }) });
 */
export class RandomSampler implements Sampler {
  readonly replacement: boolean;
  readonly generator: Generator | undefined;
  readonly #numSamples: number | undefined;

  constructor(
    readonly source: { readonly length: number },
    options: { replacement?: boolean; numSamples?: number; generator?: Generator } = {},
  ) {
    const { replacement, numSamples, generator } = readRandom(options, new.target.name);
    checkSource('source', source);
    check('numSamples', numSamples ?? source.length, integer(1));
    this.replacement = replacement;
    this.generator = generator;
    this.#numSamples = numSamples;
  }

  get length(): number {
    return this.#numSamples ?? this.source.length;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const n = this.source.length;
    if (n < 1) return;
    const generator = this.generator ?? new Generator().manualSeed(drawSeed());
    // PyTorch draws replacements by 32, and a last permutation even where none of it is needed: the generator moves on the same.
    const chunk = this.replacement ? 32 : n;
    for (let left = this.length; ; left -= chunk) {
      const size = Math.min(left, chunk);
      const drawn = this.replacement ? numbers(randint(n, [size], { generator })) : permutation(n, generator);
      yield* drawn.subarray(0, size);
      if (left < chunk) return;
    }
  }
}

const readSubset = optionsOf('SubsetRandomSampler', generatorTable);

/**
 * The given indices in random order.
 *
 * @example
 * const loader = new data.DataLoader(dataset, { sampler: new data.SubsetRandomSampler([0, 2, 4]) });
 */
export class SubsetRandomSampler implements Sampler {
  readonly indices: readonly number[];
  readonly options: { readonly generator?: Generator | undefined };

  constructor(indices: readonly number[] | ArrayLike<number> | Tensor, options: { generator?: Generator } = {}) {
    this.indices = indicesOf('indices', indices);
    this.options = readSubset(options, new.target.name);
  }

  get length(): number {
    return this.indices.length;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (const i of permutation(this.indices.length, this.options.generator)) yield this.indices[i]!;
  }
}

const readWeighted = optionsOf('WeightedRandomSampler', { replacement: [flag, true], ...generatorTable });

/** What `torch.multinomial` takes; above it the draw is made here. */
const mostCategories = 2 ** 24;

/**
 * Indices drawn in proportion to weights, the same as PyTorch's for the same generator; PyTorch takes 2^24 weights at most.
 *
 * @param weights a finite number >= 0 for each index; they need not sum to 1.
 * @param length how many to draw.
 * @param options.replacement default true; without it, `length` weights must be above 0.
 * @param options.generator default: the global one.
 *
 * @example
 * const sampler = new data.WeightedRandomSampler(weights, 1000);
 */
export class WeightedRandomSampler implements Sampler {
  readonly weights: Tensor;
  readonly options: { readonly replacement: boolean; readonly generator?: Generator | undefined };

  constructor(
    weights: readonly number[] | TypedArray | Tensor,
    readonly length: number,
    options: { replacement?: boolean; generator?: Generator } = {},
  ) {
    this.options = readWeighted(options, new.target.name);
    check('length', length, integer(1));
    this.weights = weightsOf(weights);
    const drawable = this.options.replacement ? Math.min(1, length) : length;
    const above = this.weights.gt(0).sum().item();
    if (above < drawable) {
      throw new TorchClipError('ERR_ARGUMENT', `"weights" must have ${drawable} numbers > 0 or more, got ${above}`);
    }
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const { replacement, generator } = this.options;
    const { weights, length } = this;
    if (weights.numel() <= mostCategories) {
      yield* numbers(multinomial(weights, length, { replacement, generator }));
    } else if (replacement) {
      // A uniform draw falls into each weight's part of their running sum.
      const sums = weights.cumsum(0);
      const total = sums.select(0, -1);
      const draws = empty([length], { dtype: float64 }).uniform_(0, 1, { generator }).mul(total);
      // Rounding may bring a draw to the very end, where a weight of 0 may stand.
      yield* numbers(searchsorted(sums, minimum(draws, total.mul(1 - 2 ** -52)), { right: true }));
    } else {
      // Exponential draws divided by the weights: the smallest ones come as in successive draws.
      const times = emptyLike(weights).exponential_(1, { generator }).div(weights);
      yield* numbers(times.topk(length, 0, false, true)[1]);
    }
  }
}

function weightsOf(weights: unknown): Tensor {
  if (!isTensor(weights) && !Array.isArray(weights) && !isTypedArray(weights)) {
    throw invalidArgument('weights', 'an array, a typed array or a tensor of numbers', weights);
  }
  if (isTypedArray(weights)) present('weights', weights);
  const row = tensor(weights as number[], { dtype: float64, device: 'cpu' });
  if (row.dim() !== 1 || row.numel() === 0) {
    throw mustHave('weights', 'one dimension and at least one element', row.shape);
  }
  if (!row.isfinite().all().item<boolean>() || row.lt(0).any().item<boolean>()) {
    throw invalidArgument('weights', 'finite numbers >= 0', weights);
  }
  return row;
}

/** A seed from `generator` or the global one, as PyTorch draws it. */
export function drawSeed(generator?: Generator): bigint {
  // One in 1,024 of them is a safe integer, which item() gives as a number.
  return BigInt(empty([], { dtype: int64 }).random_({ generator }).item<bigint>());
}

/** 0 to n - 1 in random order; from the global generator by default. */
export function permutation(n: number, generator: Generator | null = null): Float64Array {
  return numbers(randperm(n, { generator }));
}

/** Indices as JavaScript numbers: float64 holds every index exactly. */
const numbers = (t: Tensor): Float64Array => t.to({ dtype: float64 }).toTypedArray() as Float64Array;

/** Cuts an order into batches. */
export function* batches<T>(order: Iterable<T>, size: number, dropLast: boolean): IterableIterator<T[]> {
  let batch: T[] = [];
  for (const index of order) {
    if (batch.push(index) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0 && !dropLast) yield batch;
}
