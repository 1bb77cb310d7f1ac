// `jacrev`, `jacfwd` and `hessian` of `torch.func`.
import { check, flag, integer, orNull } from '../check.js';
import { TorchClipError } from '../errors.js';
import { cat, split } from '../ops/generated/functions.js';
import { leading, optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { argnums, asChosen, positionsOf } from './argnums.js';
import { pushForward } from './forward.js';
import { type AnyFunction, differentiableOf, functionOf, isDifferentiatedOutside, refuseComplex } from './layers.js';
import { pullBack } from './reverse.js';
import { type Flat, flatten, regroup, type Spec, unflatten } from './tree.js';
import type { Argnums, Chosen, Jacobian, Like } from './types.js';
import { mapOver, type Randomness, randomnessKind } from './vmap.js';

/** Options of {@link jacrev}. */
export interface JacrevOptions {
  /** Which argument to differentiate by, or an array of several; negative ones count from the last. Default 0. */
  argnums?: Argnums;
  /** Whether the function returns `[output, aux]`; `aux` is handed on as it is. Default false. */
  hasAux?: boolean;
  /** How many rows of the Jacobian at a time, to save memory; 1 does without `vmap` and its limits. Default all. */
  chunkSize?: number | null;
}

/** Options of {@link jacfwd}. */
export interface JacfwdOptions {
  /** Which argument to differentiate by, or an array of several; negative ones count from the last. Default 0. */
  argnums?: Argnums;
  /** Whether the function returns `[output, aux]`; `aux` is handed on as it is. Default false. */
  hasAux?: boolean;
  /** As in {@link vmap}: what random operations of the function do in its runs, of which there is one per column. Default `'error'`. */
  randomness?: Randomness;
}

const common = { argnums: [argnums, 0], hasAux: [flag, false] } as const;
const readJacrev = optionsOf('jacrev()', { ...common, chunkSize: [orNull(integer(1)), null] });
const readJacfwd = optionsOf('jacfwd()', { ...common, randomness: [randomnessKind, 'error'] });

const numelsOf = (tensors: readonly Tensor[]) => tensors.map((t) => t.numel());
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** Rows `start` to `start + count` of the identity over all elements, cut into tensors of the given shapes. */
function basis(like: readonly Tensor[], start: number, count: number): Tensor[] {
  let before = 0;
  return like.map((t) => {
    const n = t.numel();
    // Made of the tensor, so that it belongs to the same transforms and can be written to with its values.
    const rows = t.newZeros([count, n]);
    if (n > 0 && count > 0) rows.diagonal(start - before).fill_(1);
    before += n;
    return rows.view([count, ...t.shape]);
  });
}

/** All results are batches, along their first dimension. */
const samplesFirst = ({ leaves }: Flat) => leaves.map((leaf) => (isTensor(leaf) ? 0 : null));

/** The rows or columns of a Jacobian, by output, put together as outputs and inputs are nested. */
function nest(blocks: readonly (readonly Tensor[])[], output: Spec, inputs: readonly Flat[], chosen: Argnums): unknown {
  const perOutput = blocks.map((row) => asChosen(chosen, regroup(inputs, row)));
  return unflatten(output, perOutput);
}

/**
 * The function that computes the Jacobian of `func` in reverse mode, a row at a time for all rows at once: `torch.func.jacrev`. It is
 * faster than {@link jacfwd} where there are fewer outputs than inputs.
 *
 * `argnums`: which argument to differentiate by, or an array of several; default 0. Options take `hasAux` and `chunkSize`, too.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @returns a function of the same arguments. It returns, for each output, the derivative by the argument: a tensor of the output's shape
 * followed by the argument's, nested as the outputs and within them as the arguments are; with `hasAux`, `[jacobian, aux]`.
 *
 * @example
 * torch.func.jacrev((x: Tensor) => x.square())(torch.tensor([1, 2])); // [[2, 0], [0, 4]]
 * @see https://pytorch.org/docs/stable/generated/torch.func.jacrev.html
 */
export function jacrev<A extends unknown[], R, Aux>(
  func: (...args: A) => readonly [R, Aux],
  options: Omit<JacrevOptions, 'argnums'> & { argnums?: never; hasAux: true },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, 0>>, aux: Like<Aux>];
export function jacrev<A extends unknown[], R, Aux, const N extends Argnums>(
  func: (...args: A) => readonly [R, Aux],
  options: JacrevOptions & { argnums: N; hasAux: true },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, N>>, aux: Like<Aux>];
export function jacrev<A extends unknown[], R, Aux, const N extends Argnums>(
  func: (...args: A) => readonly [R, Aux],
  argnums: N,
  options: { hasAux: true; chunkSize?: number | null },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, N>>, aux: Like<Aux>];
export function jacrev<A extends unknown[], R>(
  func: (...args: A) => R,
  options?: Omit<JacrevOptions, 'argnums'> & { argnums?: never; hasAux?: false },
): (...args: A) => Jacobian<R, Chosen<A, 0>>;
export function jacrev<A extends unknown[], R, const N extends Argnums>(
  func: (...args: A) => R,
  argnums: N | (JacrevOptions & { argnums: N; hasAux?: false }),
  options?: { hasAux?: false; chunkSize?: number | null },
): (...args: A) => Jacobian<R, Chosen<A, N>>;
export function jacrev(func: AnyFunction, first?: unknown, rest?: unknown): (...args: unknown[]) => unknown {
  const { argnums: chosen, hasAux, chunkSize } = readJacrev(leading('argnums', first, rest));
  const checked = functionOf('jacrev()', func);
  return (...args) => {
    refuseComplex('the arguments of jacrev()', flatten('arguments', args).leaves);
    const positions = positionsOf('jacrev()', chosen, args.length);
    const { flat, values, aux, pull, flats } = pullBack('jacrev()', checked, args, positions, hasAux);
    refuseComplex('what "func" of jacrev() returns', values);
    const numels = numelsOf(values);
    const total = sum(numels);
    const again = isDifferentiatedOutside();
    const rowsOf = (start: number, count: number): Tensor[] => {
      const seeds = basis(values, start, count);
      if (chunkSize === 1 && count === 1) {
        const gradients = pull(
          seeds.map((t) => t.squeeze(0)),
          true,
          again,
        );
        return gradients.map((t) => t.unsqueeze(0));
      }
      const pulled = (...cotangents: Tensor[]) => pull(cotangents, true, again);
      return mapOver(pulled, seeds, { inDims: 0, randomness: 'error', outDimsOf: samplesFirst }) as Tensor[];
    };
    const step = chunkSize ?? Math.max(total, 1);
    const chunks: Tensor[][] = [];
    for (let start = 0; start < Math.max(total, 1); start += step)
      chunks.push(rowsOf(start, Math.min(step, total - start)));
    const [head] = chunks;
    const rows = chunks.length === 1 ? head! : head!.map((_, i) => cat(chunks.map((chunk) => chunk[i]!)));
    const inputs = flats.flatMap(({ leaves }) => leaves as Tensor[]);
    // By input, then by output.
    const parts = rows.map((row) => split(row, numels, 0));
    const blocks = values.map((y, j) => inputs.map((x, i) => parts[i]![j]!.reshape([...y.shape, ...x.shape])));
    const jacobian = nest(blocks, flat.spec, flats, chosen);
    return hasAux ? [jacobian, aux] : jacobian;
  };
}

/**
 * The function that computes the Jacobian of `func` in forward mode, all columns at once: `torch.func.jacfwd`. It is faster than
 * {@link jacrev} where there are fewer inputs than outputs.
 *
 * `argnums`: which argument to differentiate by, or an array of several; default 0. Options take `hasAux` and `randomness`, too.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @returns a function of the same arguments that returns what that of {@link jacrev} does.
 * @throws {TorchClipError} `ERR_AUTOGRAD` where an operation has no derivative in forward mode.
 *
 * @example
 * torch.func.jacfwd((x: Tensor) => x.square())(torch.tensor([1, 2])); // [[2, 0], [0, 4]]
 * @see https://pytorch.org/docs/stable/generated/torch.func.jacfwd.html
 */
export function jacfwd<A extends unknown[], R, Aux>(
  func: (...args: A) => readonly [R, Aux],
  options: Omit<JacfwdOptions, 'argnums'> & { argnums?: never; hasAux: true },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, 0>>, aux: Like<Aux>];
export function jacfwd<A extends unknown[], R, Aux, const N extends Argnums>(
  func: (...args: A) => readonly [R, Aux],
  options: JacfwdOptions & { argnums: N; hasAux: true },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, N>>, aux: Like<Aux>];
export function jacfwd<A extends unknown[], R, Aux, const N extends Argnums>(
  func: (...args: A) => readonly [R, Aux],
  argnums: N,
  options: { hasAux: true; randomness?: Randomness },
): (...args: A) => [jacobian: Jacobian<R, Chosen<A, N>>, aux: Like<Aux>];
export function jacfwd<A extends unknown[], R>(
  func: (...args: A) => R,
  options?: Omit<JacfwdOptions, 'argnums'> & { argnums?: never; hasAux?: false },
): (...args: A) => Jacobian<R, Chosen<A, 0>>;
export function jacfwd<A extends unknown[], R, const N extends Argnums>(
  func: (...args: A) => R,
  argnums: N | (JacfwdOptions & { argnums: N; hasAux?: false }),
  options?: { hasAux?: false; randomness?: Randomness },
): (...args: A) => Jacobian<R, Chosen<A, N>>;
export function jacfwd(func: AnyFunction, first?: unknown, rest?: unknown): (...args: unknown[]) => unknown {
  const { argnums: chosen, hasAux, randomness } = readJacfwd(leading('argnums', first, rest));
  const checked = functionOf('jacfwd()', func);
  return (...args) => {
    refuseComplex('the arguments of jacfwd()', flatten('arguments', args).leaves);
    const positions = positionsOf('jacfwd()', chosen, args.length);
    const flats = positions.map((position) => flatten(`argument ${position}`, args[position]));
    const inputs = differentiableOf(
      "the arguments of jacfwd()'s function",
      flats.flatMap(({ leaves }) => leaves),
    );
    if (inputs.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'jacfwd() needs an argument that holds a Tensor');
    let output: Spec = null;
    let shapes: number[][] = [];
    let auxSpec: Spec = null;
    const push = (...tangents: Tensor[]): unknown[] => {
      const pushed = pushForward('jacfwd()', checked, args, positions, tangents, { strict: false, hasAux });
      refuseComplex('what "func" of jacfwd() returns', pushed.values);
      output = pushed.spec;
      shapes = pushed.values.map((y) => y.shape);
      const aux = flatten('aux', pushed.aux);
      auxSpec = aux.spec;
      return [pushed.tangents, aux.leaves];
    };
    const numels = numelsOf(inputs);
    const tangents = basis(inputs, 0, sum(numels));
    const pushed = mapOver(push, tangents, { inDims: 0, randomness, outDimsOf: samplesFirst });
    const [columns, aux] = pushed as [Tensor[], unknown[]];
    const blocks = columns.map((column, j) =>
      split(column.movedim(0, -1), numels, -1).map((part, i) => part.reshape([...shapes[j]!, ...inputs[i]!.shape])),
    );
    const jacobian = nest(blocks, output, flats, chosen);
    // All runs had the same arguments, so that the first one's is everybody's.
    const first = aux.map((leaf) => (isTensor(leaf) ? leaf.select(0, 0) : leaf));
    return hasAux ? [jacobian, unflatten(auxSpec, first)] : jacobian;
  };
}

/**
 * The function that computes the Hessian of `func`, forward over reverse, `jacfwd(jacrev(func))`: `torch.func.hessian`.
 *
 * `argnums`: which argument to differentiate by, or an array of several; default 0.
 *
 * @param func a synchronous function that returns a Tensor, or arrays and objects of Tensors.
 * @returns a function of the same arguments. For one argument of shape `[n]` and a function that returns a number it is `[n, n]`.
 * @throws {TorchClipError} `ERR_AUTOGRAD` where an operation has no derivative in forward mode; `jacrev(jacrev(func))` does without.
 *
 * @example
 * torch.func.hessian((x: Tensor) => x.pow(3).sum())(torch.tensor([1, 2])); // [[6, 0], [0, 12]]
 * @see https://pytorch.org/docs/stable/generated/torch.func.hessian.html
 */
export function hessian<A extends unknown[], R, const N extends Argnums = 0>(
  func: (...args: A) => R,
  argnums?: N,
): (...args: A) => Jacobian<Jacobian<R, Chosen<A, N>>, Chosen<A, N>>;
export function hessian(func: AnyFunction, chosen: Argnums = 0): (...args: unknown[]) => unknown {
  check('argnums', chosen, argnums);
  const checked = functionOf('hessian()', func) as (...args: unknown[]) => unknown;
  return jacfwd(jacrev(checked, chosen), chosen);
}
