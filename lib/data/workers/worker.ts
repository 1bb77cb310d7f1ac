// Runs in a worker thread of a DataLoader: it has a copy of the dataset, and makes the batches that it is asked for.
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { describe, invalidArgument } from '../../errors.js';
import { Generator } from '../../generator.js';
import '../../torch.js';
import { collate, defaultConvert } from '../collate.js';
import { checkDataset, type Dataset, gathered } from '../dataset.js';
import { isIterableSource, samplesOf } from '../iterable.js';
import { setStarting, setWorkerInfo } from './info.js';
import type { Failure, Reply, Request, Start } from './messages.js';
import { notSendable, pack, takeBack } from './pack.js';

const { module, data, id, numWorkers, group, batched, batchSize, dropLast } = workerData as Start;
const port = parentPort!;
const reply = (message: Reply) => port.postMessage(message);

/** What the user's module exports. */
interface DatasetModule {
  default?: unknown;
  /** Puts samples together; default `collate`. */
  collate?: (samples: unknown[]) => unknown;
  /** Runs once in each worker, before its first batch. */
  workerInit?: () => unknown;
}

/** How many causes, each of the other, are handed on. */
const maxCauses = 8;

function failureOf(error: unknown, depth = 0): Failure {
  try {
    const text = String(error);
    const { name, message, code, stack, cause } = (error ?? {}) as Partial<Error> & { code?: unknown };
    return {
      name: typeof name === 'string' ? name : 'Error',
      message: typeof message === 'string' ? message : text === '[object Object]' ? inspect(error) : text,
      code: typeof code === 'string' ? code : undefined,
      stack: typeof stack === 'string' ? stack : undefined,
      cause: cause === undefined || depth === maxCauses ? undefined : failureOf(cause, depth + 1),
    };
  } catch {
    // Anything can be thrown, also what cannot be looked at.
    return { name: 'Error', message: describe(error), code: undefined, stack: undefined, cause: undefined };
  }
}

function sendBatch(task: number, batch: unknown): void {
  const packed = pack(batch, group);
  try {
    reply({ kind: 'batch', task, batch: packed });
  } catch (error) {
    takeBack(packed);
    throw notSendable((error as Error).message.replace(/\.$/, ''));
  }
}

/** Another seed for each batch: SplitMix64 (Steele, Lea and Flood, 2014), since a generator looks at the low half of its seed only. */
function mixed(seed: bigint, number: number): bigint {
  let x = BigInt.asUintN(64, seed + BigInt(number + 1) * 0x9e3779b97f4a7c15n);
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  return (x ^ (x >> 31n)) >> 1n;
}

/** Everything that makes batches, once the module is there. */
class Maker {
  #stream: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  readonly #generator = new Generator();
  #seed = 0n;

  private constructor(
    readonly dataset: unknown,
    readonly join: (samples: unknown[]) => unknown,
    readonly isPlain: boolean,
  ) {}

  static async make(): Promise<Maker> {
    setStarting(true);
    const { default: made, collate: own, workerInit } = (await import(module)) as DatasetModule;
    setStarting(false);
    const dataset = typeof made === 'function' ? await (made as (data: unknown) => unknown)(data) : made;
    if (!isIterableSource(dataset)) checkDataset(`the default export of ${module}`, dataset);
    for (const [name, value] of Object.entries({ collate: own, workerInit })) {
      if (value !== undefined && typeof value !== 'function')
        throw invalidArgument(`the export "${name}" of ${module}`, 'a function', value);
    }
    const maker = new Maker(dataset, own ?? collate, own === undefined);
    maker.#tell(0n);
    await workerInit?.();
    return maker;
  }

  get length(): number | undefined {
    return isIterableSource(this.dataset) ? undefined : (this.dataset as Dataset<unknown>).length;
  }

  #tell(seed: bigint): void {
    setWorkerInfo({ id, numWorkers, seed, generator: this.#generator, dataset: this.dataset });
  }

  async epoch(seed: bigint): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = undefined;
    this.#seed = seed;
    const own = BigInt.asUintN(63, seed + BigInt(id));
    this.#generator.manualSeed(own);
    this.#tell(own);
  }

  async batch(indices: number[], number: number): Promise<unknown> {
    this.#generator.manualSeed(mixed(this.#seed, number));
    const dataset = this.dataset as Dataset<unknown>;
    if (!batched) return defaultConvert(await dataset.get(indices[0]!));
    const ready = this.isPlain ? await dataset.getBatch?.(indices) : undefined;
    return ready ?? this.join(await gathered(dataset, indices));
  }

  /** The next batch of an iterable dataset, or undefined after the last. */
  async next(): Promise<{ batch: unknown } | undefined> {
    if (this.#stream === undefined) {
      const samples = samplesOf(this.dataset as AsyncIterable<unknown>) as Partial<
        AsyncIterable<unknown> & Iterable<unknown>
      >;
      this.#stream = samples[Symbol.asyncIterator]?.() ?? samples[Symbol.iterator]!();
    }
    const samples: unknown[] = [];
    while (samples.length < (batched ? batchSize : 1)) {
      const { done, value } = await this.#stream.next();
      if (done) break;
      samples.push(value);
    }
    if (samples.length === 0 || (batched && dropLast && samples.length < batchSize)) return undefined;
    return { batch: batched ? await this.join(samples) : defaultConvert(samples[0]) };
  }

  async answer(request: Request): Promise<void> {
    if (request.kind === 'epoch') return this.epoch(request.seed);
    const made =
      request.kind === 'batch' ? { batch: await this.batch(request.indices, request.number) } : await this.next();
    if (made === undefined) reply({ kind: 'end', task: request.task });
    else sendBatch(request.task, made.batch);
  }
}

/** One request after the other. */
let busy: Promise<Maker | undefined> = Maker.make().then(
  (maker) => {
    reply({ kind: 'ready', length: maker.length });
    return maker;
  },
  (error: unknown) => {
    reply({ kind: 'failed', task: undefined, failure: failureOf(error) });
    return undefined;
  },
);
port.on('message', (request: Request) => {
  busy = busy.then(async (maker) => {
    try {
      await maker?.answer(request);
    } catch (error) {
      reply({ kind: 'failed', task: request.kind === 'epoch' ? undefined : request.task, failure: failureOf(error) });
    }
    return maker;
  });
});
