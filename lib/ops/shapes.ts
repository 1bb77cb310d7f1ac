import { arrayOf, check, integer } from '../check.js';
import { TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { shapeText } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { stack } from './generated/functions.js';

const shapeKind = arrayOf(integer(0));

/**
 * The shape that tensors of these shapes have together, as `torch.broadcast_shapes`.
 *
 * @throws {TorchClipError} `ERR_SHAPE` where they do not broadcast.
 *
 * @example
 * torch.broadcastShapes([2, 1], [3]); // [2, 3]
 * @see https://pytorch.org/docs/stable/generated/torch.broadcast_shapes.html
 */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  let result: number[] = [];
  for (const [i, given] of shapes.entries()) {
    const shape = [...check(`shapes[${i}]`, given, shapeKind, 'ERR_SHAPE')];
    const [long, short] = result.length >= shape.length ? [result, shape] : [shape, result];
    const offset = long.length - short.length;
    result = long.map((a, dim) => {
      const b = short[dim - offset] ?? 1;
      if (a !== b && a !== 1 && b !== 1) {
        throw new TorchClipError(
          'ERR_SHAPE',
          `"shapes" must broadcast: ${shapeText(shape)} does not fit ${shapeText(result)}`,
        );
      }
      return a === 1 ? b : a;
    });
  }
  return result;
}

/**
 * The indices along each dimension of a shape that flat indices stand for, as `torch.unravel_index`.
 *
 * @param indices integers from 0 to the number of the shape's elements, of any shape.
 * @returns one tensor per dimension, of the shape of `indices`.
 *
 * @example
 * const [rows, columns] = torch.unravelIndex(x.argmax(), x.shape);
 * @see https://pytorch.org/docs/stable/generated/torch.unravel_index.html
 */
export function unravelIndex(indices: Tensor, shape: number | readonly number[]): Tensor[] {
  check('indices', indices, tensorKind);
  const sizes = typeof shape === 'number' ? [shape] : shape;
  check('shape', sizes, shapeKind, 'ERR_SHAPE');
  const { dtype } = indices;
  if (dtype.isFloatingPoint || dtype.isComplex || dtype.name === 'bool') {
    throw new TorchClipError('ERR_DTYPE', `"indices" must be of an integer dtype, got ${dtype}`);
  }
  let below = 1;
  const parts: Tensor[] = [];
  for (const size of [...sizes].reverse()) {
    parts.unshift(indices.floorDivide(below).remainder(size));
    below *= size;
  }
  return parts.length === 0 ? [] : stack(parts, -1).unbind(-1);
}
