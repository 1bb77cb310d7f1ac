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

/** Beyond this many, rows are made one after the other: a tensor of no elements can have any number of them. */
const atOnce = 100_000;

function* oneByOne(t: Tensor, rows: number): IterableIterator<Tensor> {
  for (let i = 0; i < rows; i++) yield wrap(nativeOp('select', 'int')(t.handle, 0, i) as Handle);
}

Object.defineProperty(Tensor.prototype, Symbol.iterator, {
  value(this: Tensor): IterableIterator<Tensor> {
    if (this.ndim === 0) throw new TorchClipError('ERR_SHAPE', 'a tensor without dimensions has no rows: see item()');
    const rows = this.size(0);
    if (rows > atOnce) return oneByOne(this, rows);
    return (nativeOp('unbind', 'int')(this.handle, 0) as Handle[]).map(wrap)[Symbol.iterator]();
  },
  writable: true,
  configurable: true,
});
