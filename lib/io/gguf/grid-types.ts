// The types of one to three bits, whose values stand in groups of four or eight in tables.
import { tensor } from '../../creation/index.js';
import * as dtypes from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { type BlockReader, bits, bitsOfWords, lookedUp, nibbles, pairs, scaled, single } from './fields.js';
import { type Grid, grids } from './grids.js';

const made = new Map<Grid, Float32Array<ArrayBuffer>>();

/** A table of groups, one per row. */
function gridOf(name: keyof typeof grids): Tensor {
  const grid: Grid = grids[name];
  let values = made.get(grid);
  if (values === undefined) {
    const each = grid.values.length > 4 ? 4 : 2;
    const packed = Buffer.from(grid.packed, 'base64');
    values = Float32Array.from({ length: (packed.length * 8) / each }, (_, i) => {
      const at = i * each;
      return grid.values[(packed[at >> 3]! >> (at & 7)) & (each === 4 ? 7 : 3)]!;
    });
    made.set(grid, values);
  }
  return tensor(values).view([-1, grid.width]);
}

/** A sign for each bit. */
const signsOf = (bytes: Tensor) => bits(bytes, 1, single, 1).float().mul(-2).add(1);

/** Of eight signs whose product is positive, seven bits are kept. */
const evenSigns = Uint8Array.from({ length: 128 }, (_, i) => {
  const ones = i.toString(2).replaceAll('0', '').length;
  return i | ((ones % 2) << 7);
});
const signsOfSeven = (indices: Tensor) => signsOf(lookedUp(tensor(evenSigns), indices));

/** Bits above those of a byte. */
const wider = (low: Tensor, high: Tensor) => low.int().bitwiseOr(high.int().bitwiseLeftShift(8));

/** What is added in IQ1: an eighth, or less one where the bit is set. */
const shiftOf = (bit: Tensor) => bit.float().mul(-0.25).add(0.125);

function added(values: Tensor, size: number, shifts: Tensor): Tensor {
  const rows = values.shape[0]!;
  return values
    .view([rows, -1, size])
    .add(shifts.view([rows, -1, 1]))
    .view([rows, -1]);
}

/** The readers of these types. */
export const gridReaders: Readonly<Record<string, BlockReader>> = {
  IQ2_XXS: (f) => {
    const [d, all] = [f.half(), f.bytes(64)];
    const halves = all.view([all.shape[0]!, 8, 2, 4]);
    const [indices, words] = [0, 1].map((i) => halves.select(2, i).reshape([all.shape[0]!, 32])) as [Tensor, Tensor];
    const scales = d.mul(bitsOfWords(words, dtypes.int32, [28], 15).add(0.5)).mul(0.25);
    const signs = signsOfSeven(bitsOfWords(words, dtypes.int32, [0, 7, 14, 21], 127));
    return scaled(lookedUp(gridOf('IQ2_XXS'), indices).mul(signs), 32, scales);
  },
  IQ2_XS: (f) => {
    const [d, words, packed] = [f.half(), f.bytes(64), f.bytes(8)];
    const scales = d.mul(bits(packed, 1, nibbles, 15).add(0.5)).mul(0.25);
    const signs = signsOfSeven(bitsOfWords(words, dtypes.int16, [9], 127));
    return scaled(lookedUp(gridOf('IQ2_XS'), bitsOfWords(words, dtypes.int16, [0], 511)).mul(signs), 16, scales);
  },
  IQ2_S: (f) => {
    const [d, low, signs, high, packed] = [f.half(), f.bytes(32), f.bytes(32), f.bytes(8), f.bytes(8)];
    const scales = d.mul(bits(packed, 1, nibbles, 15).add(0.5)).mul(0.25);
    const indices = wider(low, bits(high, 1, pairs, 3));
    return scaled(lookedUp(gridOf('IQ2_S'), indices).mul(signsOf(signs)), 16, scales);
  },
  IQ3_XXS: (f) => {
    const [d, indices, words] = [f.half(), f.bytes(64), f.bytes(32)];
    const scales = d.mul(bitsOfWords(words, dtypes.int32, [28], 15).add(0.5)).mul(0.5);
    const signs = signsOfSeven(bitsOfWords(words, dtypes.int32, [0, 7, 14, 21], 127));
    return scaled(lookedUp(gridOf('IQ3_XXS'), indices).mul(signs), 32, scales);
  },
  IQ3_S: (f) => {
    const [d, low, high, signs, packed] = [f.half(), f.bytes(64), f.bytes(8), f.bytes(32), f.bytes(4)];
    const scales = d.mul(bits(packed, 1, nibbles, 15).mul(2).add(1));
    const indices = wider(low, bits(high, 1, single, 1));
    return scaled(lookedUp(gridOf('IQ3_S'), indices).mul(signsOf(signs)), 32, scales);
  },
  IQ1_S: (f) => {
    const [d, low, words] = [f.half(), f.bytes(32), f.bytes(16)];
    const scales = d.mul(bitsOfWords(words, dtypes.int16, [12], 7).mul(2).add(1));
    const shifts = shiftOf(bitsOfWords(words, dtypes.int16, [15], 1));
    const indices = wider(low, bitsOfWords(words, dtypes.int16, [0, 3, 6, 9], 7));
    return scaled(added(lookedUp(gridOf('IQ1_S'), indices), 32, shifts), 32, scales);
  },
  IQ1_M: (f) => {
    const [low, high, words] = [f.bytes(32), f.bytes(16), f.bytes(8)];
    // The number in half precision is in four parts, one in each word.
    const parts = bitsOfWords(words, dtypes.int16, [12], 15).mul(tensor(Int32Array.of(1, 16, 256, 4096)));
    const d = parts.sum(1, { keepdim: true }).to({ dtype: dtypes.int16 }).view(dtypes.float16).float();
    const scales = d.mul(bitsOfWords(words, dtypes.int16, [0, 3, 6, 9], 7).mul(2).add(1));
    const more = bits(high, 1, nibbles, 15);
    const indices = wider(low, more.bitwiseAnd(7));
    const shifts = shiftOf(more.bitwiseRightShift(3));
    return scaled(added(lookedUp(gridOf('IQ1_S'), indices), 8, shifts), 16, scales);
  },
};
