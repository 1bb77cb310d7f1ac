// What the blocks of quantized tensors are read with: fields of bytes, and fields of bits in them.
import { tensor } from '../../creation/index.js';
import type { Dtype } from '../../dtype.js';
import * as dtypes from '../../dtype.js';
import { contiguousFormat } from '../../layout.js';
import type { Tensor } from '../../tensor.js';

/** Reads the fields of blocks, one block per row, from left to right. */
export class Fields {
  #at = 0;

  constructor(readonly blocks: Tensor) {}

  bytes(count: number): Tensor {
    // A copy, since views of another dtype have to begin where its elements may.
    const field = this.blocks.narrow(1, this.#at, count).clone({ memoryFormat: contiguousFormat });
    this.#at += count;
    return field;
  }

  /** Small integers with a sign. */
  signed(count: number): Tensor {
    return this.bytes(count).view(dtypes.int8).float();
  }

  /** One number in half precision. */
  half(): Tensor {
    return this.bytes(2).view(dtypes.float16).float();
  }
}

/** The reader of a type: the elements of blocks as float32, one block per row. */
export type BlockReader = (fields: Fields) => Tensor;

/** Bits of bytes: every `width` bytes are shifted by each of the shifts, and what the mask lets through is kept. */
export function bits(bytes: Tensor, width: number, shifts: readonly number[], mask: number): Tensor {
  const by = tensor(Uint8Array.from(shifts)).view([1, 1, shifts.length, 1]);
  const rows = bytes.shape[0]!;
  return bytes.view([rows, -1, 1, width]).bitwiseRightShift(by).bitwiseAnd(mask).view([rows, -1]);
}

/** Bits of words of two or four bytes: each word is shifted by each of the shifts. */
export function bitsOfWords(bytes: Tensor, word: Dtype, shifts: readonly number[], mask: number): Tensor {
  const by = tensor(Int32Array.from(shifts));
  // The sign, which comes down with the shift, is beyond the mask.
  return bytes.view(word).int().unsqueeze(-1).bitwiseRightShift(by).bitwiseAnd(mask).view([bytes.shape[0]!, -1]);
}

export const nibbles = [0, 4];
export const pairs = [0, 2, 4, 6];
export const single = [0, 1, 2, 3, 4, 5, 6, 7];

/** In groups of `size`, each times its scale, less its minimum where there is one. */
export function scaled(values: Tensor, size: number, scales: Tensor, minimums?: Tensor): Tensor {
  const rows = values.shape[0]!;
  const groups = values
    .float()
    .view([rows, -1, size])
    .mul(scales.view([rows, -1, 1]));
  return (minimums === undefined ? groups : groups.sub(minimums.view([rows, -1, 1]))).view([rows, -1]);
}

/** The rows of a table at indices, side by side: `[rows, n]` becomes `[rows, n * width]`. */
export function lookedUp(table: Tensor, indices: Tensor): Tensor {
  return table.indexSelect(0, indices.view([-1]).int()).view([indices.shape[0]!, -1]);
}
