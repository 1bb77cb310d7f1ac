import { check, integer, kind } from '../check.js';
import { usable } from '../cuda/available.js';
import { stream } from '../cuda/guards.js';
import { currentStream, type Event, Stream } from '../cuda/stream.js';
import { type Device, type DeviceLike, parseDevice } from '../device.js';
import { TorchClipError } from '../errors.js';
import { device as deviceKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { unscopedSteps } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { LoaderState } from './loader-position.js';
import { mapTensors } from './workers/pack.js';

/** Options of a {@link Prefetcher}. */
export interface PrefetcherOptions {
  /** Where the batches go; default `'cuda'`. */
  device?: DeviceLike;
  /** How many batches are on their way at the most; default 2. */
  prefetchFactor?: number;
}

const readPrefetcher = optionsOf('Prefetcher', {
  device: [deviceKind, 'cuda'],
  prefetchFactor: [integer(1), 2],
});

const source = kind<Iterable<unknown> | AsyncIterable<unknown>>(
  'a DataLoader or another iterable of batches',
  (value) => typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value),
);

/** A batch on its way to a device. */
interface Coming<B> {
  batch: B;
  arrived: Event | undefined;
  /** How far the loader was with it. */
  state: LoaderState | undefined;
}

interface Stateful {
  stateDict(): LoaderState;
  loadStateDict(state: LoaderState): void;
}

function statefulOf(loader: object): Stateful | undefined {
  const { stateDict, loadStateDict } = loader as Partial<Stateful>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function' ? (loader as Stateful) : undefined;
}

/**
 * Brings the batches of a loader to a device ahead of time: while the GPU computes with one, the next ones are copied from pinned memory
 * in a stream of their own. `for (const batch of ...)` and `for await` are one epoch, as with the loader.
 *
 * The tensors of a batch, in arrays, Maps and plain objects too, are those of the loader on the other device; what else is in it stays.
 * To the CPU it is a plain conversion.
 *
 * @example
 * const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 64, shuffle: true });
 * for await (const [x, y] of new data.Prefetcher(loader, { device: 'cuda' })) step(x, y);
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` for a GPU where there is none.
 */
export class Prefetcher<B> implements Iterable<B>, AsyncIterable<B> {
  readonly loader: Iterable<B> | AsyncIterable<B>;
  readonly device: Device;
  readonly prefetchFactor: number;
  #stream: Stream | undefined;
  #state: LoaderState | undefined;

  constructor(loader: Iterable<B> | AsyncIterable<B>, options: PrefetcherOptions = {}) {
    this.loader = check('loader', loader, source) as typeof loader;
    const { device, prefetchFactor } = readPrefetcher(options);
    this.device = usable(parseDevice(device)!);
    this.prefetchFactor = prefetchFactor;
  }

  /** Batches per epoch, where the loader knows. */
  get length(): number {
    return (this.loader as unknown as { length: number }).length;
  }

  /** How far the loader is, less the batches that are on their way: what its own state would count as seen. */
  stateDict(): LoaderState {
    const state = this.#state ?? statefulOf(this.loader)?.stateDict();
    if (state !== undefined) return state;
    throw new TorchClipError('ERR_STATE', 'the source of the Prefetcher has no stateDict(), as a DataLoader has');
  }

  /** Makes the next epoch go on where a {@link stateDict} was taken. */
  loadStateDict(state: LoaderState): void {
    const loader = statefulOf(this.loader);
    if (loader === undefined) {
      throw new TorchClipError('ERR_STATE', 'the source of the Prefetcher has no loadStateDict(), as a DataLoader has');
    }
    loader.loadStateDict(state);
    this.#state = undefined;
  }

  *[Symbol.iterator](): IterableIterator<B> {
    const coming: Coming<B>[] = [];
    for (const batch of this.loader as Iterable<B>) {
      coming.push(this.#send(batch));
      if (coming.length > this.prefetchFactor) yield this.#take(coming.shift()!);
    }
    for (const each of coming) yield this.#take(each);
    this.#state = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<B> {
    return unscopedSteps(this.#batches());
  }

  async *#batches(): AsyncGenerator<B, void> {
    const coming: Coming<B>[] = [];
    for await (const batch of this.loader) {
      coming.push(this.#send(batch));
      if (coming.length > this.prefetchFactor) yield this.#take(coming.shift()!);
    }
    for (const each of coming) yield this.#take(each);
    this.#state = undefined;
  }

  #send(batch: B): Coming<B> {
    const { device } = this;
    const state = statefulOf(this.loader)?.stateDict();
    const toGpu = device.type === 'cuda';
    const convert = (t: Tensor): Tensor => {
      const pinned = toGpu && t.device.type === 'cpu' && !t.isPinned() ? t.pinMemory() : t;
      return pinned.to({ device, nonBlocking: true });
    };
    const moved = () => mapTensors(batch, convert) as B;
    if (!toGpu) return { batch: moved(), arrived: undefined, state };
    this.#stream ??= new Stream({ device });
    return { batch: stream(this.#stream, moved), arrived: this.#stream.recordEvent(), state };
  }

  /** From here on the current stream may use it. */
  #take({ batch, arrived, state }: Coming<B>): B {
    this.#state = state;
    if (arrived === undefined) return batch;
    const now = currentStream(this.device);
    now.waitEvent(arrived);
    mapTensors(batch, (t) => {
      t.recordStream(now);
      return null;
    });
    return batch;
  }
}
