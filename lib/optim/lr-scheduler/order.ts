import type { Optimizer } from '../base/optimizer.js';

interface Wait {
  /** Stands in for the optimizer's `step` until it is called. */
  wrapper: unknown;
  takeOff(): void;
}

// For an optimizer whose first step is awaited; null once it was taken.
const waiting = new WeakMap<Optimizer, Wait | null>();

/** Notes the optimizer's next step; the wrapper takes itself away then, so that later steps cost nothing. */
export function watch(optimizer: Optimizer): void {
  if (waiting.has(optimizer)) return;
  const own = Object.getOwnPropertyDescriptor(optimizer, 'step');
  const { step } = optimizer;
  function wrapper(this: Optimizer, ...args: unknown[]): unknown {
    noteStep(optimizer);
    return Reflect.apply(step, optimizer, args);
  }
  waiting.set(optimizer, {
    wrapper,
    takeOff() {
      if (Object.getOwnPropertyDescriptor(optimizer, 'step')?.value !== wrapper) return;
      if (own) Object.defineProperty(optimizer, 'step', own);
      else Reflect.deleteProperty(optimizer, 'step');
    },
  });
  Object.defineProperty(optimizer, 'step', { value: wrapper, configurable: true, writable: true });
}

/** Counts as the optimizer's first step, also one that a gradient scaler has skipped. */
export function noteStep(optimizer: Optimizer): void {
  const wait = waiting.get(optimizer);
  if (!wait) return;
  wait.takeOff();
  waiting.set(optimizer, null);
}

/** Warns when the optimizer has not yet stepped. */
export function warnOrder(optimizer: Optimizer): void {
  if (waiting.get(optimizer)?.wrapper !== optimizer.step) return;
  process.emitWarning(
    'step() of a learning-rate scheduler was called before optimizer.step(): the first learning rate of the schedule is skipped',
  );
}
