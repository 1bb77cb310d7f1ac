import { native } from '../binding/index.js';
import { check, oneOf, synchronous } from '../check.js';
import { optionsOf } from '../options.js';
import { refuseLater } from '../sync.js';
import { type Handle, handlesOf, type Tensor } from '../tensor.js';
import type { HookHandle } from './hook.js';

declare const brand: unique symbol;
type Source = { readonly [brand]: 'source' };

declare module '../binding/index.js' {
  interface Native {
    /** Where a tensor's gradient arrives, held weakly. */
    gradientSource(t: Handle): Source;
    /** The number of the backward pass that runs now, -1 for none. */
    graphTask(): number;
    graphTaskReaches(source: Source): boolean;
  }
}

const modes = oneOf('all', 'any');
const readOptions = optionsOf('registerMultiGradHook()', { mode: [modes, 'all'] });

/**
 * Calls `hook` once per backward pass for several tensors: when all of their gradients that the pass computes are there, with one
 * entry per tensor, null where there is none; or, with `mode: 'any'`, at the first one, with that gradient.
 *
 * @throws {TorchClipError} `ERR_AUTOGRAD` for a tensor that does not require gradients.
 *
 * @example
 * torch.autograd.graph.registerMultiGradHook([a, b], (gradients) => {
 *   console.log(gradients.map((g) => g !== null));
 * });
 */
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: (gradients: (Tensor | null)[]) => void,
  options?: { mode?: 'all' },
): HookHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: (gradient: Tensor) => void,
  options: { mode: 'any' },
): HookHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: ((gradients: (Tensor | null)[]) => void) | ((gradient: Tensor) => void),
  options?: { mode?: 'all' | 'any' },
): HookHandle {
  const mode = check('mode', readOptions(options).mode, modes);
  const handles = handlesOf('tensors', tensors);
  check('hook', hook, synchronous());
  const sources = handles.map((handle) => native.gradientSource(handle));
  const each =
    mode === 'all'
      ? whenAll(sources, hook as (gradients: (Tensor | null)[]) => void)
      : atFirst(hook as (gradient: Tensor) => void);
  const hooks: HookHandle[] = [];
  for (const [i, tensor] of tensors.entries()) hooks.push(tensor.registerHook(hookAt(each, i)));
  return {
    remove() {
      for (const one of hooks) one.remove();
    },
  };
}

interface Pass {
  gradients: (Tensor | null)[];
  missing: number;
}

// All apart from the registration, whose variables would hold the tensors and so the graph that holds the hooks.

const hookAt = (each: (i: number, gradient: Tensor) => undefined, i: number) => (gradient: Tensor) => each(i, gradient);

function whenAll(sources: readonly Source[], hook: (gradients: (Tensor | null)[]) => void) {
  // By backward pass: one can run inside another.
  const passes = new Map<number, Pass>();
  return (i: number, gradient: Tensor): undefined => {
    const task = native.graphTask();
    let pass = passes.get(task);
    if (pass === undefined) {
      // A pass that an error ended leaves its gradients behind, until a later one begins outside of it.
      for (const old of passes.keys()) if (old > task) passes.delete(old);
      const missing = sources.filter((source) => native.graphTaskReaches(source)).length;
      pass = { gradients: sources.map(() => null), missing };
      passes.set(task, pass);
    }
    pass.gradients[i] = gradient;
    if (--pass.missing > 0) return;
    passes.delete(task);
    refuseLater('hook', hook(pass.gradients));
  };
}

function atFirst(hook: (gradient: Tensor) => void) {
  const seen = new Set<number>();
  return (_: number, gradient: Tensor): undefined => {
    const task = native.graphTask();
    if (seen.has(task)) return;
    // Only passes that run inside one another are to be told apart.
    if (seen.size > 256) seen.clear();
    seen.add(task);
    refuseLater('hook', hook(gradient));
  };
}
