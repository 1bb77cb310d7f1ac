import { check, flag } from '../check.js';
import { tensor as tensorKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { Tensor } from '../tensor.js';

const readBuffer = optionsOf('Buffer', { persistent: [flag, true] });

/**
 * A tensor that becomes a buffer of the module that it is assigned to, as by `registerBuffer`.
 *
 * It shares memory with `data`.
 *
 * @param options.persistent whether it is part of `stateDict()`; default true.
 *
 * @example
 * class Net extends nn.Module {
 *   mask: Tensor = new nn.Buffer(torch.ones([4, 4]).tril());
 * }
 */
export class Buffer extends Tensor {
  /** @internal */
  readonly persistent: boolean;

  constructor(data: Tensor, options: { persistent?: boolean } = {}) {
    const { persistent } = readBuffer(options);
    super(keep(check('data', data, tensorKind).detach()).handle);
    this.persistent = persistent;
    this.escapes = true;
  }
}
