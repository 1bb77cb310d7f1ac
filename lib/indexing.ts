import { native } from './binding/index.js';
import { flag } from './check.js';
import { full } from './creation/full.js';
import { flatten, shapeOf, tensor } from './creation/tensor.js';
import { bool } from './dtype.js';
import { invalidArgument, TorchClipError } from './errors.js';
import { nativeOp } from './ops/overload.js';
import type { Scalar } from './ops/types.js';
import { optionsOf } from './options.js';
import { type Handle, isTensor, Tensor, wrap } from './tensor.js';

/** A range of a dimension, as `start:stop:step` in Python: either end may be absent or count from the end. */
export interface Slice {
  start?: number | null;
  stop?: number | null;
  /** At least 1. Default: 1. */
  step?: number | null;
}

type NestedIndex = readonly (number | boolean | NestedIndex)[];

/**
 * One index between the brackets of Python's `t[...]`: a number picks one entry, `{ start, stop, step }` a range, `null` adds
 * a dimension, `'...'` stands for all dimensions that are not named, and a tensor (or array) of integers picks entries, one
 * of booleans those where it is true.
 */
export type Index = number | boolean | null | '...' | Slice | Tensor | NestedIndex;

/** How {@link Tensor.indexPut_} writes. */
export interface IndexPutOptions {
  /** Add to what is there, once for each time that an index occurs. Default: false. */
  accumulate?: boolean;
}

declare module './tensor.js' {
  interface Tensor {
    /**
     * `t[i, j, ...]` of Python: a view where only numbers, slices, `null` and `'...'` are given, else a copy.
     *
     * @throws {TorchClipError} `ERR_INDEX` for an index outside its dimension and for more indices than dimensions.
     * @example
     * t.at(0);              // t[0]
     * t.at(-1, '...', 2);   // t[-1, ..., 2]
     */
    at(...indices: Index[]): Tensor;
    /**
     * `t[i, j, ...]` of Python, with the indices in an array.
     *
     * @example
     * t.index([{ start: 1 }, torch.tensor([0n, 2n])]);   // t[1:, torch.tensor([0, 2])]
     * t.index([t.gt(0)]);                                // t[t > 0]
     */
    index(indices: readonly Index[]): Tensor;
    /**
     * `t[i, j, ...] = value` of Python.
     *
     * @param value a number, or a tensor that can be broadcast to what is written.
     * @example
     * t.indexPut_([{ stop: 2 }, '...'], 0);
     * counts.indexPut_([bins], 1, { accumulate: true });
     */
    indexPut_(indices: readonly Index[], value: Tensor | Scalar, options?: IndexPutOptions): this;
    /** {@link Tensor.indexPut_} on a copy. */
    indexPut(indices: readonly Index[], value: Tensor | Scalar, options?: IndexPutOptions): Tensor;
  }
}

function refused(dim: number, size: number, index: number): TorchClipError {
  const range = size === 0 ? 'absent: the dimension is empty' : `from ${-size} to ${size - 1}`;
  return new TorchClipError('ERR_INDEX', `an index of dimension ${dim} must be ${range}, got ${index}`);
}

function isSlice(index: unknown): index is Slice {
  if (typeof index !== 'object' || index === null || isTensor(index) || Array.isArray(index)) return false;
  const keys = Object.keys(index);
  return keys.every((key) => key === 'start' || key === 'stop' || key === 'step');
}

function checkSlice({ start, stop, step }: Slice): void {
  for (const [name, value] of Object.entries({ start, stop, step })) {
    if (value != null && !Number.isSafeInteger(value)) {
      throw invalidArgument(`${name} of a slice`, 'an integer or null', value, 'ERR_INDEX');
    }
  }
  if (step != null && step < 1) throw invalidArgument('step of a slice', 'an integer >= 1', step, 'ERR_INDEX');
}

/** An array index as a tensor: booleans as a mask, numbers as int64. */
function fromArray(index: NestedIndex): Tensor {
  const shape = shapeOf(index);
  const { leaves } = flatten(index, shape);
  if (leaves.some((leaf) => typeof leaf === 'boolean')) return tensor(index as never, { dtype: bool });
  const wrong = leaves.find((leaf) => !Number.isSafeInteger(leaf));
  if (wrong !== undefined) throw invalidArgument('an index', 'integers or booleans in arrays', wrong, 'ERR_INDEX');
  return tensor(BigInt64Array.from(leaves as number[], BigInt), { shape });
}

const isMask = (t: Tensor) => t.dtype.name === 'bool' || t.dtype.name === 'uint8';

/** How many of the tensor's dimensions an index uses up. */
function uses(index: unknown): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  if (isTensor(index) && isMask(index)) return index.ndim;
  return 1;
}

const known =
  'a number, a slice such as { start: 1 }, null, "...", a boolean, or a tensor or array of integers or booleans';

/** Twice the dimensions that a tensor can have; a longer array may be one of holes without end. */
const maxIndices = 128;

