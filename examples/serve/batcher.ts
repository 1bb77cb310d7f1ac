// Puts requests that come at about the same time into one batch, and hands batches to threads that are free.
import { Worker } from 'node:worker_threads';

export interface BatcherOptions {
  /** The model's file. */
  path: string;
  /** Numbers of an input and of an answer. */
  inputs: number;
  outputs: number;
  workers: number;
  /** The most requests of a batch. */
  maxBatch: number;
  /** Milliseconds that a request waits for others to come. */
  maxWait: number;
  /** The most requests that wait; more are refused. */
  maxQueue: number;
}

interface Waiting {
  input: Float32Array;
  resolve(output: Float32Array): void;
  reject(error: Error): void;
}

/** Refuses what would have to wait too long. */
export class Overloaded extends Error {}
/** Refuses what comes after the end. */
export class Closed extends Error {}

/** A thread, and what it is busy with. */
class Thread {
  batch: Waiting[] = [];
  constructor(readonly worker: Worker) {}
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #free: Thread[] = [];
  readonly #threads = new Set<Thread>();
  readonly #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #idle: (() => void) | undefined;
  /** How many batches were computed, and how many requests they had. */
  readonly counts = { batches: 0, requests: 0 };

  private constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Starts the threads, and waits until each has its model. */
  static async start(options: BatcherOptions): Promise<Batcher> {
    const batcher = new Batcher(options);
    await Promise.all(Array.from({ length: options.workers }, () => batcher.#start()));
    return batcher;
  }

  #start(): Promise<void> {
    const thread = new Thread(
      new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { path: this.#options.path } }),
    );
    this.#threads.add(thread);
    return new Promise((ready, failed) => {
      thread.worker.on('message', (message: 'ready' | Float32Array) => {
        if (message === 'ready') ready();
        else this.#answer(thread, message);
        this.#free.push(thread);
        this.#send();
      });
      thread.worker.on('error', (error) => {
        failed(error);
        this.#lose(thread, error);
      });
    });
  }

  /** How many requests wait for others, or for a thread. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** The answer to an input, as soon as a thread has it. */
  ask(input: Float32Array): Promise<Float32Array> {
    if (this.#isClosing) return Promise.reject(new Closed('the server is shutting down'));
    if (this.#queue.length >= this.#options.maxQueue)
      return Promise.reject(new Overloaded('too many requests are waiting'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ input, resolve, reject });
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#send(true);
      }, this.#options.maxWait);
      this.#send();
    });
  }

  /** Hands out batches that are full; with `now`, others as well. */
  #send(now = this.#timer === undefined): void {
    const { maxBatch, inputs } = this.#options;
    while (this.#free.length > 0 && (this.#queue.length >= maxBatch || (now && this.#queue.length > 0))) {
      const thread = this.#free.pop()!;
      const batch = this.#queue.splice(0, maxBatch);
      const rows = new Float32Array(batch.length * inputs);
      for (const [i, { input }] of batch.entries()) rows.set(input, i * inputs);
      thread.batch = batch;
      this.counts.batches++;
      this.counts.requests += batch.length;
      thread.worker.postMessage(rows, [rows.buffer]);
    }
    if (this.#queue.length === 0 && this.#free.length === this.#threads.size) this.#idle?.();
  }

  #answer(thread: Thread, outputs: Float32Array): void {
    const { outputs: width } = this.#options;
    for (const [i, { resolve }] of thread.batch.entries()) resolve(outputs.slice(i * width, (i + 1) * width));
    thread.batch = [];
  }

  /** A thread has died: its requests fail, and another takes its place. */
  #lose(thread: Thread, error: Error): void {
    this.#threads.delete(thread);
    for (const { reject } of thread.batch) reject(error);
    thread.batch = [];
    if (!this.#isClosing) this.#start().catch(() => this.#fail(error));
  }

  #fail(error: Error): void {
    if (this.#threads.size > 0) return;
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }

  /** Answers what waits, takes nothing more, and ends the threads. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await new Promise<void>((idle) => {
      this.#idle = idle;
      this.#send(true);
    });
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }
}
