import { enableGrad } from '../../autograd/index.js';
import { refuseAsync, refusePromise } from '../../sync.js';

/** @internal Calls the closure of a step, with gradients recorded. */
export function lossOf<T>(closure: () => T): T {
  refuseAsync('step()', closure, 'closure');
  return enableGrad(() => refusePromise('step()', closure(), 'closure'));
}