function normalize(indices: readonly Index[]): Exclude<Index, NestedIndex>[] {
  if (!Array.isArray(indices)) throw invalidArgument('indices', 'an array of indices', indices);
  if (indices.length > maxIndices)
    throw invalidArgument('indices', `at most ${maxIndices} indices`, indices, 'ERR_INDEX');
  // Not map(), which would leave out holes.
  return Array.from(indices, (index: Index) => {
    if (Array.isArray(index)) return fromArray(index);
    const plain = index === null || index === '...' || typeof index === 'boolean' || isTensor(index);
    if (plain || Number.isSafeInteger(index)) return index as number;
    if (!isSlice(index)) throw invalidArgument('an index', known, index, 'ERR_INDEX');
    checkSlice(index);
    return index;
  });
}

interface Indexed {
  /** The tensor after all indices that make views. */
  view: Tensor;
  /** The index tensors by dimension of the view, masks for all of theirs, null for a whole dimension. */
  gathers: (Tensor | null)[];
}

/** Takes the steps that make views, and collects the tensors that pick elements. */
function resolve(t: Tensor, given: readonly Index[]): Indexed {
  if (!isTensor(t)) throw invalidArgument('this', 'a Tensor', t);
  const indices = normalize(given);
  const used = indices.reduce((sum: number, index) => sum + uses(index), 0);
  if (used > t.ndim) {
    throw new TorchClipError('ERR_INDEX', `there must be at most ${t.ndim} indices, one per dimension, got ${used}`);
  }
  if (indices.filter((index) => index === '...').length > 1) {
    throw new TorchClipError('ERR_INDEX', 'there must be at most one "..." among the indices');
  }
  let view = t;
  let dim = 0;
  const gathers: (Tensor | null)[] = [];
  const whole = (count: number) => {
    for (let i = 0; i < count; i++) gathers.push(null);
    dim += count;
  };
  for (const index of indices) {
    if (index === '...') {
      whole(t.ndim - used);
    } else if (index === null) {
      view = view.unsqueeze(dim);
      whole(1);
    } else if (typeof index === 'boolean') {
      // One entry of a new dimension, or none.
      view = view.unsqueeze(dim);
      gathers.push(tensor(new BigInt64Array(index ? 1 : 0)));
      dim++;
    } else if (typeof index === 'number') {
      view = pick(view, dim, index);
    } else if (!isTensor(index)) {
      view = view.slice(dim, index.start ?? null, index.stop ?? null, index.step ?? 1);
      whole(1);
    } else if (index.ndim === 0 && isMask(index)) {
      view = view.unsqueeze(dim);
      gathers.push(tensor(new BigInt64Array(index.item<number | boolean>() ? 1 : 0)));
      dim++;
    } else if (index.ndim === 0 && !index.dtype.isFloatingPoint && !index.dtype.isComplex && !isMapped()) {
      view = pick(view, dim, index.item());
    } else {
      gathers.push(index);
      dim += isMask(index) ? index.ndim : 1;
    }
  }
  return { view, gathers };
}

/** Whether a number may be another one for each sample of a `vmap()`, which then picks as a tensor does. */
const isMapped = () => native.layers().includes('vmap');

function pick(view: Tensor, dim: number, index: number): Tensor {
  const size = view.shape[dim]!;
  if (index < -size || index >= size) throw refused(dim, size, index);
  return view.select(dim, index);
}

const moved = (gathers: (Tensor | null)[], { device }: Tensor) =>
  gathers.map((g) => (g === null || String(g.device) === String(device) ? g : g.to({ device })));
const handles = (gathers: (Tensor | null)[]) => gathers.map((g) => (g === null ? null : g.handle));

function index(this: Tensor, indices: readonly Index[]): Tensor {
  const { view, gathers } = resolve(this, indices);
  if (gathers.some((g) => g !== null)) {
    return wrap(nativeOp('index', 'Tensor')(view.handle, handles(moved(gathers, view))) as Handle);
  }
  return view === this ? wrap(nativeOp('alias')(view.handle) as Handle) : view;
}

/** A number as a tensor of the target's dtype. */
function valueFor(target: Tensor, value: Tensor | Scalar): Tensor {
  if (isTensor(value)) return value;
  if (!['number', 'bigint', 'boolean'].includes(typeof value) && !(typeof value === 'object' && value !== null)) {
    throw invalidArgument('value', 'a Tensor or a number', value);
  }
  return full([], value, { dtype: target.dtype, device: target.device });
}

const readIndexPut = optionsOf('indexPut()', { accumulate: [flag, false] });

function indexPut_(
  this: Tensor,
  indices: readonly Index[],
  value: Tensor | Scalar,
  options: IndexPutOptions = {},
): Tensor {
  const { accumulate } = readIndexPut(options);
  const { view, gathers } = resolve(this, indices);
  let source = valueFor(this, value);
  if (gathers.some((g) => g !== null)) {
    nativeOp('index_put_')(view.handle, handles(moved(gathers, view)), source.handle, accumulate);
    return this;
  }
  while (source.ndim > view.ndim && source.shape[0] === 1) source = source.select(0, 0);
  if (accumulate) view.add_(source);
  else view.copy_(source);
  return this;
}

const methods = {
  at(this: Tensor, ...indices: Index[]) {
    return index.call(this, indices);
  },
  index,
  indexPut_,
  indexPut(this: Tensor, indices: readonly Index[], value: Tensor | Scalar, options?: IndexPutOptions) {
    if (!isTensor(this)) throw invalidArgument('this', 'a Tensor', this);
    return indexPut_.call(this.clone(), indices, value, options);
  },
};
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
