// The types of nested containers: what a transform makes of arguments and results.
import type { Tensor } from '../tensor.js';

/** A value with a plain Tensor wherever it has one: what transforms return where a function returns `T`. */
export type Like<T> = T extends Tensor
  ? Tensor
  : T extends readonly unknown[]
    ? { -readonly [K in keyof T]: Like<T[K]> }
    : T extends (...args: never[]) => unknown
      ? T
      : T extends object
        ? { -readonly [K in keyof T]: Like<T[K]> }
        : T;

/** Which arguments a transform differentiates by: one, or several. */
export type Argnums = number | readonly number[];

type At<A extends readonly unknown[], N extends number> = `${N}` extends keyof A ? A[`${N}`] : A[number];

/** The arguments that are differentiated by: that one, or an array of them. */
export type Chosen<A extends readonly unknown[], N extends Argnums> = N extends number
  ? Like<At<A, N>>
  : N extends readonly number[]
    ? { -readonly [K in keyof N]: N[K] extends number ? Like<At<A, N[K]>> : never }
    : never;

/** For each tensor of `R` one `X`, which is nested as the inputs are. */
export type Jacobian<R, X> = R extends Tensor
  ? X
  : R extends readonly unknown[]
    ? { -readonly [K in keyof R]: Jacobian<R[K], X> }
    : R extends object
      ? { -readonly [K in keyof R]: Jacobian<R[K], X> }
      : never;
