// Reverse mode: `grad`, `gradAndValue` and `vjp` of `torch.func`.
import { runBackward } from '../autograd/anomaly.js';
import { withoutSavedTensorsHooks } from '../autograd/saved-tensors.js';
import { native } from '../binding/index.js';
import { flag } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { zerosLike } from '../ops/generated/functions.js';
import { isPlainObject, leading, optionsOf } from '../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { argnums, asChosen, positionsOf } from './argnums.js';
import {
  type AnyFunction,
  callFunction,
  checkLike,
  differentiableOf,
  functionOf,
  isDifferentiatedOutside,
  outputsOf,
  splitAux,
  track,
  untrack,
  untrackAll,
} from './layers.js';
import { describeSpec, type Flat, flatten, flattenLike, mapTensors, regroup, unflatten } from './tree.js';
import type { Argnums, Chosen, Like } from './types.js';

/** Options of {@link grad} and {@link gradAndValue}. */
export interface GradOptions {
  /** Which argument to differentiate by, or an array of several; negative ones count from the last. Default 0. */
  argnums?: Argnums;
  /** Whether the function returns `[output, aux]`; `aux` is handed on as it is. Default false. */
  hasAux?: boolean;
}

const table = { argnums: [argnums, 0], hasAux: [flag, false] } as const;
const readGrad = optionsOf('func.grad()', table);
const readGradAndValue = optionsOf('func.gradAndValue()', table);

/** Arguments inside of a transform: all tensors are tracked, and those that are chosen start its graph. */
interface Tracked {
  args: unknown[];
  /** The chosen arguments, by position. */
  flats: Flat[];
  /** The tensors of the chosen arguments, outside and inside. */
  outside: Tensor[];
  inside: Tensor[];
}

function trackArguments(name: string, given: readonly unknown[], positions: readonly number[], level: number): Tracked {
  const flats = positions.map((position) => flatten(`argument ${position}`, given[position]));
  const outside = flats.flatMap(({ leaves }, i) =>
    differentiableOf(`argument ${positions[i]} of ${name}'s function`, leaves),
  );
  const inside = outside.map((tensor) => track(tensor, level, true));
  const chosen = regroup(flats, inside);
  const args = given.map((arg, i) => {
    const at = positions.indexOf(i);
    return at >= 0 ? chosen[at] : mapTensors(`argument ${i}`, arg, (tensor) => track(tensor, level, false));
  });
  return { args, flats, outside, inside };
}

interface Differentiated {
  gradient: unknown;
  value: Tensor;
  aux: unknown;
}

function differentiate(
  name: string,
  func: AnyFunction,
  { argnums, hasAux }: { argnums: Argnums; hasAux: boolean },
  given: readonly unknown[],
): Differentiated {
  const positions = positionsOf(name, argnums, given.length);
  const again = isDifferentiatedOutside();
  const body = (level: number): Differentiated => {
    const { args, flats, inside } = trackArguments(name, given, positions, level);
    const [output, aux] = splitAux(name, callFunction(name, func, args), hasAux);
    const scalar = scalarOf(name, output);
    const found: (Handle | null)[] = scalar.requiresGrad
      ? runBackward(() =>
          native.gradOf(
            [scalar.handle],
            inside.map((x) => x.handle),
            [null],
            again,
            again,
            true,
          ),
        )
      : inside.map(() => null);
    const gradients = found.map((handle, i) => untrack(handle === null ? zerosLike(inside[i]!) : wrap(handle), level));
    return {
      gradient: asChosen(argnums, regroup(flats, gradients)),
      value: untrack(scalar, level),
      aux: untrackAll(name, aux, level),
    };
  };
  return withoutSavedTensorsHooks(() => native.gradLayer((level) => body(level))) as Differentiated;
}

function scalarOf(name: string, output: unknown): Tensor {
  if (!isTensor(output)) {
    throw new TorchClipError('ERR_ARGUMENT', `"func" of ${name} must return a Tensor, got ${describe(output)}`);
  }
  const { shape } = output;
  if (shape.length > 0) {
    throw new TorchClipError(
      'ERR_SHAPE',
      `"func" of ${name} must return a Tensor without dimensions, got [${shape.join(', ')}]; vjp() and jacrev() take others`,
    );
  }
  return output;
}

