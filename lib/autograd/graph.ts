// Looking into graphs and hooking into them: `torch.autograd.graph`.
import { native } from '../binding/index.js';
import { type Handle, handlesOf, isTensor, type Tensor } from '../tensor.js';

export { registerMultiGradHook } from './multi-grad.js';
export { GradientEdge, getGradientEdge, Node } from './node.js';
export { disableSavedTensorsHooks, type SaveOnCpuOptions, savedTensorsHooks, saveOnCpu } from './saved-tensors.js';

declare module '../binding/index.js' {
  interface Native {
    incrementVersion(t: Handle): void;
  }
}

/**
 * Counts tensors as written in place, for code that has changed their memory without libtorch: a backward pass that needs the old values then refuses.
 *
 * @example
 * torch.autograd.graph.incrementVersion(buffer); // it was written by other means
 */
export function incrementVersion(tensors: Tensor | readonly Tensor[]): void {
  for (const handle of handlesOf('tensors', isTensor(tensors) ? [tensors] : tensors)) native.incrementVersion(handle);
}
