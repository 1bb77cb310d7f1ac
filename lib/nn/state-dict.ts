import type { Tensor } from '../tensor.js';

/** Tensors by dotted name, in PyTorch's names. What a module's `getExtraState` gives is kept as it is. */
export type StateDict = Record<string, Tensor>;

/** The names on which a module and a state dict differ. */
export interface IncompatibleKeys {
  missingKeys: string[];
  unexpectedKeys: string[];
}