/**
 * The function that computes the gradient of `func`, which returns one number: `torch.func.grad`. Transforms nest, so that
 * `grad(grad(f))` is the second derivative and `vmap(grad(f))` gives a gradient per sample.
 *
 * `argnums`: which argument to differentiate by, or an array of several; default 0. Options take `hasAux`, too.
 *
 * @param func a synchronous function of tensors, or of arrays and objects of tensors, that returns a Tensor without dimensions.
 * @returns a function of the same arguments. It returns the gradient, nested as the argument is, or an array of one per argument;
 * with `hasAux`, `[gradient, aux]`. Tensors that the function uses beside its arguments count as constants.
 * @throws {TorchClipError} `ERR_SHAPE` where `func` returns more than a number, `ERR_ASYNC_SCOPE` for an async function.
 *
 * @example
 * const slope = torch.func.grad((x: Tensor) => x.sin());
 * slope(torch.tensor(0)); // 1
 * @see https://pytorch.org/docs/stable/generated/torch.func.grad.html
 */
export function grad<A extends unknown[], Aux>(
  func: (...args: A) => readonly [Tensor, Aux],
  options: Omit<GradOptions, 'argnums'> & { argnums?: never; hasAux: true },
): (...args: A) => [gradient: Chosen<A, 0>, aux: Like<Aux>];
export function grad<A extends unknown[], Aux, const N extends Argnums>(
  func: (...args: A) => readonly [Tensor, Aux],
  options: GradOptions & { argnums: N; hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, aux: Like<Aux>];
export function grad<A extends unknown[], Aux, const N extends Argnums>(
  func: (...args: A) => readonly [Tensor, Aux],
  argnums: N,
  options: { hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, aux: Like<Aux>];
export function grad<A extends unknown[]>(
  func: (...args: A) => Tensor,
  options?: Omit<GradOptions, 'argnums'> & { argnums?: never; hasAux?: false },
): (...args: A) => Chosen<A, 0>;
export function grad<A extends unknown[], const N extends Argnums>(
  func: (...args: A) => Tensor,
  argnums: N | (GradOptions & { argnums: N; hasAux?: false }),
  options?: { hasAux?: false },
): (...args: A) => Chosen<A, N>;
export function grad(func: AnyFunction, first?: unknown, rest?: unknown): (...args: unknown[]) => unknown {
  const options = readGrad(leading('argnums', first, rest));
  const checked = functionOf('grad()', func);
  return (...args) => {
    const { gradient, aux } = differentiate('grad()', checked, options, args);
    return options.hasAux ? [gradient, aux] : gradient;
  };
}

/**
 * As {@link grad}, but the function returns `[gradient, value]`, or `[gradient, [value, aux]]` with `hasAux`.
 *
 * @example
 * const [gradient, loss] = torch.func.gradAndValue(lossOf)(weights, x, y);
 * @see https://pytorch.org/docs/stable/generated/torch.func.grad_and_value.html
 */
export function gradAndValue<A extends unknown[], Aux>(
  func: (...args: A) => readonly [Tensor, Aux],
  options: Omit<GradOptions, 'argnums'> & { argnums?: never; hasAux: true },
): (...args: A) => [gradient: Chosen<A, 0>, result: [value: Tensor, aux: Like<Aux>]];
export function gradAndValue<A extends unknown[], Aux, const N extends Argnums>(
  func: (...args: A) => readonly [Tensor, Aux],
  options: GradOptions & { argnums: N; hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, result: [value: Tensor, aux: Like<Aux>]];
export function gradAndValue<A extends unknown[], Aux, const N extends Argnums>(
  func: (...args: A) => readonly [Tensor, Aux],
  argnums: N,
  options: { hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, result: [value: Tensor, aux: Like<Aux>]];
export function gradAndValue<A extends unknown[]>(
  func: (...args: A) => Tensor,
  options?: Omit<GradOptions, 'argnums'> & { argnums?: never; hasAux?: false },
): (...args: A) => [gradient: Chosen<A, 0>, value: Tensor];
export function gradAndValue<A extends unknown[], const N extends Argnums>(
  func: (...args: A) => Tensor,
  argnums: N | (GradOptions & { argnums: N; hasAux?: false }),
  options?: { hasAux?: false },
): (...args: A) => [gradient: Chosen<A, N>, value: Tensor];
export function gradAndValue(func: AnyFunction, first?: unknown, rest?: unknown): (...args: unknown[]) => unknown {
  const options = readGradAndValue(leading('argnums', first, rest));
  const checked = functionOf('gradAndValue()', func);
  return (...args) => {
    const { gradient, value, aux } = differentiate('gradAndValue()', checked, options, args);
    return [gradient, options.hasAux ? [value, aux] : value];
  };
}

/** Options of the function that {@link vjp} returns. */
export interface PullOptions {
  /** Keep the graph for another call; default true. */
  retainGraph?: boolean;
  /** Record the gradients' own graph; default whether recording is on. */
  createGraph?: boolean;
}

const readPull = optionsOf('the function of vjp()', { retainGraph: [flag, true], createGraph: [flag, undefined] });

/** What {@link vjp} is made from: the same for some of the arguments. */
export interface PulledBack {
  output: unknown;
  flat: Flat;
  /** The outputs as they are outside of the transform. */
  values: Tensor[];
  aux: unknown;
  /** The gradients of the chosen arguments for those of the outputs. */
  pull(cotangents: readonly Tensor[], retainGraph: boolean, createGraph: boolean): Tensor[];
  flats: Flat[];
}

/** @internal Evaluates a function and keeps the graph between its arguments at `positions` and its outputs. */
export function pullBack(
  name: string,
  func: AnyFunction,
  given: readonly unknown[],
  positions: readonly number[],
  hasAux: boolean,
): PulledBack {
  const body = (level: number): PulledBack => {
    const { args, flats, outside, inside } = trackArguments(name, given, positions, level);
    const [output, aux] = splitAux(name, callFunction(name, func, args), hasAux);
    const flat = flatten('output', output);
    const outputs = outputsOf(name, flat.leaves);
    const graph = native.pullback(
      outputs.map((y) => y.handle),
      inside.map((x) => x.handle),
    );
    const values = outputs.map((y) => untrack(y, level));
    const pull = (cotangents: readonly Tensor[], retainGraph: boolean, createGraph: boolean): Tensor[] => {
      const seeds = cotangents.map((t) => t.handle);
      const found = runBackward(() => native.pull(graph, seeds, retainGraph, createGraph));
      return found.map((handle, i) => (handle === null ? zerosLike(outside[i]!) : wrap(handle)));
    };
    return { output: unflatten(flat.spec, values), flat, values, aux: untrackAll(name, aux, level), pull, flats };
  };
  return withoutSavedTensorsHooks(() => native.gradLayer((level) => body(level))) as PulledBack;
}

/** The gradients of all arguments, for those of the outputs. */
export type VjpFunction<P extends unknown[], R> = (cotangents: Like<R>, options?: PullOptions) => Like<P>;

const isAuxOption = (value: unknown): value is { hasAux: boolean } =>
  isPlainObject(value) && Object.keys(value).join() === 'hasAux' && typeof value.hasAux === 'boolean';

/** The arguments, and whether an object with `hasAux` stood behind them. */
export function takeAux(primals: readonly unknown[]): { primals: unknown[]; hasAux: boolean } {
  const last = primals.at(-1);
  return isAuxOption(last)
    ? { primals: primals.slice(0, -1), hasAux: last.hasAux }
    : { primals: [...primals], hasAux: false };
}

/**
 * Evaluates `func`, and returns its value and the function that multiplies a vector by its Jacobian from the left:
 * `torch.func.vjp`.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @param primals its arguments: Tensors, or arrays and objects of Tensors. Behind them may stand `{ hasAux: true }` for a function that
 * returns `[output, aux]`.
 * @returns `[output, vjpFn]`, or `[output, vjpFn, aux]`. `vjpFn(cotangents)` takes a tensor per output, nested alike, and returns an
 * array of the gradients of the arguments; it can be called several times.
 *
 * @example
 * const [y, vjpFn] = torch.func.vjp((a: Tensor, b: Tensor) => a.mul(b), a, b);
 * const [da, db] = vjpFn(torch.onesLike(y));
 * @see https://pytorch.org/docs/stable/generated/torch.func.vjp.html
 */
export function vjp<P extends unknown[], R, Aux>(
  func: (...primals: P) => readonly [R, Aux],
  ...primals: [...P, { hasAux: true }]
): [output: Like<R>, vjpFn: VjpFunction<P, R>, aux: Like<Aux>];
export function vjp<P extends unknown[], R>(
  func: (...primals: P) => R,
  ...primals: P
): [output: Like<R>, vjpFn: VjpFunction<P, R>];
export function vjp(func: AnyFunction, ...given: unknown[]): unknown[] {
  const { primals, hasAux } = takeAux(given);
  const all = primals.map((_, i) => i);
  const { output, flat, values, aux, pull, flats } = pullBack('vjp()', functionOf('vjp()', func), primals, all, hasAux);
  const vjpFn = (cotangents: unknown, options?: PullOptions): unknown[] => {
    const { retainGraph, createGraph = isDifferentiatedOutside() } = readPull(options);
    const leaves = flattenLike('cotangents', cotangents, flat.spec);
    if (leaves === undefined) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"cotangents" must be nested as the output is, ${describeSpec(flat.spec)}, got ${describeSpec(flatten('cotangents', cotangents).spec)}`,
      );
    }
    return regroup(flats, pull(checkLike('"cotangents"', leaves, values), retainGraph, createGraph));
  };
  return hasAux ? [output, vjpFn, aux] : [output, vjpFn];
}
