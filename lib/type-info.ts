import * as dtypes from './dtype.js';
import { Dtype, float32 } from './dtype.js';
import { invalidArgument } from './errors.js';
import { getDefaultDtype } from './runtime.js';

/** The limits of a floating-point dtype; of a complex one, those of its parts. */
export interface FloatInfo {
  readonly dtype: Dtype;
  /** How many bits a number takes. */
  readonly bits: number;
  /** The smallest number that, added to 1, gives another number. */
  readonly eps: number;
  /** The largest finite number. */
  readonly max: number;
  /** The lowest finite number: `-max`. */
  readonly min: number;
  /** The smallest positive normal number. */
  readonly tiny: number;
  /** {@link tiny}, by its other name. */
  readonly smallestNormal: number;
  /** The decimal resolution, a power of ten. */
  readonly resolution: number;
}

/** The limits of an integer dtype. */
export interface IntegerInfo {
  readonly dtype: Dtype;
  /** How many bits a number takes. */
  readonly bits: number;
  /** The largest number; a bigint for 64 bits, which a JavaScript number does not hold exactly. */
  readonly max: number | bigint;
  /** The lowest number; a bigint for 64 bits. */
  readonly min: number | bigint;
}

interface Format {
  /** Bits of the fraction. */
  fraction: number;
  /** The exponents of the largest power of two and of the smallest normal one. */
  top: number;
  bottom: number;
  /** Where the fraction of the largest number is not all ones. */
  max?: number;
  /** Where PyTorch names another one than the fraction makes. */
  eps?: number;
}

const formats = new Map<Dtype, Format>([
  [dtypes.float64, { fraction: 52, top: 1023, bottom: -1022 }],
  [dtypes.float32, { fraction: 23, top: 127, bottom: -126 }],
  [dtypes.float16, { fraction: 10, top: 15, bottom: -14 }],
  [dtypes.bfloat16, { fraction: 7, top: 127, bottom: -126 }],
  [dtypes.float8E5m2, { fraction: 2, top: 15, bottom: -14 }],
  [dtypes.float8E4m3fn, { fraction: 3, top: 8, bottom: -6, max: 448 }],
  [dtypes.float8E5m2fnuz, { fraction: 2, top: 15, bottom: -15, eps: 0.125 }],
  [dtypes.float8E4m3fnuz, { fraction: 3, top: 7, bottom: -7 }],
]);

const partOf = new Map<Dtype, Dtype>([
  [dtypes.complex32, dtypes.float16],
  [dtypes.complex64, float32],
  [dtypes.complex128, dtypes.float64],
]);

/**
 * The limits of a floating-point or complex dtype, as `torch.finfo`; of the default dtype where none is given.
 *
 * @throws {TorchClipError} `ERR_DTYPE` for any other dtype.
 *
 * @example
 * torch.finfo(torch.float16).max; // 65504
 * scores.maskedFill(mask, torch.finfo(scores.dtype).min);
 */
export function finfo(dtype: Dtype = getDefaultDtype()): FloatInfo {
  const part = partOf.get(dtype) ?? dtype;
  const format = formats.get(part);
  if (format === undefined) throw invalidArgument('dtype', 'a floating-point or complex dtype', dtype, 'ERR_DTYPE');
  const { fraction, top, bottom } = format;
  // (2 - 2^-fraction) * 2^top, in an order that does not overflow.
  const max = format.max ?? (1 - 2 ** -fraction / 2) * 2 ** top * 2;
  const eps = format.eps ?? 2 ** -fraction;
  const tiny = 2 ** bottom;
  const digits = Math.floor(fraction * Math.LOG10E * Math.LN2);
  const resolution = Number(`1e-${digits}`);
  return { dtype, bits: 8 * part.itemsize, eps, max, min: -max, tiny, smallestNormal: tiny, resolution };
}

/**
 * The limits of an integer dtype, as `torch.iinfo`.
 *
 * @throws {TorchClipError} `ERR_DTYPE` for any other dtype, bool among them.
 *
 * @example
 * torch.iinfo(torch.int8).max; // 127
 * torch.iinfo(torch.int64).max; // 9223372036854775807n
 */
export function iinfo(dtype: Dtype): IntegerInfo {
  const name = dtype instanceof Dtype ? /^(q?)(u?)int(\d+)$/.exec(dtype.name) : null;
  if (name === null) throw invalidArgument('dtype', 'an integer dtype', dtype, 'ERR_DTYPE');
  const bits = Number(name[3]);
  const unsigned = name[2] === 'u';
  if (bits === 64) {
    const max = unsigned ? 2n ** 64n - 1n : 2n ** 63n - 1n;
    return { dtype, bits, max, min: unsigned ? 0n : -(2n ** 63n) };
  }
  return { dtype, bits, max: 2 ** (unsigned ? bits : bits - 1) - 1, min: unsigned ? 0 : -(2 ** (bits - 1)) };
}
