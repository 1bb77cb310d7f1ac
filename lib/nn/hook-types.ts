import type { Tensor } from '../tensor.js';
import type { IncompatibleKeys, StateDict } from './state-dict.js';

/** Called before `forward` with its arguments; what it returns replaces them, an array all of them, anything else the only one. */
export type ForwardPreHook<M> = (module: M, args: readonly unknown[]) => unknown;
/** Called after `forward`; what it returns replaces the output. */
export type ForwardHook<M> = (module: M, args: readonly unknown[], output: unknown) => unknown;
/** Gradients of a module's tensors, null for those that need none. */
export type Gradients = readonly (Tensor | null)[];
/** Called before the gradients pass the module; what it returns replaces the outputs' gradients. */
export type BackwardPreHook<M> = (module: M, gradOutput: Gradients) => unknown;
/** Called when the inputs' gradients are known; what it returns replaces them. */
export type BackwardHook<M> = (module: M, gradInput: Gradients, gradOutput: Gradients) => unknown;
/** Called before a module's state is read. */
export type StateDictPreHook<M> = (module: M, prefix: string) => void;
/** Called with the state of the module and those below, which it may change. */
export type StateDictHook<M> = (module: M, stateDict: StateDict, prefix: string) => void;
/** Called before state is loaded with a copy of the whole state dict, whose names it may change. */
export type LoadStateDictPreHook<M> = (module: M, stateDict: StateDict, prefix: string) => void;
/** Called after state was loaded; it may change the lists of keys. */
export type LoadStateDictHook<M> = (module: M, incompatibleKeys: IncompatibleKeys) => void;
