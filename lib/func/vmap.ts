// `torch.func.vmap`: a function of one sample, for all samples at once.
import { randomnesses } from '../autograd/vmap-rule.js';
import { native } from '../binding/index.js';
import { anything, check, integer, oneOf, orNull } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { cat } from '../ops/generated/functions.js';
import { leading, optionsOf } from '../options.js';
import { getRngState, setRngState } from '../random.js';
import { isTensor, type Tensor, wrap } from '../tensor.js';
import { type AnyFunction, callFunction, functionOf } from './layers.js';
import { broadcast, describeSpec, type Flat, flatten, type Spec, unflatten } from './tree.js';
import type { Like } from './types.js';

/**
 * For each tensor the dimension of its samples, or null for one that all samples share; one number for all, or numbers nested as the
 * tensors are, down to any depth.
 */
export type Dims = number | null | readonly Dims[] | { readonly [name: string]: Dims };

/** What random operations do inside of {@link vmap}. */
export type Randomness = (typeof randomnesses)[number];

/** Options of {@link vmap}. */
export interface VmapOptions {
  /** The dimension to map over, or one per argument, nested as the arguments are; null for what all samples share. Default 0. */
  inDims?: Dims;
  /** Where that dimension is in the results; null for a result that is not a batch. Default 0. */
  outDims?: Dims;
  /** Random operations are refused, give all samples the same numbers, or each its own; default `'error'`. */
  randomness?: Randomness;
  /** How many samples at a time, to save memory; default all. */
  chunkSize?: number | null;
}

export const randomnessKind = oneOf(...randomnesses);
const readVmap = optionsOf('vmap()', {
  inDims: [anything, 0],
  outDims: [anything, 0],
  randomness: [randomnessKind, 'error'],
  chunkSize: [orNull(integer(1)), null],
});

interface Settings {
  inDims: unknown;
  randomness: Randomness;
  /** Where the samples of each result go; null for one that is not a batch. */
  outDimsOf(this: void, result: Flat): (number | null)[];
}

/** The arguments of a call, and which dimension of each tensor is mapped over. */
interface Batch extends Flat {
  dims: (number | null)[];
  size: number;
}

const dimKind = orNull(integer());

