import { TorchClipError } from '../errors.js';
import { zerosLike } from '../ops/generated/functions.js';
import type { Tensor } from '../tensor.js';
import { pairTangents } from './forward.js';
import { type AnyFunction, functionOf, isDifferentiatedOutside } from './layers.js';
import { pullBack } from './reverse.js';
import { unflatten } from './tree.js';
import type { Like } from './types.js';

/** The product of the Jacobian with tangents, one per argument. */
export type JvpFunction<P extends unknown[], R> = (...tangents: Like<P>) => Like<R>;

/**
 * The value of `func` and its linear approximation at `primals`: `torch.func.linearize`. `func` runs once, and what it computed is
 * kept for all later products; for a single one {@link jvp} takes less memory.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @param primals its arguments: Tensors, or arrays and objects of Tensors.
 * @returns `[output, jvpFn]`. `jvpFn(...tangents)` takes a tensor per tensor of the arguments, of its shape and dtype.
 *
 * @example
 * const [y, jvpFn] = torch.func.linearize((x: Tensor) => x.sin(), x);
 * const dy = jvpFn(torch.onesLike(x));
 * @see https://pytorch.org/docs/stable/generated/torch.func.linearize.html
 */
export function linearize<P extends unknown[], R>(
  func: (...primals: P) => R,
  ...primals: P
): [output: Like<R>, jvpFn: JvpFunction<P, R>];
export function linearize(func: AnyFunction, ...primals: unknown[]): unknown[] {
  const name = 'linearize()';
  const checked = functionOf(name, func);
  if (primals.length === 0) throw new TorchClipError('ERR_ARGUMENT', `"func" of ${name} needs at least one argument`);
  const all = primals.map((_, i) => i);
  const { output, flat, values, pull } = pullBack(name, checked, primals, all, false);
  // A gradient is linear in those of the outputs, and its own derivative by them is the product.
  const backwards = (...cotangents: Tensor[]): Tensor[] => pull(cotangents, true, true);
  const zeros = values.map((y) => zerosLike(y));
  const products = pullBack(
    name,
    backwards,
    zeros,
    zeros.map((_, i) => i),
    false,
  );
  const jvpFn = (...tangents: unknown[]): unknown => {
    const vectors = pairTangents(name, primals, tangents);
    return unflatten(flat.spec, products.pull(vectors, true, isDifferentiatedOutside()));
  };
  return [output, jvpFn];
}
