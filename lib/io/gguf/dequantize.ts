// Quantized blocks as float32: what the package gguf of llama.cpp computes in NumPy, in the operations of tensors.
import { tensor } from '../../creation/index.js';
import * as dtypes from '../../dtype.js';
import { cat } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';

/** Reads the fields of blocks, one block per row, from left to right. */
class Fields {
  #at = 0;

  constructor(readonly blocks: Tensor) {}

  get rows(): number {
    return this.blocks.shape[0]!;
  }

  bytes(count: number): Tensor {
    const field = this.blocks.narrow(1, this.#at, count).contiguous();
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

/** Bits of bytes: every `width` bytes are shifted by each of the shifts, and what the mask lets through is kept. */
function bits(bytes: Tensor, width: number, shifts: readonly number[], mask: number): Tensor {
  const by = tensor(Uint8Array.from(shifts)).view([1, 1, shifts.length, 1]);
  const rows = bytes.shape[0]!;
  return bytes.view([rows, -1, 1, width]).bitwiseRightShift(by).bitwiseAnd(mask).view([rows, -1]);
}

const nibbles = [0, 4];
const pairs = [0, 2, 4, 6];
const single = [0, 1, 2, 3, 4, 5, 6, 7];

/** In groups of `size`, each times its scale, less its minimum where there is one. */
function scaled(values: Tensor, size: number, scales: Tensor, minimums?: Tensor): Tensor {
  const rows = values.shape[0]!;
  const groups = values
    .float()
    .view([rows, -1, size])
    .mul(scales.view([rows, -1, 1]));
  return (minimums === undefined ? groups : groups.sub(minimums.view([rows, -1, 1]))).view([rows, -1]);
}

/** The fifth bits of 32 elements. */
const fifth = (bytes: Tensor) =>
  bits(bytes.view([-1, 4]), 1, single, 1)
    .view([bytes.shape[0]!, -1])
    .bitwiseLeftShift(4);

/** The eight scales and minimums of six bits each that Q4_K and Q5_K pack into twelve bytes. */
function scalesAndMinimums(packed: Tensor): [Tensor, Tensor] {
  const [d, m, both] = [0, 4, 8].map((at) => packed.narrow(1, at, 4)) as [Tensor, Tensor, Tensor];
  const upper = (t: Tensor) => t.bitwiseRightShift(2).bitwiseAnd(0x30);
  const scales = cat([d.bitwiseAnd(0x3f), both.bitwiseAnd(0x0f).bitwiseOr(upper(d))], 1);
  const minimums = cat([m.bitwiseAnd(0x3f), both.bitwiseRightShift(4).bitwiseOr(upper(m))], 1);
  return [scales.float(), minimums.float()];
}

/** The values that the four bits of IQ4 stand for. */
const steps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const ofSteps = (indices: Tensor) =>
  tensor(Float32Array.from(steps))
    .indexSelect(0, indices.view([-1]).int())
    .view(indices.shape);

/** Six bits for each scale: four of them in `low`, two in `high`; less 32. */
const sixBits = (low: Tensor, high: Tensor) => low.bitwiseOr(high.bitwiseLeftShift(4)).float().sub(32);

const readers: Readonly<Record<string, (fields: Fields) => Tensor>> = {
  Q4_0: (f) => {
    const d = f.half();
    return scaled(bits(f.bytes(16), 16, nibbles, 15).float().sub(8), 32, d);
  },
  Q4_1: (f) => {
    const [d, m] = [f.half(), f.half()];
    return scaled(bits(f.bytes(16), 16, nibbles, 15), 32, d, m.neg());
  },
  Q5_0: (f) => {
    const [d, high] = [f.half(), fifth(f.bytes(4))];
    return scaled(bits(f.bytes(16), 16, nibbles, 15).bitwiseOr(high).float().sub(16), 32, d);
  },
  Q5_1: (f) => {
    const [d, m, high] = [f.half(), f.half(), fifth(f.bytes(4))];
    return scaled(bits(f.bytes(16), 16, nibbles, 15).bitwiseOr(high), 32, d, m.neg());
  },
  Q8_0: (f) => {
    const d = f.half();
    return scaled(f.signed(32), 32, d);
  },
  Q2_K: (f) => {
    const [scales, values, d, dmin] = [f.bytes(16), f.bytes(64), f.half(), f.half()];
    const [low, high] = [scales.bitwiseAnd(15).float().mul(d), scales.bitwiseRightShift(4).float().mul(dmin)];
    return scaled(bits(values, 32, pairs, 3), 16, low, high);
  },
  Q3_K: (f) => {
    const [masks, values, packed, d] = [f.bytes(32), f.bytes(64), f.bytes(12), f.half()];
    const low = bits(packed.narrow(1, 0, 8).contiguous(), 8, nibbles, 15);
    const scales = sixBits(low, bits(packed.narrow(1, 8, 4).contiguous(), 4, pairs, 3));
    // A bit that is not set takes 4 away.
    const less = bits(masks, 32, single, 1).bitwiseXor(1).bitwiseLeftShift(2);
    return scaled(bits(values, 32, pairs, 3).float().sub(less), 16, scales.mul(d));
  },
  Q4_K: (f) => {
    const [d, dmin, [scales, minimums]] = [f.half(), f.half(), scalesAndMinimums(f.bytes(12))];
    return scaled(bits(f.bytes(128), 32, nibbles, 15), 32, scales.mul(d), minimums.mul(dmin));
  },
  Q5_K: (f) => {
    const [d, dmin, [scales, minimums]] = [f.half(), f.half(), scalesAndMinimums(f.bytes(12))];
    const high = bits(f.bytes(32), 32, single, 1).bitwiseLeftShift(4);
    return scaled(bits(f.bytes(128), 32, nibbles, 15).bitwiseOr(high), 32, scales.mul(d), minimums.mul(dmin));
  },
  Q6_K: (f) => {
    const [low, high, scales, d] = [f.bytes(128), f.bytes(64), f.signed(16), f.half()];
    return scaled(sixBits(bits(low, 64, nibbles, 15), bits(high, 32, pairs, 3)), 16, scales.mul(d));
  },
  IQ4_NL: (f) => {
    const d = f.half();
    return scaled(ofSteps(bits(f.bytes(16), 16, nibbles, 15)), 32, d);
  },
  IQ4_XS: (f) => {
    const [d, high, low] = [f.half(), f.bytes(2), f.bytes(4)];
    const scales = sixBits(bits(low, 1, nibbles, 15), bits(high, 1, pairs, 3));
    return scaled(ofSteps(bits(f.bytes(128), 16, nibbles, 15)), 32, scales.mul(d));
  },
};

/** The types that {@link dequantized} reads. */
export const quantized: readonly string[] = Object.keys(readers);

/** The elements of blocks, one block per row of bytes, as float32. */
export function dequantized(blocks: Tensor, type: string): Tensor {
  return readers[type]!(new Fields(blocks)).view([-1]);
}
