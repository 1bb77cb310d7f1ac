import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import { integer, kind, positive, text } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { isPlain } from '../io/plain.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { lastMean } from './watch/statistics.js';
import { short } from './watch/verdict.js';

/** What stands beside a bar. */
export type Shown = Readonly<Record<string, string | number | bigint | Tensor>>;

/** How {@link progress} shows a loop. */
export interface ProgressOptions {
  /** Before the bar, such as `'epoch 3'`; default nothing. */
  label?: string;
  /** How many rounds there will be; default: the iterable's `length` or `size`. */
  total?: number;
  /** How many of them are done, where a loop goes on in their middle: `loader.stateDict().yielded`. Default 0. */
  initial?: number;
  /** Its norm before clipping and its clip rate stand beside the bar; default none. */
  optimizer?: { readonly clipStats: { readonly norm: Tensor; readonly clipped: Tensor } | null };
  /** Seconds between two lines where the output is not a terminal; default 10. */
  interval?: number;
  /** Where the bar is drawn; default: `process.stderr`. */
  stream?: NodeJS.WriteStream;
}

const readOptions = optionsOf('utils.progress()', {
  label: [text, ''],
  total: [integer(0), undefined],
  initial: [integer(0), 0],
  optimizer: [
    kind<NonNullable<ProgressOptions['optimizer']>>(
      'an Optimizer',
      (value) => typeof value === 'object' && value !== null && 'clipStats' in value,
    ),
    undefined,
  ],
  interval: [positive, 10],
  stream: [
    kind<NodeJS.WriteStream>(
      'a writable stream',
      (value) => typeof (value as Partial<NodeJS.WriteStream> | null)?.write === 'function',
    ),
    undefined,
  ],
});

/**
 * A loop whose progress is shown.
 *
 * @example
 * for (const [x, y] of torch.utils.progress(loader, { label: 'epoch 1' })) step(x, y);
 */
export class Progress<T> {
  readonly #source: Iterable<T> | AsyncIterable<T>;
  readonly #options: ReturnType<typeof readOptions>;
  #values: Record<string, string> = {};
  #losses: number[] = [];

  /** @internal */
  constructor(source: Iterable<T> | AsyncIterable<T>, options: ReturnType<typeof readOptions>) {
    this.#source = source;
    this.#options = options;
  }

  /** How many rounds there will be, as far as that is known by now: a loader's dataset may be loaded with its first batch. */
  #total(): number {
    const { total } = this.#options;
    if (total !== undefined) return total;
    try {
      const { length, size } = this.#source as { length?: unknown; size?: unknown };
      return ([length, size].find((n) => Number.isSafeInteger(n) && (n as number) >= 0) as number | undefined) ?? 0;
    } catch {
      return 0;
    }
  }

  /**
   * What stands beside the bar from here on; of `loss` the mean of the last 20 is shown.
   *
   * @example
   * bar.set({ loss, lr: optimizer.paramGroups[0].lr });
   */
  set(values: Shown): void {
    if (!isPlain(values)) throw invalidArgument('values', 'an object of numbers and strings', values);
    for (const [name, value] of Object.entries(values)) {
      const plain = isTensor(value) && value.numel() === 1 ? value.detach().item() : value;
      if (!['string', 'number', 'bigint'].includes(typeof plain)) {
        throw invalidArgument(`values.${name}`, 'a string, a number, or a tensor of one', value);
      }
      if (name === 'loss' && typeof plain === 'number') {
        this.#losses = [...this.#losses.slice(-19), plain];
        this.#values.loss = short(lastMean(this.#losses, 20));
      } else this.#values[name] = typeof plain === 'number' ? short(plain) : String(plain);
    }
  }

  *[Symbol.iterator](): IterableIterator<T> {
    const source = this.#source as Iterable<T>;
    if (typeof source[Symbol.iterator] !== 'function') {
      throw new TorchClipError('ERR_ARGUMENT', '"iterable" is asynchronous: iterate with "for await"');
    }
    const display = this.#display();
    try {
      for (const value of source) {
        yield value;
        display.advance();
      }
      display.end(true);
    } finally {
      display.end(false);
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const display = this.#display();
    try {
      for await (const value of this.#source) {
        yield value;
        display.advance();
      }
      display.end(true);
    } finally {
      display.end(false);
    }
  }

  #display(): Display {
    const { stream = process.stderr, label, initial, interval } = this.#options;
    const shown = { label, initial, total: () => this.#total(), beside: () => this.#beside() };
    const output = stream as NodeJS.WriteStream;
    return output.isTTY ? new Bar(output, shown) : new Lines(output, shown, interval);
  }

  #beside(): string {
    const stats = this.#options.optimizer?.clipStats;
    const values = { ...this.#values };
    if (stats != null && stats.norm.numel() > 0) {
      values.norm = short(Number(stats.norm.norm().item()));
      values.clipped = `${Math.round(100 * Number(stats.clipped.double().mean().item()))}%`;
    }
    return Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join('  ');
  }
}

