import { check, flag, integer, type Kind } from '../check.js';
import { getRank, getWorldSize } from '../distributed/group.js';
import { invalidArgument } from '../errors.js';
import { Generator } from '../generator.js';
import { optionsOf } from '../options.js';
import { checkSource } from './dataset.js';
import { batches, permutation, type Sampler } from './sampler.js';

/**
 * Another sampler's indices, some at a time.
 *
 * @param sampler indices.
 * @param batchSize how many a batch has.
 * @param dropLast whether a last batch that is not full is left out.
 *
 * @example
 * [...new data.BatchSampler(new data.SequentialSampler({ length: 5 }), 2, false)]; // [[0, 1], [2, 3], [4]]
 */
export class BatchSampler implements Iterable<number[]> {
  constructor(
    readonly sampler: Sampler,
    readonly batchSize: number,
    readonly dropLast: boolean,
  ) {
    if (typeof sampler?.[Symbol.iterator] !== 'function')
      throw invalidArgument('sampler', 'an iterable of indices', sampler);
    check('batchSize', batchSize, integer(1));
    check('dropLast', dropLast, flag);
  }

  get length(): number {
    const count = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(count) : Math.ceil(count);
  }

  [Symbol.iterator](): IterableIterator<number[]> {
    return batches(this.sampler, this.batchSize, this.dropLast);
  }
}

const readDistributed = optionsOf('DistributedSampler', {
  numReplicas: [integer(1) as Kind<number | undefined>, undefined],
  rank: [integer(0) as Kind<number | undefined>, undefined],
  shuffle: [flag, true],
  seed: [integer(0), 0],
  dropLast: [flag, false],
});

/**
 * One process's share of the indices where several train together, the same as PyTorch's.
 *
 * Each process calls {@link setEpoch} before each epoch for another order. Indices that do not come out even are repeated from the start, or left
 * out with `dropLast`.
 *
 * @param source what is sampled; only its length is read.
 * @param options.numReplicas how many processes there are; default the size of the default process group.
 * @param options.rank which of them this is, from 0; default its rank in that group.
 * @param options.shuffle default true.
 * @param options.seed the same in all processes; default 0.
 * @param options.dropLast default false.
 * @throws {TorchClipError} `ERR_STATE` where one of the two is left out and there is no process group.
 *
 * @example
 * const sampler = new data.DistributedSampler(dataset);
 * const loader = new data.DataLoader(dataset, { batchSize: 32, sampler });
 * for (let epoch = 0; epoch < 10; epoch++) {
 *   sampler.setEpoch(epoch);
 *   for (const batch of loader) step(batch);
 * }
 */
export class DistributedSampler implements Sampler {
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  #epoch = 0;

  constructor(
    readonly source: { readonly length: number },
    options?: { numReplicas?: number; rank?: number; shuffle?: boolean; seed?: number; dropLast?: boolean },
  ) {
    checkSource('source', source);
    const {
      numReplicas = getWorldSize(),
      rank = getRank(),
      shuffle,
      seed,
      dropLast,
    } = readDistributed(options, new.target.name);
    if (rank >= numReplicas) throw invalidArgument('rank', `an integer from 0 to ${numReplicas - 1}`, rank);
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = shuffle;
    this.seed = seed;
    this.dropLast = dropLast;
  }

  /** Indices per process. */
  get length(): number {
    const { length } = this.source;
    const n = this.numReplicas;
    return this.dropLast && length % n !== 0 ? Math.max(0, Math.ceil((length - n) / n)) : Math.ceil(length / n);
  }

  /** Which epoch the next order is for. */
  setEpoch(epoch: number): void {
    this.#epoch = check('epoch', epoch, integer(0));
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const n = this.source.length;
    const order = this.shuffle ? permutation(n, new Generator().manualSeed(this.seed + this.#epoch)) : undefined;
    for (let i = 0; i < this.length; i++) {
      const at = (this.rank + i * this.numReplicas) % n;
      yield order ? order[at]! : at;
    }
  }
}
