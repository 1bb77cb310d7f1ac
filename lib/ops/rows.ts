import { TorchClipError } from '../errors.js';
import { type Handle, Tensor, wrap } from '../tensor.js';
import { nativeOp } from './overload.js';

declare module '../tensor.js' {
  interface Tensor {
    /**
     * The slices along the first dimension, as views.
     *
     * @throws {TorchClipError} `ERR_SHAPE` for a tensor without dimensions.
     *
     * @example
     * for (const row of matrix) console.log(row.sum().item());
     * const [first, second] = torch.eye(2);
     */
    [Symbol.iterator](): IterableIterator<Tensor>;
  }
}

Object.defineProperty(Tensor.prototype, Symbol.iterator, {
  value(this: Tensor): IterableIterator<Tensor> {
    if (this.ndim === 0) throw new TorchClipError('ERR_SHAPE', 'a tensor without dimensions has no rows: see item()');
    return (nativeOp('unbind', 'int')(this.handle, 0) as Handle[]).map(wrap)[Symbol.iterator]();
  },
  writable: true,
  configurable: true,
});
