import { invalidArgument } from '../errors.js';
import type { Generator } from '../generator.js';
import { isPlainObject } from '../options.js';
import { defaultGenerator } from '../random.js';
import { isTensor, type Tensor } from '../tensor.js';
import { drawSeed } from './sampler.js';

/** How far a loader is: what {@link DataLoader.stateDict} gives. */
export interface LoaderState {
  /** Batches of the current epoch that were handed out; 0 between epochs. */
  yielded: number;
  /** The state of the loader's generator, or the global one, when the epoch began; null between epochs. */
  generator: Tensor | null;
  /** That of the sampler's own generator, where it has one. */
  sampler: Tensor | null;
}

/** Checks a {@link LoaderState}. */
export function readState(state: unknown): LoaderState {
  if (!isPlainObject(state)) throw invalidArgument('state', 'what stateDict() of a loader gave', state);
  const { yielded, generator = null, sampler = null } = state as Partial<LoaderState>;
  if (!Number.isSafeInteger(yielded) || yielded! < 0)
    throw invalidArgument('state.yielded', 'an integer >= 0', yielded);
  for (const [name, value] of Object.entries({ generator, sampler })) {
    if (value !== null && !isTensor(value)) throw invalidArgument(`state.${name}`, 'a Tensor or null', value);
  }
  if (yielded! > 0 && generator === null)
    throw invalidArgument('state.generator', 'a Tensor in the middle of an epoch', generator);
  return { yielded: yielded!, generator, sampler };
}

/** What an epoch begins with: the order that is left of it, or how many batches of a stream were seen. */
interface Begun {
  rest: Iterable<number[]>;
  skip: number;
}

/** Keeps where a loader is in its epoch, so that another one can go on there with the same random draws. */
export class LoaderPosition {
  readonly #generator: Generator | undefined;
  #now: LoaderState | undefined;
  #resumed: LoaderState | undefined;
  #seed = 0n;

  constructor(generator: Generator | undefined) {
    this.#generator = generator;
  }

  /** The number that PyTorch draws for its workers before each epoch. */
  get seed(): bigint {
    return this.#seed;
  }

  resume(state: LoaderState): void {
    this.#now = undefined;
    this.#resumed = state.generator === null ? undefined : state;
  }

  /**
   * Begins an epoch: draws its seed and its order from the generators, as they are, or as they were for one that is resumed.
   *
   * @param open the order; undefined for a stream, which has its own.
   * @param own the sampler's generator, where it is another than the loader's.
   */
  start(open: (() => Iterator<number[]>) | undefined, own?: Generator): Begun {
    const resumed = this.#resumed;
    this.#resumed = undefined;
    const source = this.#generator ?? defaultGenerator;
    const sampler = own === source ? undefined : own;
    // Training draws from the global generator as well: that goes on from where it is.
    const before = resumed && this.#generator === undefined ? source.getState() : undefined;
    if (resumed) {
      source.setState(resumed.generator!);
      if (resumed.sampler !== null) sampler?.setState(resumed.sampler);
    }
    this.#now = { yielded: resumed?.yielded ?? 0, generator: source.getState(), sampler: sampler?.getState() ?? null };
    this.#seed = drawSeed(this.#generator);
    const skip = resumed?.yielded ?? 0;
    if (open === undefined) {
      if (before) source.setState(before);
      return { rest: [], skip };
    }
    const order = open();
    for (let i = 0; i < skip; i++) order.next();
    // An order is drawn when its first batch is asked for.
    let first: IteratorResult<number[]> | undefined = order.next();
    if (before) source.setState(before);
    const next = () => {
      const result = first ?? order.next();
      first = undefined;
      return result;
    };
    return {
      rest: { [Symbol.iterator]: () => ({ next, return: (value) => order.return?.(value) ?? { done: true, value } }) },
      skip,
    };
  }

  /** A batch was handed out. */
  advance(): void {
    if (this.#now !== undefined) this.#now.yielded++;
  }

  /** The epoch is over. */
  end(): void {
    this.#now = undefined;
  }

  state(): LoaderState {
    return { ...(this.#now ?? this.#resumed ?? { yielded: 0, generator: null, sampler: null }) };
  }
}
