import type { DeviceLike } from '../device.js';
import type { Dtype } from '../dtype.js';
import type { Layout } from '../layout.js';

/** A complex number. */
export interface Complex {
  re: number;
  im: number;
}

/**
 * A number operand: an integral number and a bigint are int64, any other number is float64, and a scalar never raises the
 * dtype of a tensor operand within its kind (`int64Tensor.add(2)` stays int64, `float32Tensor.mul(0.5)` float32).
 */
export type Scalar = number | bigint | boolean | Complex;

/** What every function that makes a new tensor takes. */
export interface FactoryOptions {
  /** Default: the default dtype, or what the arguments say. */
  dtype?: Dtype | null;
  /** Default: strided, or that of the tensor the new one is like. */
  layout?: Layout | null;
  /** Default: the CPU, or that of the tensor the new one is like. */
  device?: DeviceLike | null;
  /** Whether the memory is page-locked, for faster copies to a GPU. Default: false. */
  pinMemory?: boolean | null;
  /** Whether autograd records what is done with the tensor. Default: false. */
  requiresGrad?: boolean;
}

/** One schema argument, as the dispatcher needs it. */
export interface Arg {
  /** `dim`: the schema's name. */
  name: string;
  /** `dim`, the option's key. */
  key: string;
  /** Without list, size or optional marks: `int`, `Tensor`. */
  base: string;
  list: boolean;
  /** `n` of `int[n]`, for which one number is enough. */
  size: number | undefined;
  /** `T?`: null is a value. */
  nullable: boolean;
  /** `T?[]`: null is an element. */
  nullableElements: boolean;
  hasDefault: boolean;
  keywordOnly: boolean;
  /** Written to and only given by the `out` option. */
  out: boolean;
  /** The name of its alias set where the op writes to it: `a` of `Tensor(a!)`. */
  written: string | undefined;
}

export interface Return {
  /** `values`, camelCased; empty where the schema gives none. */
  name: string;
  base: string;
  list: boolean;
  written: string | undefined;
}

export interface Schema {
  name: string;
  overload: string;
  args: Arg[];
  returns: Return[];
}
