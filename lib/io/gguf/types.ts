// The element types of GGUF: some numbers as they are, and blocks of quantized ones.
import type { Dtype } from '../../dtype.js';
import * as dtypes from '../../dtype.js';

/** A type of elements. */
export interface GgufType {
  name: string;
  /** How many elements a block has, and how many bytes. */
  count: number;
  bytes: number;
  /** The dtype of what is not quantized. */
  dtype?: Dtype;
}

const plain = (name: string, dtype: Dtype): GgufType => ({ name, count: 1, bytes: dtype.itemsize, dtype });
const blocks = (name: string, count: number, bytes: number): GgufType => ({ name, count, bytes });

/** The types by their numbers in a file; those that were taken out of the format are not there. */
export const types: ReadonlyMap<number, GgufType> = new Map([
  [0, plain('F32', dtypes.float32)],
  [1, plain('F16', dtypes.float16)],
  [2, blocks('Q4_0', 32, 18)],
  [3, blocks('Q4_1', 32, 20)],
  [6, blocks('Q5_0', 32, 22)],
  [7, blocks('Q5_1', 32, 24)],
  [8, blocks('Q8_0', 32, 34)],
  [9, blocks('Q8_1', 32, 40)],
  [10, blocks('Q2_K', 256, 84)],
  [11, blocks('Q3_K', 256, 110)],
  [12, blocks('Q4_K', 256, 144)],
  [13, blocks('Q5_K', 256, 176)],
  [14, blocks('Q6_K', 256, 210)],
  [15, blocks('Q8_K', 256, 292)],
  [16, blocks('IQ2_XXS', 256, 66)],
  [17, blocks('IQ2_XS', 256, 74)],
  [18, blocks('IQ3_XXS', 256, 98)],
  [19, blocks('IQ1_S', 256, 50)],
  [20, blocks('IQ4_NL', 32, 18)],
  [21, blocks('IQ3_S', 256, 110)],
  [22, blocks('IQ2_S', 256, 82)],
  [23, blocks('IQ4_XS', 256, 136)],
  [24, plain('I8', dtypes.int8)],
  [25, plain('I16', dtypes.int16)],
  [26, plain('I32', dtypes.int32)],
  [27, plain('I64', dtypes.int64)],
  [28, plain('F64', dtypes.float64)],
  [29, blocks('IQ1_M', 256, 56)],
  [30, plain('BF16', dtypes.bfloat16)],
  [34, blocks('TQ1_0', 256, 54)],
  [35, blocks('TQ2_0', 256, 66)],
  [39, blocks('MXFP4', 32, 17)],
  [40, blocks('NVFP4', 64, 36)],
  [41, blocks('Q1_0', 128, 18)],
]);
