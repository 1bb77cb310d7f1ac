import { invalidArgument } from '../errors.js';
import type { Generator } from '../generator.js';
import { generator as generatorKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { checkDataset, type Dataset, Subset } from './dataset.js';
import { permutation } from './sampler.js';

const readSplit = optionsOf('randomSplit()', { generator: [generatorKind, undefined] });

/**
 * Cuts a dataset into random parts that share no sample, the same as PyTorch's for the same generator.
 *
 * @param lengths samples a part, summing to the dataset's length, or fractions that sum to 1.
 * @param options.generator default: the global one.
 *
 * @example
 * const [train, test] = data.randomSplit(dataset, [0.8, 0.2], { generator });
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  options: { generator?: Generator } = {},
): Subset<T>[] {
  const { generator } = readSplit(options);
  checkDataset('dataset', dataset);
  if (
    !Array.isArray(lengths) ||
    lengths.includes(undefined) ||
    !lengths.every((n) => typeof n === 'number' && n >= 0)
  ) {
    throw invalidArgument('lengths', 'an array of numbers >= 0', lengths);
  }
  const sizes = isFractions(lengths) ? shares(dataset.length, lengths) : lengths;
  const total = sizes.reduce((a, b) => a + b, 0);
  if (!sizes.every(Number.isInteger) || total !== dataset.length) {
    throw invalidArgument('lengths', `integers that sum to ${dataset.length}, or fractions that sum to 1`, lengths);
  }
  const order = [...permutation(total, generator)];
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return new Subset(dataset, order.slice(end - size, end));
  });
}

function isFractions(lengths: readonly number[]): boolean {
  const sum = lengths.reduce((a, b) => a + b, 0);
  return sum <= 1 && sum >= 1 - 1e-9;
}

/** Whole samples for each fraction, rounded down; the first parts take one each of what is left. */
function shares(length: number, fractions: readonly number[]): number[] {
  const sizes = fractions.map((fraction) => Math.floor(length * fraction));
  const left = length - sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < left; i++) sizes[i % sizes.length]!++;
  return sizes;
}
