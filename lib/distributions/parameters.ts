// Parameters of distributions: what they may be, and the arithmetic that many share.
import { arrayOf, check, elementsOf, flag, integer, type Kind, kind } from '../check.js';
import { full } from '../creation/full.js';
import { tensor } from '../creation/tensor.js';
import type { Dtype } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import * as ops from '../ops/generated/functions.js';
import { broadcastTensors } from '../ops/variadic.js';
import { isPlainObject } from '../options.js';
import { getDefaultDtype } from '../runtime.js';
import { sameShape, shapeText } from '../shape.js';
import { isTensor, type Tensor } from '../tensor.js';

/** A parameter of a distribution: numbers become tensors of the dtype and device of the tensors beside them, or of the default dtype. */
export type Parameter = number | Tensor;

export const parameter: Kind<Parameter> = kind(
  'a number or a Tensor',
  (value) => typeof value === 'number' || isTensor(value),
);
export const optional = [parameter, undefined] as const;
export const optionalTensor = [tensorKind, undefined] as const;

/** The options that every distribution takes. */
export const common = { validateArgs: [flag, undefined] } as const;

const shapeKind = arrayOf(integer(0));

/** The sizes of a shape argument, copied. */
export const shapeOf = (name: string, value: unknown): number[] =>
  elementsOf(check(name, value, shapeKind) as readonly number[]);

/**
 * The arguments of a constructor as one options object: values by position under their `names`, then the options themselves.
 * An options object may stand earlier, and name what is left out before it.
 */
export function named(names: readonly string[], args: readonly unknown[]): unknown {
  const at = args.findIndex((value, i) => i >= names.length || isPlainObject(value));
  const options = at < 0 ? undefined : args[at];
  if (options !== undefined && !isPlainObject(options)) return options;
  const all: Record<string, unknown> = { ...options };
  for (const [i, value] of args.slice(0, at < 0 ? args.length : at).entries()) {
    if (value === undefined) continue;
    const name = names[i]!;
    if (Object.hasOwn(all, name)) throw new TorchClipError('ERR_ARGUMENT', `"${name}" is given twice`);
    all[name] = value;
  }
  const rest = at < 0 ? [] : args.slice(at + 1);
  if (rest.some((value) => value !== undefined)) {
    throw new TorchClipError('ERR_ARGUMENT', 'the options object must be the last argument');
  }
  return all;
}

/** How many elements a shape has. */
export const elementsIn = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

/** The shape that several broadcast to; undefined where they do not. */
export function commonShape(...shapes: readonly (readonly number[])[]): number[] | undefined {
  const result = new Array<number>(Math.max(0, ...shapes.map((shape) => shape.length))).fill(1);
  for (const shape of shapes) {
    for (const [i, size] of shape.entries()) {
      const at = result.length - shape.length + i;
      if (size === 1 || size === result[at]) continue;
      if (result[at] !== 1) return undefined;
      result[at] = size;
    }
  }
  return result;
}

/** {@link commonShape} of what must broadcast. */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  const result = commonShape(...shapes);
  if (result !== undefined) return result;
  const list = shapes.map(shapeText).join(' and ');
  throw new TorchClipError('ERR_SHAPE', `shapes must broadcast with each other, got ${list}`);
}

/** Whether a tensor of one shape expands to another. */
export const expandsTo = (shape: readonly number[], to: readonly number[]): boolean =>
  sameShape(commonShape(shape, to) ?? [-1], to);

/** The parameters as tensors of one shape. */
export function broadcastAll(...values: readonly Parameter[]): Tensor[] {
  const like = values.find(isTensor);
  const options = like === undefined ? { dtype: getDefaultDtype() } : { dtype: like.dtype, device: like.device };
  const tensors = values.map((value) => (isTensor(value) ? value : tensor(value, options)));
  broadcastShapes(...tensors.map((t) => t.shape));
  return broadcastTensors(tensors);
}

/** A parameter that must be a tensor with dimensions of its own. */
export function withDims(name: string, value: Tensor, least: number): Tensor {
  if (value.ndim >= least) return value;
  const dimensions = least === 1 ? '1 dimension' : `${least} dimensions`;
  throw invalidArgument(name, `a Tensor of at least ${dimensions}`, value.shape, 'ERR_SHAPE');
}

interface Limits {
  /** The distance from 1 to the next number. */
  readonly eps: number;
  /** The least normal number. */
  readonly tiny: number;
  /** The largest finite number. */
  readonly max: number;
}

