import { type Handle, handleOf, Tensor, wrap } from '../tensor.js';
import { nativeOp } from './overload.js';

declare module '../tensor.js' {
  interface Tensor {
    /** The real parts, sharing memory; the tensor itself where it is not complex. */
    readonly real: Tensor;
    /** The imaginary parts of a complex tensor, sharing memory. */
    readonly imag: Tensor;
    /** A matrix transposed and conjugated. */
    readonly H: Tensor;
    /** The last two dimensions transposed. */
    readonly mT: Tensor;
    /** The last two dimensions transposed, and conjugated. */
    readonly mH: Tensor;
  }
}

for (const [name, op] of Object.entries({ real: 'real', imag: 'imag', H: 'matrix_H', mT: 'mT', mH: 'mH' })) {
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor) {
      return wrap(nativeOp(op)(handleOf(this)) as Handle);
    },
    configurable: true,
  });
}
