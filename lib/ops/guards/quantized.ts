// Quantized tensors, and what quantizes them.
import { Dtype, qint32 } from '../../dtype.js';
import { invalidArgument } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Guard } from './guard.js';

/** The new tensor would be quantized without a quantizer. */
export const notQuantized: Guard = (argument) => {
  const [input, dtype] = [argument('self'), argument('dtype')];
  if (dtype instanceof Dtype && isTensor(input) && input.dtype.name.startsWith('q')) {
    throw invalidArgument('dtype', 'absent for a quantized Tensor', dtype, 'ERR_DTYPE');
  }
};

/** Whether elements of a tensor lie one after the other, `count` of them, so that they can be taken for an array. */
const isArrayOf = (t: unknown, count: number): boolean => isTensor(t) && t.numel() === count && t.isContiguous();

const observed = ['runningMin', 'runningMax', 'scale', 'zeroPoint'];

/** As many numbers are read and written as there are rows, or one. */
export const observers: Guard = (argument) => {
  const [self, perRow, axis] = [argument('self'), argument('perRowFakeQuant') === true, Number(argument('chAxis'))];
  if (!isTensor(self)) return;
  if (perRow && !(axis >= -self.ndim && axis < self.ndim)) {
    throw invalidArgument('chAxis', 'a dimension of "input"', argument('chAxis'), 'ERR_INDEX');
  }
  const count = perRow ? self.shape.at(axis)! : 1;
  const first = argument('runningMin') as Tensor;
  // Those that are empty at first are made as large as they must be.
  if (perRow && first.numel() === 0) return;
  for (const key of observed) {
    const given = argument(key) as Tensor;
    if (!isArrayOf(given, count)) {
      const elements = count === 1 ? '1 element' : `${count} elements`;
      throw invalidArgument(key, `a contiguous Tensor of ${elements}`, given, 'ERR_SHAPE');
    }
  }
};

/** The kernel for zero points with fractions ends the process where elements have 32 bits. */
export const wholeZeroPoints: Guard = (argument) => {
  const zeroPoints = argument('zeroPoints');
  if (argument('dtype') === qint32 && isTensor(zeroPoints) && zeroPoints.dtype.isFloatingPoint) {
    throw invalidArgument('zeroPoints', 'a Tensor of integers for torch.qint32', zeroPoints, 'ERR_DTYPE');
  }
};
