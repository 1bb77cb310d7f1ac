import { check, elementsOf, oneOrMany, positive } from '../check.js';
import { full } from '../creation/full.js';
import { bfloat16, complex32, complex64, complex128, type Dtype, float16, float32, float64 } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { tensor } from '../kinds.js';
import { stack } from '../ops/generated/functions.js';
import { vectorNorm } from '../ops/generated/linalg.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

const readByNorm = optionsOf('clip.byNorm()', { dim: [oneOrMany, undefined] });

/**
 * Scales a tensor down to an L2 norm of at most `clipNorm`, as TensorFlow's `clip_by_norm`; the norm is taken in float64.
 *
 * @param options.dim the dimensions over which each norm is taken, so that every slice is clipped by itself; default all.
 * @returns a new tensor of the same shape and dtype; differentiable.
 *
 * @example
 * clip.byNorm(torch.tensor([3, 4]), 1).tolist(); // [0.6, 0.8]
 */
export function byNorm(t: Tensor, clipNorm: number, options: { dim?: number | readonly number[] } = {}): Tensor {
  const { dim } = readByNorm(options);
  check('t', t, tensor);
  check('clipNorm', clipNorm, positive);
  return scaled(t, vectorNorm(t, { dim: dim ?? null, keepdim: dim !== undefined, dtype: wide(t) }), clipNorm);
}

const readByGlobalNorm = optionsOf('clip.byGlobalNorm()', { useNorm: [tensor, undefined] });

/**
 * Scales a list of tensors by one number, so that their common L2 norm is at most `clipNorm`, as TensorFlow's
 * `clip_by_global_norm`. A norm that is not finite makes every element NaN.
 *
 * @param ts null stands for a missing gradient and comes back as null.
 * @param options.useNorm a norm that is known already, as a tensor of one element.
 * @returns the clipped tensors and the norm before clipping, float64 where it was computed here.
 *
 * @example
 * const [clipped, before] = clip.byGlobalNorm(model.parameters().map((p) => p.grad), 1);
 */
export function byGlobalNorm<T extends Tensor | null>(
  ts: readonly T[],
  clipNorm: number,
  options: { useNorm?: Tensor } = {},
): [T[], Tensor] {
  const { useNorm } = readByGlobalNorm(options);
  if (!Array.isArray(ts)) throw invalidArgument('ts', 'an array of Tensors', ts);
  const list = elementsOf<T>(ts);
  list.forEach((t, i) => {
    if (t !== null) check(`ts[${i}]`, t, tensor);
  });
  check('clipNorm', clipNorm, positive);
  const norm = useNorm ?? globalNorm(list.filter((t) => t !== null));
  // NaN where the norm is not finite, else 0.
  const spoiled = norm.sub(norm);
  return [list.map((t) => (t === null ? t : scaled(t, norm, clipNorm, spoiled)) as T), norm];
}

/**
 * Limits every element to [min, max], as TensorFlow's `clip_by_value` and `torch.clamp`.
 *
 * @param min a number, or a tensor that broadcasts with `t`.
 * @param max the same type as `min`.
 *
 * @example
 * clip.byValue(torch.tensor([-3, 0.5]), -1, 1); // [-1, 0.5]
 */
export function byValue(t: Tensor, min: number | Tensor, max: number | Tensor): Tensor {
  check('t', t, tensor);
  if (isTensor(min) && isTensor(max)) return t.clamp(min, max);
  if (typeof min === 'number' && typeof max === 'number') return t.clamp(min, max);
  throw invalidArgument('min and max', 'two numbers or two Tensors', [min, max]);
}

/**
 * Scales a tensor down to an average norm, the L2 norm divided by the number of elements, of at most `clipNorm`, as TensorFlow's
 * `clip_by_average_norm`.
 *
 * @example
 * clip.byAverageNorm(torch.tensor([3, 4]), 1); // [1.2, 1.6]
 */
export function byAverageNorm(t: Tensor, clipNorm: number): Tensor {
  check('t', t, tensor);
  check('clipNorm', clipNorm, positive);
  return scaled(t, vectorNorm(t, { dtype: wide(t) }).div(Math.max(t.numel(), 1)), clipNorm);
}

const wide = (t: Tensor): Dtype => (t.dtype.isComplex ? complex128 : float64);

function globalNorm(ts: readonly Tensor[]): Tensor {
  if (ts.length === 0) return full([], 0, { dtype: float64 });
  return vectorNorm(stack(ts.map((t) => vectorNorm(t, { dtype: wide(t) }))));
}

// 16-bit numbers are multiplied in float32: the coefficient of a long gradient would be 0 or have few bits in their own dtype.
const computeDtypes = new Map<Dtype, Dtype>([
  [float16, float32],
  [bfloat16, float32],
  [complex32, complex64],
]);

// 1 / max(norm / level, 1) is exactly 1 below the level.
function scaled(t: Tensor, norm: Tensor, level: number, spoiled?: Tensor): Tensor {
  const known = norm.to({ dtype: float64 });
  // An infinite level leaves an infinite norm alone.
  const size = level === Infinity ? known.clamp({ max: Number.MAX_VALUE }) : known;
  const scale = size.div(level).clamp({ min: 1 }).reciprocal();
  return times(t, spoiled === undefined ? scale : scale.add(spoiled)).to({ dtype: t.dtype });
}

// A factor below the least normal float32 would have few bits, so it comes as two; the second is mostly exactly 1.
function times(t: Tensor, factor: Tensor): Tensor {
  const dtype = computeDtypes.get(t.dtype) ?? t.dtype;
  if (dtype.itemsize >= wide(t).itemsize || t.dtype === float16) return t.mul(factor.to({ dtype }));
  const first = factor.clamp({ min: 2 ** -126 });
  return t.mul(first.to({ dtype })).mul(factor.div(first).to({ dtype }));
}
