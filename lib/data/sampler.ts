import { check, flag, integer } from '../check.js';
import { tensor } from '../creation/index.js';
import { float64, int64 } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { Generator } from '../generator.js';
import { generator } from '../kinds.js';
import { empty, multinomial, randint, randperm } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { checkSource } from './dataset.js';

/** An order of indices, anew each time it is iterated. */
export interface Sampler extends Iterable<number> {
  readonly length: number;
}

/** 0, 1, 2, ... */
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

/** The given indices in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly options: { readonly generator?: Generator | undefined };

  constructor(
    readonly indices: readonly number[],
    options: { generator?: Generator } = {},
  ) {
    if (!Array.isArray(indices)) throw invalidArgument('indices', 'an array of integers', indices);
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

/**
 * Indices drawn in proportion to weights.
 *
 * @param weights a number >= 0 for each index; they need not sum to 1.
 * @param length how many to draw.
 * @param options.replacement default true.
 */
export class WeightedRandomSampler implements Sampler {
  readonly weights: Tensor;
  readonly options: { readonly replacement: boolean; readonly generator?: Generator | undefined };

  constructor(
    weights: readonly number[],
    readonly length: number,
    options: { replacement?: boolean; generator?: Generator } = {},
  ) {
    this.options = readWeighted(options, new.target.name);
    check('length', length, integer(1));
    if (!Array.isArray(weights)) throw invalidArgument('weights', 'an array of numbers', weights);
    this.weights = tensor(weights, { dtype: float64 });
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const { replacement, generator } = this.options;
    yield* numbers(multinomial(this.weights, this.length, { replacement, generator }));
  }
}

/** A seed from `generator` or the global one, as PyTorch draws it. */
export function drawSeed(generator?: Generator): bigint {
  return empty([], { dtype: int64 }).random_({ generator }).item<bigint>();
}

/** 0 to n - 1 in random order; from the global generator by default. */
export function permutation(n: number, generator: Generator | null = null): Float64Array {
  return numbers(randperm(n, { generator }));
}

/** Indices as JavaScript numbers: float64 holds every index exactly. */
const numbers = (t: Tensor): Float64Array => t.to({ dtype: float64 }).toTypedArray() as Float64Array;

/** Cuts an order into batches. */
export function* batches(order: Iterable<number>, size: number, dropLast: boolean): IterableIterator<number[]> {
  let batch: number[] = [];
  for (const index of order) {
    if (batch.push(index) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0 && !dropLast) yield batch;
}
