import { flag, type Kind, kind, nonNegative } from '../../check.js';
import { bfloat16, type Dtype, float16, float32, float64 } from '../../dtype.js';
import { aboveZero } from '../../epsilon.js';
import { describe } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { type Scheme, TensorLevelOptimizer } from '../base/tensor-level.js';
import { bounded } from '../engine/definition.js';

/** Options of {@link Adafactor}, each of which a group can have for itself. */
export interface AdafactorGroup {
  /** The largest relative step, and the rate of weight decay; default 1e-2. */
  lr?: number;
  /** Step t forgets t^beta2Decay of the mean squares; <= 0, default -0.8. */
  beta2Decay?: number;
  /** The least root mean square to divide by, null for the parameter's dtype's epsilon, and the least scale of a parameter; default [null, 1e-3]. */
  eps?: readonly [number | null, number];
  /** The largest root mean square of an update, before the learning rate; >= 1, default 1. */
  d?: number;
  /** Decoupled: parameters shrink by lr · weightDecay; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const epsilons = new Map<Dtype, number>([
  [float64, 2 ** -52],
  [float32, 2 ** -23],
  [float16, 2 ** -10],
  [bfloat16, 2 ** -7],
]);

// The largest number of fp32: a mean of squares that outgrows it stays there, and the update's own clipping limits what follows.
const largest = (2 - 2 ** -23) * 2 ** 127;

// In fp64, where the sum neither overflows nor loses its small terms.
const rms = (t: Tensor) => t.norm(2, { dtype: float64 }).div(Math.sqrt(t.numel()));

const epsilonsKind: Kind = {
  ...kind(
    'an array of a number >= 0 or null and a number >= 0',
    (value) =>
      Array.isArray(value) &&
      value.length === 2 &&
      (value[0] === null || nonNegative.accepts(value[0])) &&
      nonNegative.accepts(value[1]),
  ),
  sentence(name, value) {
    const expected = `("${name}" must be an array of a number >= 0 or null and a number >= 0)`;
    if (!Array.isArray(value) || value.length !== 2) return `Invalid epsilons: ${describe(value)} ${expected}`;
    const bad = value[0] === null || nonNegative.accepts(value[0]) ? 1 : 0;
    return `epsilon${bad + 1} should be >= 0 but is: ${describe(value[bad])} ${expected}`;
  },
};

const scheme: Scheme<AdafactorGroup> = {
  name: 'Adafactor',
  storesStep: true,
  options: {
    lr: bounded('Learning rate', '>= 0', nonNegative.accepts, 1e-2),
    beta2Decay: bounded('beta2_decay', '<= 0', (x) => x <= 0, -0.8),
    eps: [epsilonsKind, [null, 1e-3]],
    d: bounded('Clipping threshold d', '>= 1', (x) => x >= 1, 1),
    weightDecay: bounded('weight_decay', '>= 0', nonNegative.accepts, 0),
    maximize: [flag, false],
  },
  shapes: ({ shape }): Record<string, readonly number[]> =>
    shape.length > 1
      ? { row_var: [...shape.slice(0, -1), 1], col_var: [...shape.slice(0, -2), 1, shape.at(-1)!] }
      : { variance: shape },
  step({ value, gradient, slots, step, dtype }, { lr, beta2Decay, eps, d, weightDecay }) {
    if (value.numel() === 0) return { value, slots };
    const eps1 = eps[0] ?? epsilons.get(dtype)!;
    const fresh = step ** beta2Decay;
    const { dtype: own } = value;
    // In fp64, which holds the squares of all that fp32 holds; of the means, fp32 then holds the roots.
    const wide = gradient.to({ dtype: float64 });
    const meanSquare = (dim: number) => wide.norm(2, [dim], true).square().div(wide.shape.at(dim)!);
    const moved = (mean: Tensor, square: Tensor) => mean.to({ dtype: float64 }).lerp(square, fresh);
    const root = (variance: Tensor) => variance.sqrt().to({ dtype: own });
    const stored = (mean: Tensor) => mean.clampMax(own === float64 ? Number.MAX_VALUE : largest).to({ dtype: own });
    let deviation: Tensor;
    let next: Record<string, Tensor>;
    if (gradient.dim() > 1) {
      const row = moved(slots.row_var!, meanSquare(-1));
      const column = moved(slots.col_var!, meanSquare(-2));
      const share = row.div(row.mean(-2, { keepdim: true }).clampMin(aboveZero(eps1, float64)));
      deviation = root(share).mul(root(column));
      next = { row_var: stored(row), col_var: stored(column) };
    } else {
      const variance = moved(slots.variance!, wide.square());
      deviation = root(variance);
      next = { variance: stored(variance) };
    }
    const update = gradient.div(deviation.clampMin(aboveZero(eps1, own)));
    const scale = rms(value)
      .clampMin(eps[1])
      .mul(Math.min(lr, 1 / Math.sqrt(step)));
    const rate = scale.div(rms(update).div(d).clampMin(1));
    const kept = weightDecay === 0 ? value : value.sub(value.mul(lr * weightDecay));
    return { value: kept.sub(update.mul(rate.to({ dtype: value.dtype }))), slots: next };
  },
};

/**
 * Adafactor, as `torch.optim.Adafactor`: mean squares of matrices as the product of those of rows and columns, steps relative to the
 * parameter's size, and updates clipped by their root mean square. Tensor operations behind the engine's clipping.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option and for complex parameters.
 * @see Shazeer & Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
 *
 * @example
 * const optimizer = new optim.Adafactor(model.parameters(), { lr: 1e-2, clip: clip.norm(1) });
 */
export class Adafactor extends TensorLevelOptimizer<AdafactorGroup> {
  constructor(params: Parameters<AdafactorGroup>, options: AdafactorGroup & CommonOptions = {}) {
    super(scheme, params, options);
  }
}
