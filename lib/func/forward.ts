// Forward mode: `jvp` and `linearize` of `torch.func`.
import { native } from '../binding/index.js';
import { flag, withoutHoles } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { zerosLike } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { type Tensor, wrap } from '../tensor.js';
import {
  type AnyFunction,
  callFunction,
  checkLike,
  differentiableOf,
  functionOf,
  outputsOf,
  splitAux,
  track,
  untrack,
  untrackAll,
} from './layers.js';
import { describeSpec, flatten, flattenLike, mapTensors, type Spec, unflatten } from './tree.js';
import type { Like } from './types.js';

/** Options of {@link jvp}. */
export interface JvpOptions<X extends boolean = boolean> {
  /** Throw where an output does not depend on the arguments, instead of giving zeros; default false. */
  strict?: boolean;
  /** Whether the function returns `[output, aux]`; `aux` is handed on as it is. Default false. */
  hasAux?: X;
}

const readJvp = optionsOf('func.jvp()', { strict: [flag, false], hasAux: [flag, false] });

/** The outputs of a function and their derivatives along the tangents. */
export interface Pushed {
  spec: Spec;
  values: Tensor[];
  tangents: Tensor[];
  aux: unknown;
}

/** @internal Pushes tangents of the arguments at `positions`, given as flat lists, through a function. */
export function pushForward(
  name: string,
  func: AnyFunction,
  given: readonly unknown[],
  positions: readonly number[],
  tangents: readonly Tensor[],
  { strict, hasAux }: { strict: boolean; hasAux: boolean },
): Pushed {
  const body = (level: number): Pushed => {
    let next = 0;
    const dual = (primal: Tensor) => wrap(native.makeDual(primal.handle, tangents[next++]!.handle, 0));
    const duals = positions.map((position) => mapTensors(`argument ${position}`, given[position], dual));
    const args = given.map((arg, i) => {
      const at = positions.indexOf(i);
      return at >= 0 ? duals[at] : mapTensors(`argument ${i}`, arg, (tensor) => track(tensor, level, false));
    });
    const [output, aux] = splitAux(name, callFunction(name, func, args), hasAux);
    const { leaves, spec } = flatten('output', output);
    const parts = outputsOf(name, leaves).map((dual, i) => {
      const [handle, tangent] = native.unpackDual(dual.handle, 0);
      const value = wrap(handle);
      if (tangent === null && strict) {
        throw new TorchClipError(
          'ERR_AUTOGRAD',
          `output ${i} of "func" of ${name} does not depend on the arguments, and "strict" is true`,
        );
      }
      return [untrack(value, level), untrack(tangent === null ? zerosLike(value) : wrap(tangent), level)] as const;
    });
    return {
      spec,
      values: parts.map(([value]) => value),
      tangents: parts.map(([, tangent]) => tangent),
      aux: untrackAll(name, aux, level),
    };
  };
  return native.jvpLayer((level) => body(level)) as Pushed;
}

/** The tensors of arguments and those of their tangents, which are nested alike. */
export function pairTangents(name: string, primals: readonly unknown[], tangents: unknown): Tensor[] {
  const flat = flatten('primals', primals);
  const leaves = flattenLike('tangents', tangents, flat.spec);
  if (leaves === undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"tangents" of ${name} must be nested as the arguments are, ${describeSpec(flat.spec)}, got ${describeSpec(flatten('tangents', tangents).spec)}`,
    );
  }
  if (leaves.length === 0) throw invalidArgument('primals', 'an array with at least one Tensor', primals);
  return checkLike('"tangents"', leaves, differentiableOf('"primals"', flat.leaves));
}

/**
 * The value of a function and the product of its Jacobian with a vector, in one pass in forward mode: `torch.func.jvp`.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @param primals its arguments, an array: Tensors, or arrays and objects of Tensors.
 * @param tangents the vector: a tensor per tensor of `primals`, of its shape and dtype, nested alike.
 * @returns `[output, tangent of the output]`; with `hasAux`, `[output, tangent, aux]`.
 * @throws {TorchClipError} `ERR_AUTOGRAD` where an operation has no derivative in forward mode.
 *
 * @example
 * const [y, dy] = torch.func.jvp((x: Tensor) => x.sin(), [x], [torch.onesLike(x)]);
 * @see https://pytorch.org/docs/stable/generated/torch.func.jvp.html
 */
export function jvp<P extends unknown[], R, Aux>(
  func: (...primals: P) => readonly [R, Aux],
  primals: readonly [...P],
  tangents: Like<P>,
  options: JvpOptions<true> & { hasAux: true },
): [output: Like<R>, tangent: Like<R>, aux: Like<Aux>];
export function jvp<P extends unknown[], R>(
  func: (...primals: P) => R,
  primals: readonly [...P],
  tangents: Like<P>,
  options?: JvpOptions<false>,
): [output: Like<R>, tangent: Like<R>];
export function jvp(
  func: AnyFunction,
  primals: readonly unknown[],
  tangents: unknown,
  options?: JvpOptions,
): unknown[] {
  const read = readJvp(options);
  const checked = functionOf('jvp()', func);
  if (!Array.isArray(primals)) throw invalidArgument('primals', 'an array of the arguments', primals);
  const given = withoutHoles('primals', primals);
  const vectors = pairTangents('jvp()', given, tangents);
  const all = given.map((_, i) => i);
  const pushed = pushForward('jvp()', checked, given, all, vectors, read);
  const [output, tangent] = [pushed.values, pushed.tangents].map((list) => unflatten(pushed.spec, list));
  return read.hasAux ? [output, tangent, pushed.aux] : [output, tangent];
}
