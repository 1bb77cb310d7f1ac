import { native } from '../../binding/index.js';
import { noteAveraged, ownerOf } from '../../distributed/sharded-parameters.js';
import type { Tensor } from '../../tensor.js';
import type { NativeOptimizer } from './native-optimizer.js';

/** Tells a sharded optimizer of the gradients that backward passes bring, so that it averages them meanwhile. */
export function announceGradients(optimizer: NativeOptimizer, params: readonly Tensor[]): void {
  // A parameter keeps its hooks, and the optimizer its parameters.
  const self = new WeakRef(optimizer);
  for (const [i, p] of params.entries()) {
    // Those of fully sharded modules are averaged by these.
    if (!p.requiresGrad || ownerOf(p) !== undefined) continue;
    noteAveraged(p);
    const hook = p.registerPostAccumulateGradHook(() => {
      const here = self.deref();
      if (here === undefined) hook.remove();
      else native.optimArrived(here, i);
    });
  }
}
