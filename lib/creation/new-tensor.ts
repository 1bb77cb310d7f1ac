import { optionsOf } from '../options.js';
import { Tensor } from '../tensor.js';
import { type TensorData, tensor } from './tensor.js';
import { type TensorOptions, tensorTable } from './typed-array.js';

declare module '../tensor.js' {
  interface Tensor {
    /**
     * A tensor with a copy of the data, in the dtype and on the device of this one unless told otherwise.
     *
     * @example
     * const mean = images.newTensor([0.485, 0.456, 0.406]).view(-1, 1, 1);
     * @see https://pytorch.org/docs/stable/generated/torch.Tensor.new_tensor.html
     */
    newTensor(data: TensorData, options?: TensorOptions): Tensor;
  }
}

const readNewTensor = optionsOf('newTensor()', tensorTable);

Object.defineProperty(Tensor.prototype, 'newTensor', {
  value(this: Tensor, data: TensorData, options?: TensorOptions) {
    const read = readNewTensor(options);
    return tensor(data, { ...read, dtype: read.dtype ?? this.dtype, device: read.device ?? this.device });
  },
  writable: true,
  configurable: true,
});