const limits: Readonly<Record<string, Limits>> = {
  float64: { eps: 2 ** -52, tiny: 2 ** -1022, max: Number.MAX_VALUE },
  float32: { eps: 2 ** -23, tiny: 2 ** -126, max: (2 - 2 ** -23) * 2 ** 127 },
  bfloat16: { eps: 2 ** -7, tiny: 2 ** -126, max: (2 - 2 ** -7) * 2 ** 127 },
  float16: { eps: 2 ** -10, tiny: 2 ** -14, max: 65504 },
};

/** The limits of a floating-point dtype. */
export function limitsOf({ dtype }: { readonly dtype: Dtype }): Limits {
  const found = limits[dtype.name];
  if (found === undefined) throw invalidArgument('dtype', 'a floating-point dtype', dtype, 'ERR_DTYPE');
  return found;
}

export const eulerConstant = 0.5772156649015329;

/** `c - x`. */
export const from = (c: number, x: Tensor): Tensor => ops.rsub(x, c);

/** Sums over the last `dims` dimensions. */
export function sumRightmost(value: Tensor, dims: number): Tensor {
  if (dims === 0) return value;
  return value.flatten(-dims).sum(-1);
}

/** The argument of a function that checks nothing else. */
export const tensorArgument = (value: Tensor): Tensor => check('value', value, tensorKind);

/** Probabilities of logits: of one event, or of categories along the last dimension. */
export const logitsToProbs = (logits: Tensor, binary = false): Tensor =>
  binary ? logits.sigmoid() : logits.softmax(-1);

/** Away from 0 and 1 by the precision of the dtype. */
export function clampProbs(probs: Tensor): Tensor {
  const { eps } = limitsOf(probs);
  return probs.clamp(eps, 1 - eps);
}

/** Logits of probabilities: of one event, or of categories along the last dimension. */
export function probsToLogits(probs: Tensor, binary = false): Tensor {
  const clamped = clampProbs(probs);
  return binary ? clamped.log().sub(clamped.neg().log1p()) : clamped.log();
}

/** `-binaryCrossEntropyWithLogits` is the log-probability of a coin. */
export const coinCrossEntropy = (logits: Tensor, target: Tensor): Tensor =>
  ops.binaryCrossEntropyWithLogits(logits, target, { reduction: 0 });

/** A tensor of another shape, of the dtype and on the device of `like`, for a sampler to fill. */
export const blank = (like: Tensor, shape: readonly number[]): Tensor =>
  ops.empty(shape, { dtype: like.dtype, device: like.device });

export const standardNormal = (like: Tensor, shape: readonly number[]): Tensor => blank(like, shape).normal_();

export const standardUniform = (like: Tensor, shape: readonly number[]): Tensor =>
  ops.rand(shape, { dtype: like.dtype, device: like.device });

export const filled = (like: Tensor, shape: readonly number[], value: number): Tensor =>
  full(shape, value, { dtype: like.dtype, device: like.device });

const trilMask = (like: Tensor, n: number, diag: number): Tensor => {
  const positions = ops.arange(n, { device: like.device });
  return positions.lt(positions.view([-1, 1]).add(diag + 1));
};

/** The elements of a lower triangle, row by row. */
export const trilMatrixToVec = (mat: Tensor, diag = 0): Tensor =>
  mat.index(['...', trilMask(mat, mat.shape.at(-1)!, diag)]);

/** The inverse of {@link trilMatrixToVec}, with zeros above. */
export function vecToTrilMatrix(vec: Tensor, diag = 0): Tensor {
  const length = vec.shape.at(-1)!;
  const n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * length + 4 * Math.abs(diag) * (diag + 1)) ** 0.5) / 2;
  if (Math.abs(Math.round(n) - n) > 1e-9) {
    throw invalidArgument('x', 'a Tensor whose last dimension is a lower triangle', vec.shape, 'ERR_SHAPE');
  }
  const size = Math.round(n);
  const mat = vec.newZeros([...vec.shape.slice(0, -1), size, size]);
  return mat.indexPut_(['...', trilMask(vec, size, diag)], vec);
}

/** A batch of matrices times a batch of vectors. */
export const batchMv = (mat: Tensor, vec: Tensor): Tensor => mat.matmul(vec.unsqueeze(-1)).squeeze(-1);

/** The logarithm of the product of a triangle's diagonal. */
export const logDiagonal = (tril: Tensor): Tensor => diagonalOf(tril).log().sum(-1);

export const diagonalOf = (mat: Tensor): Tensor => mat.diagonal({ dim1: -2, dim2: -1 });
