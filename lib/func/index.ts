// `torch.func`: transforms of functions.

export { type JvpOptions, jvp } from './forward.js';
export { functionalCall, replaceAllBatchNormModules_, stackModuleState } from './functional-call.js';
export { hessian, type JacfwdOptions, type JacrevOptions, jacfwd, jacrev } from './jacobian.js';
export { type JvpFunction, linearize } from './linearize.js';
export { rearrange } from './rearrange.js';
export { type GradOptions, grad, gradAndValue, type PullOptions, type VjpFunction, vjp } from './reverse.js';
export type { Argnums, Chosen, Jacobian, Like } from './types.js';
export { type Dims, type Randomness, type VmapOptions, vmap } from './vmap.js';
