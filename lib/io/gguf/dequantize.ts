// Quantized blocks as float32: what the package gguf of llama.cpp computes in NumPy, in the operations of tensors.
import { tensor } from '../../creation/index.js';
import { cat } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { type BlockReader, bits, Fields, lookedUp, nibbles, pairs, scaled, single } from './fields.js';
import { gridReaders } from './grid-types.js';

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

const table = (values: Iterable<number>) => tensor(Float32Array.from(values));

/** The values that four bits stand for in IQ4. */
const steps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** Twice the values of four-bit floating-point numbers. */
const doubled = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Half the scale that a byte stands for in MXFP4, which is an exponent, and in NVFP4, which is a float8 without a sign. */
const mxScales = Array.from({ length: 256 }, (_, byte) => 2 ** (byte - 128));
const nvScales = Array.from({ length: 256 }, (_, byte) => {
  const [exponent, mantissa] = [(byte >> 3) & 15, byte & 7];
  if (byte === 0x7f) return 0;
  return (exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7)) / 2;
});

/** Numbers of three values, of which a byte has `powers.length`. */
function ternary(bytes: Tensor, width: number, powers: readonly number[]): Tensor {
  const rows = bytes.shape[0]!;
  const by = tensor(Int32Array.from(powers)).view([1, 1, powers.length, 1]);
  const turned = bytes.int().view([rows, -1, 1, width]).mul(by).bitwiseAnd(255);
  return turned.mul(3).bitwiseRightShift(8).sub(1).view([rows, -1]);
}

/** Six bits for each scale: four of them in `low`, two in `high`; less 32. */
const sixBits = (low: Tensor, high: Tensor) => low.bitwiseOr(high.bitwiseLeftShift(4)).float().sub(32);

const readers: Readonly<Record<string, BlockReader>> = {
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
    return scaled(lookedUp(table(steps), bits(f.bytes(16), 16, nibbles, 15)), 32, d);
  },
  IQ4_XS: (f) => {
    const [d, high, low] = [f.half(), f.bytes(2), f.bytes(4)];
    const scales = sixBits(bits(low, 1, nibbles, 15), bits(high, 1, pairs, 3));
    return scaled(lookedUp(table(steps), bits(f.bytes(128), 16, nibbles, 15)), 32, scales.mul(d));
  },
  Q1_0: (f) => {
    const d = f.half();
    return scaled(bits(f.bytes(16), 1, single, 1).float().mul(2).sub(1), 128, d);
  },
  TQ1_0: (f) => {
    const [wide, narrow, last, d] = [f.bytes(32), f.bytes(16), f.bytes(4), f.half()];
    const powers = [1, 3, 9, 27, 81];
    const parts = [ternary(wide, 32, powers), ternary(narrow, 16, powers), ternary(last, 4, powers.slice(0, 4))];
    return scaled(cat(parts, 1), 256, d);
  },
  TQ2_0: (f) => {
    const [values, d] = [f.bytes(64), f.half()];
    return scaled(bits(values, 32, pairs, 3).float().sub(1), 256, d);
  },
  MXFP4: (f) => {
    const d = lookedUp(table(mxScales), f.bytes(1));
    return scaled(lookedUp(table(doubled), bits(f.bytes(16), 16, nibbles, 15)), 32, d);
  },
  NVFP4: (f) => {
    const d = lookedUp(table(nvScales), f.bytes(4));
    return scaled(lookedUp(table(doubled), bits(f.bytes(32), 8, nibbles, 15)), 16, d);
  },
  ...gridReaders,
};

/** The types that {@link dequantized} reads. */
export const quantized: readonly string[] = Object.keys(readers);

/** The elements of blocks, one block per row of bytes, as float32. */
export function dequantized(blocks: Tensor, type: string): Tensor {
  return readers[type]!(new Fields(blocks)).view([-1]);
}
