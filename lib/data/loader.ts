import { setImmediate } from 'node:timers/promises';
import { arrayOf, integer } from '../check.js';
import { whyUnavailable } from '../cuda/available.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { Generator } from '../generator.js';
import { unscopedSteps } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type Collated, collate, defaultConvert } from './collate.js';
import { checkDataset, type Dataset, gathered, settled } from './dataset.js';
import { type IterableSource, isIterableSource } from './iterable.js';
import { checkTogether, type DataLoaderOptions, notForStreams, readOptions } from './loader-options.js';
import { LoaderPosition, type LoaderState, readState } from './loader-position.js';
import { batches, RandomSampler, type Sampler, SequentialSampler } from './sampler.js';
import { mapTensors } from './workers/pack.js';
import { Pool, type Result } from './workers/pool.js';

/**
 * Batches of a dataset, in the order that PyTorch's loader gives for the same seed.
 *
 * `for (const batch of loader)` is one epoch; `for await` too, and it lets the event loop turn before each batch and waits for
 * datasets whose `get` returns promises.
 *
 * With `numWorkers`, threads make the batches while this one trains. A thread cannot be given an object, so the dataset is the URL of a module whose default
 * export is the dataset, or a function that makes it; the module may also export `collate` and `workerInit`. Tensors come over without a copy.
 *
 * {@link stateDict} says how far an epoch is, so that another process goes on with the same batches.
 *
 * @example
 * const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 20, shuffle: true });
 * for (const [x, y] of loader) step(x, y);
 *
 * const images = new data.DataLoader<[Tensor, Tensor]>(new URL('./images.js', import.meta.url), { batchSize: 64, shuffle: true, numWorkers: 4 });
 * for await (const [x, y] of images) step(x, y);
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: Dataset<T> | IterableSource<T> | URL;
  /** Null for a loader without batches, or whose batches a `batchSampler` makes. */
  readonly batchSize: number | null;
  readonly dropLast: boolean;
  readonly generator: Generator | undefined;
  readonly numWorkers: number;
  readonly #collate: ((samples: T[]) => B) | undefined;
  readonly #options: ReturnType<typeof readOptions>;
  readonly #position: LoaderPosition;
  #sampler: Sampler | undefined;
  #pool: Pool | undefined;
  /** Whether the dataset of a module is iterable, once it is there. */
  #isStream = false;
  #module: Promise<{ dataset: Dataset<T> | IterableSource<T>; collate: ((samples: T[]) => B) | undefined }> | undefined;

  constructor(source: Dataset<T> | readonly T[] | IterableSource<T> | URL, options: DataLoaderOptions<T, B> = {}) {
    const dataset = Array.isArray(source)
      ? { length: source.length, get: (i: number) => source[i] as T }
      : (source as Exclude<typeof source, readonly T[]>);
    const read = readOptions(options, new.target.name);
    const { batchSize = 1, sampler, batchSampler, numWorkers } = read;
    const isModule = isUrl(dataset);
    if (!isModule && !isIterableSource(dataset)) checkDataset('dataset', dataset);
    if (numWorkers > 0 && !isModule) {
      throw invalidArgument(
        'dataset',
        "the URL of a module where there are workers, such as new URL('./dataset.js', import.meta.url)",
        dataset,
      );
    }
    checkTogether(read, !isModule && isIterableSource(dataset));
    this.dataset = dataset;
    this.batchSize = batchSampler === undefined ? (batchSize as number | null) : null;
    this.dropLast = read.dropLast;
    this.generator = read.generator;
    this.numWorkers = numWorkers;
    this.#options = read;
    this.#collate = read.collate as ((samples: T[]) => B) | undefined;
    this.#sampler = sampler;
    this.#position = new LoaderPosition(read.generator);
    if (!isModule && !isIterableSource(dataset)) this.#chooseSampler((dataset as Dataset<T>).length);
  }

  /** The order of the indices; for a dataset in a module, once an epoch has begun. */
  get sampler(): Sampler {
    if (this.#sampler !== undefined) return this.#sampler;
    throw this.#unknown('sampler');
  }

  #chooseSampler(length: number): void {
    const source = isUrl(this.dataset) ? { length } : (this.dataset as { length: number });
    const { shuffle } = this.#options;
    this.#sampler ??= shuffle
      ? new RandomSampler(source, { generator: this.generator })
      : new SequentialSampler(source);
  }

  #unknown(what: string): TorchClipError {
    const isYet = isUrl(this.dataset) && !this.#isStream;
    const why = isYet
      ? ' yet: its dataset is a module, which "await loader.open()" loads'
      : ': its dataset is iterable';
    return new TorchClipError('ERR_STATE', `the loader has no ${what}${why}`);
  }

  /** Batches per epoch. An iterable dataset has no length, and a module's dataset none before {@link open} or the first epoch. */
  get length(): number {
    const { batchSampler } = this.#options;
    const source = batchSampler ?? this.#sampler;
    if (source === undefined) throw this.#unknown('length');
    const name = batchSampler ? 'batchSampler.length' : 'sampler.length';
    const length: unknown = source.length;
    if (typeof length !== 'number' || !(length >= 0)) throw invalidArgument(name, 'a number >= 0', length);
    const count = length / (this.batchSize ?? 1);
    return this.dropLast ? Math.floor(count) : Math.ceil(count);
  }

  *[Symbol.iterator](): IterableIterator<B> {
    const { dataset } = this;
    if (isUrl(dataset)) throw new TorchClipError('ERR_STATE', 'the dataset is a module: iterate with "for await"');
    if (!isIterableSource(dataset)) {
      for (const indices of this.#order()) yield this.#give(this.#made(dataset as Dataset<T>, indices));
    } else {
      const samples = (dataset as Partial<Iterable<T>>)[Symbol.iterator];
      if (samples === undefined)
        throw new TorchClipError('ERR_STATE', 'the dataset returns promises: iterate with "for await"');
      const { skip } = this.#position.start(undefined);
      let index = 0;
      for (const group of batches(
        { [Symbol.iterator]: () => samples.call(dataset) },
        this.batchSize ?? 1,
        this.dropLast,
      )) {
        if (index++ >= skip) yield this.#give(this.#join(group, this.#collate));
      }
    }
    this.#position.end();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<B> {
    return unscopedSteps(this.#batches());
  }

  async *#batches(): AsyncGenerator<B, void> {
    if (this.numWorkers > 0) {
      yield* this.#parallel();
      return;
    }
    const { dataset, collate: join } = await this.#here();
    if (!isIterableSource(dataset)) {
      const source = dataset as Dataset<T>;
      for (const indices of this.#order()) {
        await setImmediate();
        const ready = this.#ready(source, indices, join);
        yield this.#give((await ready) ?? this.#join(await gathered(source, indices), join));
      }
    } else {
      const { skip } = this.#position.start(undefined);
      let index = 0;
      const size = this.batchSize ?? 1;
      let group: T[] = [];
      for await (const sample of dataset as AsyncIterable<T>) {
        if (group.push(sample) < size) continue;
        if (index++ >= skip) yield this.#give(this.#join(group, join));
        group = [];
      }
      if (group.length > 0 && !this.dropLast && index >= skip) yield this.#give(this.#join(group, join));
    }
    this.#position.end();
  }

  /** How far the current epoch is, and the generators as they were when it began. */
  stateDict(): LoaderState {
    return this.#position.state();
  }

  /**
   * Makes the next epoch go on where a {@link stateDict} was taken: with the batches that came after it then.
   *
   * The dataset and the options must be those of the loader that it came from.
   */
  loadStateDict(state: LoaderState): void {
    this.#position.resume(readState(state));
  }

  /**
   * Loads the dataset's module, and starts the workers of the next epoch where there are some: {@link length} and {@link sampler} are known from
   * here on.
   *
   * @throws what the module throws.
   *
   * @example
   * const loader = await new data.DataLoader(new URL('./images.js', import.meta.url), { batchSize: 64, numWorkers: 4 }).open();
   * const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: epochs * loader.length });
   */
  async open(): Promise<this> {
    if (this.numWorkers === 0) {
      const { dataset } = await this.#here();
      this.#isStream = isIterableSource(dataset);
      return this;
    }
    this.#pool ??= this.#start();
    await this.#lengthOf(this.#pool);
    return this;
  }

  /** Ends the workers, where they are kept from one epoch to the next. A process that has nothing else to do ends without it. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The dataset in this thread. */
  #here(): Promise<{ dataset: Dataset<T> | IterableSource<T>; collate: ((samples: T[]) => B) | undefined }> {
    const { dataset } = this;
    if (!isUrl(dataset)) return Promise.resolve({ dataset, collate: this.#collate });
    this.#module ??= (async () => {
      const { default: made, collate: own } = (await import(dataset.href)) as {
        default?: unknown;
        collate?: (samples: T[]) => B;
      };
      const loaded =
        typeof made === 'function' ? await (made as (data: unknown) => unknown)(this.#options.workerData) : made;
      if (!isIterableSource(loaded)) {
        checkDataset(`the default export of ${dataset.href}`, loaded);
        this.#chooseSampler(loaded.length);
      }
      return { dataset: loaded as Dataset<T> | IterableSource<T>, collate: this.#collate ?? own };
    })();
    return this.#module;
  }

  #order(): Iterable<number[]> {
    const { batchSampler } = this.#options;
    const sampler = this.#sampler as (Sampler & { generator?: unknown; options?: { generator?: unknown } }) | undefined;
    const open = () =>
      batchSampler ? indexLists(batchSampler) : batches(integers(sampler!), this.batchSize ?? 1, this.dropLast);
    const own = sampler?.generator ?? sampler?.options?.generator;
    return this.#position.start(open, !batchSampler && own instanceof Generator ? own : undefined).rest;
  }

  /** A batch of a dataset that has it now. */
  #made(dataset: Dataset<T>, indices: number[]): B {
    const ready = settled(this.#ready(dataset, indices, this.#collate));
    return (
      ready ??
      settled(
        this.#join(
          indices.map((index) => settled(dataset.get(index))),
          this.#collate,
        ),
      )
    );
  }

  /** The batch as the dataset itself puts it together, where it does and the user does not. */
  #ready(dataset: Dataset<T>, indices: number[], join: unknown): B | Promise<B> | undefined {
    return join || this.#isUnbatched ? undefined : (dataset.getBatch?.(indices) as B | Promise<B> | undefined);
  }

  get #isUnbatched(): boolean {
    return this.batchSize === null && this.#options.batchSampler === undefined;
  }

  #join(samples: T[], join: ((samples: T[]) => B) | undefined): B {
    if (this.#isUnbatched) return (join ? join(samples[0] as unknown as T[]) : defaultConvert(samples[0])) as B;
    return join ? join(samples) : (collate(samples) as B);
  }

  /** Hands a batch over: from here on it counts as seen. */
  #give(batch: B): B {
    this.#position.advance();
    const pins = this.#options.pinMemory && whyUnavailable() === undefined;
    return pins ? (mapTensors(batch, (tensor: Tensor) => tensor.pinMemory()) as B) : batch;
  }

  async *#parallel(): AsyncIterableIterator<B> {
    const { persistentWorkers } = this.#options;
    const pool = this.#pool ?? this.#start();
    this.#pool = persistentWorkers ? pool : undefined;
    try {
      const length = await this.#lengthOf(pool);
      yield* length === undefined ? this.#streamed(pool) : this.#ordered(pool);
      this.#position.end();
    } finally {
      if (!persistentWorkers || pool.isBroken) {
        if (this.#pool === pool) this.#pool = undefined;
        await pool.close();
      }
    }
  }

  /** The length of the dataset that the workers have, once they have it; undefined for an iterable one. */
  async #lengthOf(pool: Pool): Promise<number | undefined> {
    try {
      const length = await pool.wait(pool.length);
      this.#isStream = length === undefined;
      if (length !== undefined) this.#chooseSampler(length);
      return length;
    } catch (error) {
      if (this.#pool === pool) this.#pool = undefined;
      await pool.close();
      throw error;
    }
  }

  #start(): Pool {
    const { workerData, timeout, dropLast } = this.#options;
    const { href } = this.dataset as URL;
    const batched = !this.#isUnbatched;
    return new Pool({
      module: href,
      data: workerData,
      numWorkers: this.numWorkers,
      batched,
      batchSize: this.batchSize ?? 1,
      dropLast,
      timeout,
    });
  }

  /** Batches of indices, dealt out to the workers in turn. */
  async *#ordered(pool: Pool): AsyncIterableIterator<B> {
    const { prefetchFactor = 2, inOrder } = this.#options;
    const order = this.#order()[Symbol.iterator]();
    pool.epoch(this.#position.seed);
    const pending: Promise<Result>[] = [];
    let { yielded: number } = this.#position.state();
    let worker = 0;
    for (;;) {
      while (pending.length < this.numWorkers * (prefetchFactor as number)) {
        const { done, value } = order.next();
        if (done) break;
        pending.push(pool.ask(worker, { indices: value, number: number++ }));
        worker = (worker + 1) % this.numWorkers;
      }
      if (pending.length === 0) return;
      const at = inOrder ? 0 : await pool.wait(Promise.race(pending.map((result, i) => result.then(() => i))));
      const result = await pool.wait(pending.splice(at, 1)[0]!);
      // Also where it was there already: signals and timers have their turn.
      await setImmediate();
      if (result !== 'end') yield this.#give(result.batch as B);
    }
  }

  /** Batches of as many streams as there are workers, each in turn for as long as it has some. */
  async *#streamed(pool: Pool): AsyncIterableIterator<B> {
    const { prefetchFactor = 2, shuffle, sampler, batchSampler } = this.#options;
    if (shuffle || sampler || batchSampler) throw notForStreams();
    let { skip } = this.#position.start(undefined);
    pool.epoch(this.#position.seed);
    const ahead = (worker: number) => Array.from({ length: prefetchFactor as number }, () => pool.ask(worker));
    const streams = Array.from({ length: this.numWorkers }, (_, worker) => ({ worker, pending: ahead(worker) }));
    for (let stream = streams.shift(); stream !== undefined; stream = streams.shift()) {
      const result = await pool.wait(stream.pending.shift()!);
      await setImmediate();
      if (result === 'end') continue;
      stream.pending.push(pool.ask(stream.worker));
      streams.push(stream);
      if (skip-- <= 0) yield this.#give(result.batch as B);
    }
  }
}

/** Of this realm or another. */
const isUrl = (value: unknown): value is URL => Object.prototype.toString.call(value) === '[object URL]';

function* integers(sampler: Sampler): IterableIterator<number> {
  for (const index of sampler) {
    if (!Number.isSafeInteger(index)) throw invalidArgument('sampler', 'an iterable of integers', index);
    yield index;
  }
}

const indexList = arrayOf(integer());

function* indexLists(sampler: Iterable<readonly number[]>): IterableIterator<number[]> {
  for (const indices of sampler) {
    const isList = indexList.accepts(indices) && indices.length > 0;
    if (!isList) throw invalidArgument('batchSampler', 'an iterable of arrays of integers', indices);
    yield [...indices];
  }
}
