// The worker threads of a DataLoader: started, asked for batches, and ended.
import { randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, invalidArgument, TorchClipError } from '../../errors.js';
import { isStartingUp } from './info.js';
import type { Failure, Reply, Request, Start } from './messages.js';
import { dropTensors, unpack } from './pack.js';

/** A batch of a worker, or that it has no more. */
export type Result = { batch: unknown } | 'end';

interface Task {
  worker: number;
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** How a pool is started. */
export type PoolOptions = Omit<Start, 'id' | 'group'> & { timeout: number };

/** What a timer can wait at most. */
const mostDelay = 2 ** 31 - 1;

const script = new URL('./worker.js', import.meta.url);

// Loaders such as tsx are the threads' as well; what the process was told to run is not.
const execArgv = process.execArgv.filter((arg, i, all) => {
  const own = /^(-e|-p|-pe|--eval|--print|--input-type|--test|--watch|-i|--interactive|-c|--check)(=|$)/;
  return !own.test(arg) && !/^(-e|-p|-pe|--eval|--print|--input-type)$/.test(all[i - 1] ?? '');
});

export class Pool {
  readonly #workers: Worker[];
  readonly #tasks = new Map<number, Task>();
  readonly #group = randomInt(2 ** 47);
  readonly #timeout: number;
  #lastTask = 0;
  #waiting = 0;
  #broken: Error | undefined;
  /** The length of the dataset once it is known; undefined for an iterable one. */
  readonly length: Promise<number | undefined>;
  #isClosed = false;

  constructor({ timeout, ...options }: PoolOptions) {
    // Each of them would start workers that start workers.
    if (isStartingUp()) {
      throw new TorchClipError(
        'ERR_STATE',
        'a worker imports the program that trains with it: the module of a dataset must not import, or be, one that loops over a loader',
      );
    }
    this.#timeout = timeout;
    this.#workers = [];
    try {
      for (let id = 0; id < options.numWorkers; id++) {
        this.#workers.push(new Worker(script, { workerData: { ...options, id, group: this.#group }, execArgv }));
      }
    } catch (error) {
      for (const worker of this.#workers) void worker.terminate();
      const isData = (error as Error).name === 'DataCloneError';
      throw isData ? invalidArgument('workerData', 'made of what structuredClone copies', options.data) : error;
    }
    // Threads do not hold up the end of the process: only what waits for a batch does.
    for (const worker of this.#workers) worker.unref();
    const ready = this.#workers.map((worker, id) => this.#listen(worker, id));
    this.length = this.#held(Promise.all(ready).then(([length]) => length));
    this.length.catch(() => {});
  }

  get numWorkers(): number {
    return this.#workers.length;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  #listen(worker: Worker, id: number): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        this.#fail(error);
        reject(error);
      };
      worker.on('message', (reply: Reply) => {
        if (reply.kind === 'ready') resolve(reply.length);
        else if (reply.kind === 'failed' && reply.task === undefined) fail(errorOf(reply.failure, id));
        else this.#settle(reply as Exclude<Reply, { kind: 'ready' }>, id);
      });
      worker.on('error', (error) => fail(errorOf(error as Error & Failure, id)));
      worker.on('messageerror', (error) => fail(error as Error));
      worker.on('exit', (code) => {
        if (this.#isClosed) return;
        fail(
          new TorchClipError(
            'ERR_STATE',
            `worker ${id} of the data loader ended with code ${code} before its work was done`,
          ),
        );
      });
    });
  }

  #settle(reply: Exclude<Reply, { kind: 'ready' }>, id: number): void {
    if (this.#isClosed) return;
    const task = this.#tasks.get(reply.task!);
    this.#tasks.delete(reply.task!);
    if (reply.kind === 'end') task?.resolve('end');
    else if (reply.kind === 'failed') task?.reject(errorOf(reply.failure, id));
    else {
      try {
        // Nobody may wait for it any more: it is taken over all the same, and collected.
        const batch = unpack(reply.batch);
        task?.resolve({ batch });
      } catch (error) {
        task?.reject(error as Error);
      }
    }
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    for (const task of this.#tasks.values()) task.reject(error);
    this.#tasks.clear();
  }

  #post(worker: number, request: Request): void {
    this.#workers[worker]!.postMessage(request);
  }

  /** Begins an epoch in every worker. */
  epoch(seed: bigint): void {
    for (const worker of this.#workers.keys()) this.#post(worker, { kind: 'epoch', seed });
  }

  /** Asks a worker for a batch, or for the next one of its stream. */
  ask(worker: number, batch?: { indices: number[]; number: number }): Promise<Result> {
    const task = ++this.#lastTask;
    const result = new Promise<Result>((resolve, reject) => {
      if (this.#broken !== undefined) reject(this.#broken);
      else this.#tasks.set(task, { worker, resolve, reject });
    });
    result.catch(() => {}); // it may fail before anything waits for it
    if (this.#broken === undefined)
      this.#post(worker, batch ? { kind: 'batch', task, ...batch } : { kind: 'next', task });
    return result;
  }

  /** Waits for what workers do: the process stays for it, and no longer than the loader's timeout. */
  async #held<T>(promise: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) for (const worker of this.#workers) worker.ref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      if (this.#timeout === 0) return;
      const error = new TorchClipError(
        'ERR_STATE',
        `the workers of the data loader returned nothing within ${this.#timeout} s`,
      );
      timer = setTimeout(
        () => {
          // What is late now would be late for the next epoch, too.
          this.#fail(error);
          reject(error);
        },
        Math.min(this.#timeout * 1000, mostDelay),
      );
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
      if (--this.#waiting === 0) for (const worker of this.#workers) worker.unref();
    }
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    return this.#held(promise);
  }

  /** Ends the workers at once; what they sent and was never received is released. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fail(new TorchClipError('ERR_STATE', 'the data loader was closed'));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    dropTensors(this.#group);
  }
}

/** The error of a worker, with where it came from there. */
function errorOf({ name, message, code, stack, cause }: Failure, id: number): Error {
  const isOurs = name === 'TorchClipError' && typeof code === 'string';
  const error = isOurs ? new TorchClipError(code as ErrorCode, message) : new Error(message);
  if (!isOurs && name !== 'Error') Object.defineProperty(error, 'name', { value: name, configurable: true });
  if (!isOurs && code !== undefined) Object.assign(error, { code });
  if (cause !== undefined) error.cause = errorOf(cause, id);
  error.stack = `${name}: ${message}\n    in worker ${id} of the data loader:\n${(stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')}`;
  return error;
}
