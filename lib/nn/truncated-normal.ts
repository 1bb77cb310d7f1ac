import { noGrad } from '../autograd/index.js';
import { check, finite, finitePositive, number } from '../check.js';
import { float64 } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import type { Generator } from '../generator.js';
import { generator as generatorKind, tensor as tensorKind } from '../kinds.js';
import { emptyLike, scalarTensor, where } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import type { RandomOptions } from './random-options.js';

/** The normal distribution cut to [a, b]: the draws outside are drawn again, in PyTorch 2.13's order. */
export interface TruncatedNormalOptions extends RandomOptions {
  /** Default 0. */
  mean?: number;
  /** Standard deviation before the cut; default 1. */
  std?: number;
  /** Lowest value; default -2. */
  a?: number;
  /** Highest value; default 2. */
  b?: number;
}

const readTruncNormal = optionsOf('truncNormal_()', {
  mean: [finite, 0],
  std: [finitePositive, 1],
  a: [number, -2],
  b: [number, 2],
  generator: [generatorKind, undefined],
});

/**
 * Fills `tensor` from a normal distribution whose values outside [a, b] are drawn again.
 *
 * @example
 * nn.init.truncNormal_(layer.weight, { std: 0.02 });
 */
export function truncNormal_(tensor: Tensor, options: TruncatedNormalOptions = {}): Tensor {
  const { mean, std, a, b, generator } = readTruncNormal(options);
  check('tensor', tensor, tensorKind);
  if (!(a < b)) throw invalidArgument('a', `less than b (${b})`, a);
  return noGrad(() => {
    const kept = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
    return kept > 0.3 ? redraw(tensor, mean, std, a, b, generator) : reject(tensor, mean, std, a, b, generator);
  });
}

/** Most draws fall inside: draw from the normal distribution, and again where a draw fell outside. */
function redraw(tensor: Tensor, mean: number, std: number, a: number, b: number, generator?: Generator): Tensor {
  // The bounds as the tensor's dtype holds them, so that a value rounded onto one is inside.
  const low = tensor.newFull([], a).item();
  const high = tensor.newFull([], b).item();
  let value = tensor.normal_(mean, std, { generator });
  for (;;) {
    const outside = value.lt(low).logicalOr(value.gt(high));
    if (!outside.any().item<boolean>()) return value === tensor ? tensor : tensor.copy_(value);
    value = where(outside, emptyLike(value).normal_(mean, std, { generator }), value);
  }
}

/** Few would: draw uniformly from [a, b], and accept in proportion to the density. */
function reject(tensor: Tensor, mean: number, std: number, a: number, b: number, generator?: Generator): Tensor {
  const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
  const coin = emptyLike(tensor);
  const candidate = emptyLike(tensor);
  const rejected = (): Tensor => {
    candidate.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak);
    return coin.uniform_(0, 1, { generator }).log_().gt(candidate);
  };
  candidate.copy_(tensor.uniform_(a, b, { generator }));
  let value: Tensor = tensor;
  let pending = rejected();
  while (pending.any().item<boolean>()) {
    value = where(pending, candidate.uniform_(a, b, { generator }), value);
    pending = pending.logicalAnd(rejected());
  }
  return value === tensor ? tensor : tensor.copy_(value);
}

function normalCdf(x: number): number {
  return (
    (1 +
      scalarTensor(x / Math.SQRT2, { dtype: float64 })
        .erf()
        .item()) /
    2
  );
}
