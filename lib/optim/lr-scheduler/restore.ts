import { noGrad } from '../../autograd/index.js';
import { isTensor } from '../../tensor.js';
import type { Optimizer } from '../base/optimizer.js';

/**
 * Runs `body`; when it throws, the optimizer's groups and `objects`, the schedulers that it moves, are as they were before. What
 * fails may be a function of the user's, or a rate that is not a number, after other groups or schedulers have moved.
 */
export function allOrNothing<T>(optimizer: Optimizer, objects: readonly object[], body: () => T): T {
  const groups = optimizer.writableGroups;
  const before = [...groups, ...objects].map((object) => [object, { ...object }] as const);
  const rates = groups.flatMap(({ lr }) => (isTensor(lr) ? [[lr, lr.item()] as const] : []));
  try {
    return body();
  } catch (error) {
    for (const [rate, value] of rates) noGrad(() => rate.fill_(value));
    for (const [object, values] of before) restore(object as Record<string, unknown>, values);
    throw error;
  }
}

function restore(object: Record<string, unknown>, values: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(object)) if (!Object.hasOwn(values, name)) delete object[name];
  // A group's list of parameters cannot be assigned, nor has it changed.
  for (const [name, value] of Object.entries(values)) if (object[name] !== value) object[name] = value;
}
