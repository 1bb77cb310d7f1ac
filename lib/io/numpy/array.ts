// The elements of an array as a tensor.
import { uint8 } from '../../dtype.js';
import { empty } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import type { Head } from './header.js';

/** The tensor of a row of bytes that a head describes. */
export function arrayOf(bytes: Tensor, { dtype, isBigEndian, isFortran, shape }: Head): Tensor {
  if (bytes.numel() === 0) return empty(shape, { dtype });
  const native = isBigEndian ? swapped(bytes, dtype.isComplex ? dtype.itemsize / 2 : dtype.itemsize) : bytes;
  const begins = native.storageOffset() % dtype.itemsize === 0;
  const flat = (begins ? native : native.clone()).view(dtype);
  if (!isFortran) return flat.view(shape);
  const order = shape.map((_, i) => shape.length - 1 - i);
  return flat.view([...shape].reverse()).permute(order);
}

/** Turns the bytes of each number around. */
function swapped(bytes: Tensor, width: number): Tensor {
  return bytes.view([-1, width]).flip([1]).contiguous().view([-1]).view(uint8);
}
