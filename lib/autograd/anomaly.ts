import { native } from '../binding/index.js';
import { flag } from '../check.js';
import { TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { refuseAsync, refusePromise } from '../sync.js';

declare module '../binding/index.js' {
  interface Native {
    /** Sets the mode where values are given; returns the mode before. `capture` returns the JavaScript stack as text. */
    detectAnomaly(enabled?: boolean, checkNan?: boolean, capture?: () => string): [enabled: boolean, checkNan: boolean];
    /** The operation of the last fault and the stack that called it; null where there was none since the last call. */
    anomalyFound(): [operation: string, stack: string] | null;
  }
}

/** Options of {@link detectAnomaly}. */
export interface AnomalyOptions {
  /** Whether a backward pass throws where an operation's gradient is NaN; default true. */
  checkNan?: boolean;
}

const readOptions = optionsOf('detectAnomaly()', { checkNan: [flag, true] });
const readSetOptions = optionsOf('setDetectAnomaly()', { checkNan: [flag, true] });

/**
 * Runs `body` while autograd looks for faults, as `torch.autograd.detect_anomaly`: every operation remembers where it was called, a
 * backward pass throws where a gradient is NaN, and the error names the line of the forward pass that it goes back to.
 *
 * Both passes belong in `body`. It is slow, so it is for finding a fault. libtorch has one such mode per process, so worker threads
 * that run meanwhile are in it as well.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 *
 * @example
 * torch.autograd.detectAnomaly(() => {
 *   const x = torch.zeros([1], { requiresGrad: true });
 *   x.sqrt().mul(0).sum().backward(); // ... returned nan values ... called at file:///train.ts:3:5
 * });
 * @see https://pytorch.org/docs/stable/autograd.html#anomaly-detection
 */
export function detectAnomaly<T>(body: () => T): T;
export function detectAnomaly<T>(options: AnomalyOptions, body: () => T): T;
export function detectAnomaly<T>(...args: [() => T] | [AnomalyOptions, () => T]): T {
  const [options, body] = args.length === 1 ? [undefined, args[0]] : args;
  const { checkNan } = readOptions(options);
  refuseAsync('detectAnomaly', body);
  const before = native.detectAnomaly(true, checkNan, captureStack);
  try {
    return refusePromise('detectAnomaly', body());
  } finally {
    native.detectAnomaly(...before);
  }
}

/**
 * Turns the mode of {@link detectAnomaly} on or off for all that follows.
 *
 * @example
 * torch.autograd.setDetectAnomaly(true);
 */
export function setDetectAnomaly(enabled: boolean, options?: AnomalyOptions): void {
  if (typeof enabled !== 'boolean') throw new TorchClipError('ERR_ARGUMENT', '"enabled" must be true or false');
  const { checkNan } = readSetOptions(options);
  native.detectAnomaly(enabled, checkNan, captureStack);
}

/**
 * Whether the mode of {@link detectAnomaly} is on.
 *
 * @example
 * torch.autograd.detectAnomaly(() => torch.autograd.isAnomalyEnabled()); // true
 */
export function isAnomalyEnabled(): boolean {
  return native.detectAnomaly()[0];
}

/**
 * Whether a backward pass looks for NaN while the mode of {@link detectAnomaly} is on.
 *
 * @example
 * torch.autograd.detectAnomaly(() => torch.autograd.isAnomalyCheckNanEnabled()); // true
 */
export function isAnomalyCheckNanEnabled(): boolean {
  return native.detectAnomaly()[1];
}

// Deep enough to see the user's code behind this package's.
const depth = 64;

function captureStack(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = depth;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack ?? '';
}

const frames = (stack: string) => stack.split('\n').filter((line) => /^\s*at /.test(line));
const location = (frame: string) => /\(?((?:file:|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(frame)?.[1];

/** The folder of this package's code, lib or dist, as stacks show it. */
const here = location(frames(captureStack())[0] ?? '')?.replace(/(?:autograd[/\\])?[^/\\]+:\d+:\d+$/, '');

/** @internal What a transform of `torch.func` saves and gives to its function belongs to it, and is gone when it ends. */
export function refuseInTransforms(what: string, cure = ''): void {
  if (native.layers().length === 0) return;
  throw new TorchClipError('ERR_STATE', `${what} cannot be used inside of a transform of torch.func${cure}`);
}

/** @internal Gradients of the tensors that a transform gives to its function would be lost. */
export const refuseBackwardInTransforms = (): void =>
  refuseInTransforms('backward()', ': call it outside, or use func.grad() or func.vjp()');

/**
 * @internal Runs a backward pass; an error of it names the line that called the operation it goes back to, while anomalies are
 * looked for.
 */
export function runBackward<T>(pass: () => T): T {
  try {
    return pass();
  } catch (error) {
    const found = native.anomalyFound();
    if (found === null || !(error instanceof TorchClipError)) throw error;
    const [operation, stack] = found;
    const calls = frames(stack).filter((frame) => here === undefined || !frame.includes(here));
    const [first] = calls;
    if (first === undefined) throw error;
    const message = `${error.message.replace(/\.$/, '')}; ${operation} goes back to the call at ${location(first) ?? first.trim()}`;
    const told = new TorchClipError(error.code, message, { cause: error });
    told.stack = `${told.stack}\n  forward pass:\n${calls.join('\n')}`;
    throw told;
  }
}