function batchOf(args: readonly unknown[], inDims: unknown): Batch {
  if (args.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'vmap() needs a function with at least one argument');
  const { leaves, spec } = flatten('arguments', args);
  const given = broadcast('inDims', inDims, spec);
  if (given === undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"inDims" of vmap() must be nested as the arguments are, ${describeSpec(spec)}, got ${describeSpec(flatten('inDims', inDims).spec)}`,
    );
  }
  let size: number | undefined;
  const dims = given.map((value, i) => {
    const dim = check('inDims', value, dimKind);
    if (dim === null) return null;
    const leaf = leaves[i];
    if (!isTensor(leaf)) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `vmap() maps over Tensors only, got ${describe(leaf)}; "inDims" must be null for it`,
      );
    }
    const { shape } = leaf;
    const found = shape.at(dim);
    if (found === undefined || dim < -shape.length) {
      throw new TorchClipError(
        'ERR_INDEX',
        `"inDims" of vmap() is ${dim} for a Tensor with ${shape.length} dimensions`,
      );
    }
    size ??= found;
    if (size !== found) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `all arguments that vmap() maps must have the same size along their mapped dimension, got ${size} and ${found}`,
      );
    }
    return dim < 0 ? dim + shape.length : dim;
  });
  if (size === undefined) throw new TorchClipError('ERR_ARGUMENT', 'vmap() needs at least one Tensor to map over');
  return { leaves, spec, dims, size };
}

/** Where the samples of each result go. */
function outDimsOf(outDims: unknown, { leaves, spec }: Flat): (number | null)[] {
  // A result alone may be described by an array of one.
  const lone = spec === null && Array.isArray(outDims) && outDims.length === 1;
  const given = broadcast('outDims', lone ? (outDims as unknown[])[0] : outDims, spec);
  if (given === undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"outDims" of vmap() must be nested as the results are, ${describeSpec(spec)}, got ${describeSpec(flatten('outDims', outDims).spec)}`,
    );
  }
  return given.map((value, i) => {
    const dim = check('outDims', value, dimKind);
    const leaf = leaves[i];
    if (dim === null) return null;
    if (!isTensor(leaf)) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"func" of vmap() must return Tensors only, got ${describe(leaf)}; "outDims" must be null for anything else`,
      );
    }
    const dims = leaf.ndim + 1;
    if (dim < -dims || dim >= dims) {
      throw new TorchClipError('ERR_INDEX', `"outDims" of vmap() is ${dim} for a result with ${dims} dimensions`);
    }
    return dim;
  });
}

interface Result extends Flat {
  dims: (number | null)[];
}

function run(func: AnyFunction, { leaves, spec, dims, size }: Batch, { outDimsOf, randomness }: Settings): Result {
  const body = (level: number): Result => {
    const inside = leaves.map((leaf, i) => {
      const dim = dims[i]!;
      return dim === null ? leaf : wrap(native.addBatchDim((leaf as Tensor).handle, dim, level));
    });
    const flat = flatten('result', callFunction('vmap()', func, unflatten(spec, inside) as unknown[]));
    const outDims = outDimsOf(flat);
    const results = flat.leaves.map((leaf, i) => {
      const dim = outDims[i]!;
      if (dim !== null) return wrap(native.removeBatchDim((leaf as Tensor).handle, dim, level, size));
      if (!isTensor(leaf) || native.batchDim(leaf.handle, level) === null) return leaf;
      throw new TorchClipError(
        'ERR_ARGUMENT',
        '"outDims" of vmap() cannot be null for a result that differs between samples',
      );
    });
    return { leaves: results, spec: flat.spec, dims: outDims };
  };
  return native.vmapLayer(size, randomnesses.indexOf(randomness), body) as Result;
}

function runInChunks(func: AnyFunction, batch: Batch, settings: Settings, chunkSize: number): Result {
  const { leaves, dims, size } = batch;
  const random = settings.randomness === 'same' ? getRngState() : undefined;
  const results: Result[] = [];
  for (let start = 0; start < size; start += chunkSize) {
    const count = Math.min(chunkSize, size - start);
    const part = leaves.map((leaf, i) => {
      const dim = dims[i]!;
      return dim === null ? leaf : (leaf as Tensor).narrow(dim, start, count);
    });
    if (random !== undefined) setRngState(random);
    results.push(run(func, { ...batch, leaves: part, size: count }, settings));
  }
  const [first] = results;
  const joined = first!.leaves.map((leaf, i) => {
    const dim = first!.dims[i]!;
    return dim === null
      ? leaf
      : cat(
          results.map((result) => result.leaves[i] as Tensor),
          dim,
        );
  });
  return { ...first!, leaves: joined };
}

/** @internal Calls a function for all samples. */
export function mapOver(
  func: AnyFunction,
  args: readonly unknown[],
  settings: Settings,
  chunkSize: number | null = null,
): unknown {
  const batch = batchOf(args, settings.inDims);
  const whole = chunkSize === null || chunkSize >= batch.size;
  const { leaves, spec } = whole ? run(func, batch, settings) : runInChunks(func, batch, settings, chunkSize);
  return unflatten(spec as Spec, leaves);
}

/**
 * The function that does for a whole batch what `func` does for one sample: `torch.func.vmap`. `func` runs once, on tensors that hide
 * the dimension of the samples, and each of its operations works on all of them.
 *
 * `func` may use `if` and loops over shapes and numbers, but not over values of tensors: `item()` is refused, and `torch.where` chooses.
 * The tensors that it sees belong to the transform; one that is kept, and not returned, throws `ERR_STATE` when it is used later.
 *
 * @param func a synchronous function of tensors, or of arrays and objects of tensors, that returns the like.
 * @param inDims the dimension that is mapped over, as in `vmap(f, [0, null])`; the options have it, too. Default 0.
 * @returns a function of the same arguments, with samples along `inDims`, whose results have them along `outDims`.
 * @throws {TorchClipError} `ERR_SHAPE` where arguments have different numbers of samples, `ERR_STATE` for a random operation unless
 * `randomness` says what it does, `ERR_ASYNC_SCOPE` for an async function.
 *
 * @example
 * const dots = torch.vmap((a: Tensor, b: Tensor) => a.dot(b));
 * dots(torch.randn([8, 3]), torch.randn([8, 3])).shape; // [8]
 * @see https://pytorch.org/docs/stable/generated/torch.func.vmap.html
 */
export function vmap<A extends unknown[], R>(
  func: (...args: A) => R,
  inDims?: Dims | VmapOptions,
  options?: Omit<VmapOptions, 'inDims'>,
): (...args: A) => Like<R>;
export function vmap(func: AnyFunction, first?: unknown, rest?: unknown): (...args: unknown[]) => unknown {
  const { chunkSize, inDims, outDims, randomness } = readVmap(leading('inDims', first, rest));
  const checked = functionOf('vmap()', func);
  const settings = { inDims, randomness, outDimsOf: (result: Flat) => outDimsOf(outDims, result) };
  return (...args) => mapOver(checked, args, settings, chunkSize);
}
