import type { Optimizer } from '../base/optimizer.js';

// The wrapper that waits for an optimizer's first step, null once it was taken.
const waiting = new WeakMap<Optimizer, unknown>();

/** Notes the optimizer's next step; the wrapper takes itself away then, so that later steps cost nothing. */
export function watch(optimizer: Optimizer): void {
  if (waiting.has(optimizer)) return;
  const own = Object.getOwnPropertyDescriptor(optimizer, 'step');
  const { step } = optimizer;
  function first(this: Optimizer, ...args: unknown[]): unknown {
    if (Object.getOwnPropertyDescriptor(optimizer, 'step')?.value === first) {
      if (own) Object.defineProperty(optimizer, 'step', own);
      else Reflect.deleteProperty(optimizer, 'step');
    }
    waiting.set(optimizer, null);
    return Reflect.apply(step, optimizer, args);
  }
  waiting.set(optimizer, first);
  Object.defineProperty(optimizer, 'step', { value: first, configurable: true, writable: true });
}

/** Warns when the optimizer has not yet stepped. */
export function warnOrder(optimizer: Optimizer): void {
  if (waiting.get(optimizer) !== optimizer.step) return;
  process.emitWarning(
    'step() of a learning-rate scheduler was called before optimizer.step(): the first learning rate of the schedule is skipped',
  );
}
