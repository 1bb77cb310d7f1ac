import { invalidArgument } from '../errors.js';
import { keep } from '../scope.js';
import { isTensor, Tensor } from '../tensor.js';

declare const brand: unique symbol;

/**
 * A tensor that a module trains: a leaf that records gradients, found by {@link Module.parameters} where a module holds it.
 *
 * It shares memory with `data`.
 *
 * @param data the values.
 * @param requiresGrad whether autograd records operations on it; default true.
 * @throws {TorchClipError} `ERR_DTYPE` when it is to record gradients and is not of a floating-point or complex dtype.
 *
 * @example
 * this.scale = new nn.Parameter(torch.ones([8]));
 */
export class Parameter extends Tensor {
  /** For types alone: another tensor is not a parameter, as a module that is given one would no longer train it. */
  declare private readonly [brand]: true;

  constructor(data: Tensor, requiresGrad = true) {
    if (!isTensor(data)) throw invalidArgument('data', 'a Tensor', data);
    if (requiresGrad && !data.dtype.isFloatingPoint && !data.dtype.isComplex) {
      throw invalidArgument(
        'data',
        'of a floating-point or complex dtype to record gradients',
        data.dtype.name,
        'ERR_DTYPE',
      );
    }
    // A module may be made inside a scope; its parameters are not the scope's to release.
    super(keep(data.detach()).handle);
    this.requiresGrad_(requiresGrad);
  }
}
