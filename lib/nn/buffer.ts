import { check, flag } from '../check.js';
import { tensor as tensorKind } from '../kinds.js';
import { keep } from '../scope.js';
import { Tensor } from '../tensor.js';

/**
 * A tensor that becomes a buffer of the module that it is assigned to, as by `registerBuffer`.
 *
 * It shares memory with `data`.
 *
 * @param persistent whether it is part of `stateDict()`; default true.
 *
 * @example
 * class Net extends nn.Module {
 *   mask: Tensor = new nn.Buffer(torch.ones([4, 4]).tril());
 * }
 */
export class Buffer extends Tensor {
  /** @internal */
  readonly persistent: boolean;

  constructor(data: Tensor, persistent = true) {
    super(keep(check('data', data, tensorKind).detach()).handle);
    this.persistent = check('persistent', persistent, flag);
    this.escapes = true;
  }
}