/** Shows how far a loop is. */
interface Display {
  advance(): void;
  /** The loop has ended, at its end or before; only the first call counts. */
  end(isWhole: boolean): void;
}

/** What a {@link Display} shows. */
interface Content {
  label: string;
  initial: number;
  /** 0 where it is not known yet. */
  total(): number;
  beside(): string;
}

/** A bar on a terminal. The cursor stays visible: an interrupt ends the process at once, and nothing could bring it back. */
class Bar implements Display {
  readonly #bar: SingleBar;
  readonly #content: Content;
  #last = 0;

  constructor(stream: NodeJS.WriteStream, content: Content) {
    const label = content.label === '' ? '' : `${content.label.replaceAll('{', '(').replaceAll('}', ')')} `;
    const format = `${label}{bar} {value}/{total}  {beside}  {duration_formatted}`;
    // Loaded where a bar is drawn, and at once, since a loop need not wait for anything.
    const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
    this.#bar = new SingleBar({ format, stream, hideCursor: false, barsize: 24, emptyOnZero: true });
    this.#content = content;
    this.#bar.start(content.total(), content.initial, { beside: '' });
  }

  advance(): void {
    if (this.#bar.getTotal() === 0) this.#bar.setTotal(this.#content.total());
    const now = performance.now();
    // What stands beside the bar may have to be fetched from a GPU.
    if (now - this.#last < 100) {
      this.#bar.increment();
      return;
    }
    this.#last = now;
    this.#bar.increment(1, { beside: this.#content.beside() });
  }

  end(): void {
    if (!this.#bar.isActive) return;
    this.#bar.update({ beside: this.#content.beside() });
    this.#bar.stop();
  }
}

/** A line now and then, where the output is a file or a pipe. */
class Lines implements Display {
  readonly #started = performance.now();
  #count: number;
  #last = this.#started;
  #isOver = false;

  constructor(
    readonly stream: NodeJS.WriteStream,
    readonly content: Content,
    readonly interval: number,
  ) {
    this.#count = content.initial;
  }

  advance(): void {
    this.#count++;
    const now = performance.now();
    if (now - this.#last < 1000 * this.interval) return;
    this.#last = now;
    this.#line(now);
  }

  end(isWhole: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#line(performance.now(), isWhole ? '' : 'ended early');
  }

  #line(now: number, more = ''): void {
    const { label, total, beside } = this.content;
    const count = total() > 0 ? `${this.#count}/${total()}` : String(this.#count);
    const seconds = `${((now - this.#started) / 1000).toFixed(1)} s`;
    const parts = [label, count, beside(), seconds, more].filter((part) => part !== '');
    this.stream.write(`${parts.join('  ')}\n`);
  }
}

/**
 * Shows how far a loop is: a bar on a terminal, a line every few seconds elsewhere.
 *
 * @param iterable a loader, an array, or anything else that can be looped over; one whose values come later takes `for await`.
 *
 * @example
 * const bar = utils.progress(loader, { label: 'epoch 1', optimizer });
 * for (const [x, y] of bar) bar.set({ loss: step(x, y) });
 */
export function progress<T>(iterable: Iterable<T> | AsyncIterable<T>, options: ProgressOptions = {}): Progress<T> {
  const read = readOptions(options);
  const source = iterable as Partial<Iterable<T> & AsyncIterable<T>> | null | undefined;
  if (typeof source?.[Symbol.iterator] !== 'function' && typeof source?.[Symbol.asyncIterator] !== 'function') {
    throw invalidArgument('iterable', 'an iterable', iterable);
  }
  return new Progress(iterable, read);
}
