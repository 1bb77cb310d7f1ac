import { invalidArgument } from './errors.js';
import { checkOwn, own } from './own.js';

/**
 * An element type of a tensor. Compare with `===`: there is one object a type.
 *
 * @example
 * torch.float16.itemsize; // 2
 */
export class Dtype {
  /** `'float32'`, as in `torch.float32`. */
  readonly name: string;
  /** libtorch's `c10::ScalarType`. */
  readonly code: number;
  /** Bytes of one element. */
  readonly itemsize: number;
  readonly isFloatingPoint: boolean;
  readonly isComplex: boolean;

  /** @internal */
  constructor(token: typeof own, name: string, code: number, itemsize: number, kind: 'float' | 'complex' | 'integer') {
    checkOwn(token, 'Dtype', 'the package, as torch.float32 is');
    this.name = name;
    this.code = code;
    this.itemsize = itemsize;
    this.isFloatingPoint = kind === 'float';
    this.isComplex = kind === 'complex';
    Object.freeze(this);
  }

  /** `'torch.float32'`, as PyTorch prints it. */
  toString(): string {
    return `torch.${this.name}`;
  }

  toJSON(): string {
    return this.name;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const byCode = new Map<number, Dtype>();

function dtype(name: string, code: number, itemsize: number, kind: 'float' | 'complex' | 'integer'): Dtype {
  const made = new Dtype(own, name, code, itemsize, kind);
  byCode.set(code, made);
  return made;
}

/** Integers from 0 to 255. */
export const uint8 = dtype('uint8', 0, 1, 'integer');
/** Integers from -128 to 127. */
export const int8 = dtype('int8', 1, 1, 'integer');
/** Integers of 16 bits. */
export const int16 = dtype('int16', 2, 2, 'integer');
/** Integers of 32 bits. */
export const int32 = dtype('int32', 3, 4, 'integer');
/** Integers of 64 bits, bigints beyond the safe ones: class indices, positions. */
export const int64 = dtype('int64', 4, 8, 'integer');
/** IEEE half precision: 5 bits of exponent, 10 of fraction. */
export const float16 = dtype('float16', 5, 2, 'float');
/** IEEE single precision, the default. */
export const float32 = dtype('float32', 6, 4, 'float');
/** IEEE double precision, as of JavaScript's own numbers. */
export const float64 = dtype('float64', 7, 8, 'float');
/** Two numbers of half precision. */
export const complex32 = dtype('complex32', 8, 4, 'complex');
/** Two numbers of single precision. */
export const complex64 = dtype('complex64', 9, 8, 'complex');
/** Two numbers of double precision. */
export const complex128 = dtype('complex128', 10, 16, 'complex');
/** True or false, a byte each. */
export const bool = dtype('bool', 11, 1, 'integer');
/** Quantized to integers from -128 to 127. */
export const qint8 = dtype('qint8', 12, 1, 'integer');
/** Quantized to integers from 0 to 255. */
export const quint8 = dtype('quint8', 13, 1, 'integer');
/** Quantized to integers of 32 bits. */
export const qint32 = dtype('qint32', 14, 4, 'integer');
/** The exponent of single precision with 7 bits of fraction. */
export const bfloat16 = dtype('bfloat16', 15, 2, 'float');
/** Eight bits: 5 of exponent, 2 of fraction. */
export const float8E5m2 = dtype('float8_e5m2', 23, 1, 'float');
/** Eight bits: 4 of exponent, 3 of fraction, no infinity. */
export const float8E4m3fn = dtype('float8_e4m3fn', 24, 1, 'float');
/** Eight bits: 5 of exponent, 2 of fraction, no infinity and no -0. */
export const float8E5m2fnuz = dtype('float8_e5m2fnuz', 25, 1, 'float');
/** Eight bits: 4 of exponent, 3 of fraction, no infinity and no -0. */
export const float8E4m3fnuz = dtype('float8_e4m3fnuz', 26, 1, 'float');
/** Integers from 0 to 65,535. */
export const uint16 = dtype('uint16', 27, 2, 'integer');
/** Integers from 0 to 2^32 - 1. */
export const uint32 = dtype('uint32', 28, 4, 'integer');
/** Integers from 0 to 2^64 - 1. */
export const uint64 = dtype('uint64', 29, 8, 'integer');

/** {@link float32}, by its other name in PyTorch. */
export const float = float32;
/** {@link float64}, by its other name in PyTorch. */
export const double = float64;
/** {@link float16}, by its other name in PyTorch. */
export const half = float16;
/** {@link int16}, by its other name in PyTorch. */
export const short = int16;
/** {@link int32}, by its other name in PyTorch. */
export const int = int32;
/** {@link int64}, by its other name in PyTorch. */
export const long = int64;
/** {@link complex64}, by its other name in PyTorch. */
export const cfloat = complex64;
/** {@link complex128}, by its other name in PyTorch. */
export const cdouble = complex128;
/** {@link complex32}, by its other name in PyTorch. */
export const chalf = complex32;

/** The dtype of a `c10::ScalarType` code; one that has no name of its own here still has an object. */
export function dtypeOf(code: number): Dtype {
  const known = byCode.get(code);
  if (known !== undefined) return known;
  if (!Number.isInteger(code)) throw invalidArgument('code', 'an integer', code);
  return dtype(`scalar_type_${code}`, code, 0, 'integer');
}
