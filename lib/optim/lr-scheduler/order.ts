import type { Optimizer } from '../base/optimizer.js';

// How often each optimizer had been asked for a step when its first scheduler was made.
const before = new WeakMap<Optimizer, number>();

/** Notes that the optimizer has a scheduler from here on. */
export function watch(optimizer: Optimizer): void {
  if (!before.has(optimizer)) before.set(optimizer, optimizer.stepCalls);
}

/** Warns when the optimizer has not been asked for a step since; a `step` that the user has put there is not counted. */
export function warnOrder(optimizer: Optimizer): void {
  if (before.get(optimizer) !== optimizer.stepCalls || Object.hasOwn(optimizer, 'step')) return;
  process.emitWarning(
    'step() of a learning-rate scheduler was called before optimizer.step(): the first learning rate of the schedule is skipped',
  );
}
