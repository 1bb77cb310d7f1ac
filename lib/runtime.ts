import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import { native } from './binding/index.js';
import { check, flag, integer } from './check.js';
import { Dtype, dtypeOf, float32 } from './dtype.js';
import { type ErrorCode, invalidArgument, TorchClipError } from './errors.js';
import { inJavaScript } from './wording.js';

declare module './binding/index.js' {
  interface Native {
    init(
      makeError: (code: ErrorCode, message: string) => TorchClipError,
      collect: (type: string) => void,
      warn: (text: string) => void,
      isMainThread: boolean,
    ): void;
    libtorchVersion(): string;
    buildConfig(): string;
    setNumThreads(n: number): void;
    getNumThreads(): number;
    setNumInteropThreads(n: number): void;
    getNumInteropThreads(): number;
    setWarnAlways(mode: boolean): void;
    getWarnAlways(): boolean;
    setFlushDenormal(mode: boolean): boolean;
    defaultDtype(): number;
    setDefaultDtype(code: number): void;
    memoryStats(): MemoryStats;
    /** Bytes of memory in all and left, by the files below another root, for tests. */
    memoryRoom(root: string): { total: number; left: number };
  }
}

/** What the live tensor handles of this thread keep in memory. */
export interface MemoryStats {
  /** Handles that were made and not yet released. */
  handles: number;
  /** Bytes of the storages behind them, each storage once. */
  bytes: number;
}

type Collect = (options?: { type: 'minor' }) => void;

let collect: Collect | undefined;

/** V8's function, which exists only in contexts that are made while a flag is set. */
function collector(): Collect {
  const take = () => runInNewContext("typeof gc === 'function' ? gc : undefined") as Collect | undefined;
  const given = take();
  if (given !== undefined) return given;
  setFlagsFromString('--expose-gc');
  try {
    return take()!;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

function run(type: 'minor' | 'major'): void {
  collect ??= collector();
  if (type === 'minor') {
    collect({ type });
  } else {
    native.weakenHooks();
    collect();
  }
}

/**
 * Runs a full garbage collection, which releases the tensors that nothing refers to any more.
 *
 * The library calls it by itself before it gives up on a large allocation; call it where a measurement needs a clean slate.
 *
 * @example
 * torch.collectGarbage();
 */
export function collectGarbage(): void {
  run('major');
}

const collectFromNative = (type: string) => run(type === 'minor' ? 'minor' : 'major');

/** What the addon calls with `new`: the error for what libtorch, or the addon itself, refuses. */
function refused(code: ErrorCode, message: string): TorchClipError {
  return new TorchClipError(code, inJavaScript(message));
}

const warn = (text: string) => process.emitWarning(inJavaScript(text), 'TorchWarning');

native.init(refused, collectFromNative, warn, isMainThread);

const { version: own } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The versions at work. */
export const version = {
  /** Of this package. */
  torchClip: own,
  /** Of the libtorch in the process, such as `'2.13.0'`. */
  libtorch: native.libtorchVersion(),
  /** libtorch's own description of its build: compiler, BLAS, vector instructions. */
  get config(): string {
    return native.buildConfig();
  },
} as const;

/**
 * Sets how many threads an op or an optimizer step may use on the CPU, in the whole process.
 *
 * @param n an integer from 1 to 4096; results do not depend on it in torch-clip's own kernels.
 *
 * @example
 * torch.setNumThreads(4);
 */
export function setNumThreads(n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > 4096) throw invalidArgument('n', 'an integer from 1 to 4096', n);
  native.setNumThreads(n);
}

/**
 * How many threads an op or an optimizer step may use on the CPU.
 *
 * @example
 * torch.getNumThreads();
 */
export function getNumThreads(): number {
  return native.getNumThreads();
}

/**
 * Sets how many threads operators may share work with beside those of {@link setNumThreads}; before the first of them has started, and once.
 *
 * @param n an integer from 1 to 4096.
 * @throws {TorchClipError} where it is too late.
 *
 * @example
 * torch.setNumInteropThreads(2);
 */
export function setNumInteropThreads(n: number): void {
  native.setNumInteropThreads(check('n', n, integer(1, 4096)));
}

/**
 * How many threads operators may share work with beside those of {@link setNumThreads}.
 *
 * @example
 * torch.getNumInteropThreads();
 */
export function getNumInteropThreads(): number {
  return native.getNumInteropThreads();
}

/**
 * Whether libtorch gives each of its warnings every time rather than once; false unless set, in the whole process.
 *
 * @example
 * torch.setWarnAlways(true);
 */
export function setWarnAlways(mode: boolean): void {
  native.setWarnAlways(check('mode', mode, flag));
}

/**
 * Whether libtorch gives each of its warnings every time.
 *
 * @example
 * torch.isWarnAlwaysEnabled(); // false
 */
export function isWarnAlwaysEnabled(): boolean {
  return native.getWarnAlways();
}

/**
 * Makes CPU arithmetic flush denormal numbers to zero, on all threads of operators and optimizers, which costs precision
 * below 1.2e-38 (float32) and saves processors that are slow at it; returns whether this machine can.
 *
 * @param mode `true` to flush; it is off unless set.
 * @example
 * torch.setFlushDenormal(true);
 * torch.tensor([1e-39]).mul(1).item(); // 0
 */
export function setFlushDenormal(mode: boolean): boolean {
  check('mode', mode, flag);
  return native.setFlushDenormal(mode);
}

// libtorch has one for the process, which is the main thread's; a worker names its own wherever it makes a tensor.
let ofWorker = isMainThread ? undefined : float32;

/** @internal The dtype that a factory must be told, since libtorch's default is another thread's. */
export const dtypeToName = (): Dtype | undefined => ofWorker;

/**
 * The dtype of tensors made from JavaScript numbers; `torch.float32` unless set in this thread.
 *
 * @example
 * torch.getDefaultDtype() === torch.float32; // true
 */
export function getDefaultDtype(): Dtype {
  return ofWorker ?? dtypeOf(native.defaultDtype());
}

/**
 * Sets the dtype of tensors made from JavaScript numbers in this thread: a floating-point dtype.
 *
 * The main thread's is also what integers become where an operator needs floating-point numbers, as in a division, in every
 * thread: libtorch has one such dtype for the process.
 *
 * @example
 * torch.setDefaultDtype(torch.float64);
 */
export function setDefaultDtype(dtype: Dtype): void {
  if (!(dtype instanceof Dtype) || !dtype.isFloatingPoint) {
    throw invalidArgument('dtype', 'a floating-point dtype', dtype, 'ERR_DTYPE');
  }
  if (ofWorker === undefined) native.setDefaultDtype(dtype.code);
  else ofWorker = dtype;
}

/**
 * What the live tensor handles of this thread keep in memory.
 *
 * @example
 * console.log(torch.memoryStats());
 */
export function memoryStats(): MemoryStats {
  return native.memoryStats();
}
