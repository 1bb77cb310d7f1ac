import { flag, type Kind, kind, nonNegative } from '../../check.js';
import { bfloat16, type Dtype, float16, float32, float64 } from '../../dtype.js';
import { aboveZero } from '../../epsilon.js';
import { describe } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { type Scheme, TensorLevelOptimizer } from '../base/tensor-level.js';
import { bounded } from '../engine/options.js';

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
    const square = gradient.square();
    let variance: Tensor;
    let next: Record<string, Tensor>;
    if (gradient.dim() > 1) {
      const row = slots.row_var!.lerp(square.mean(-1, { keepdim: true }), fresh);
      const column = slots.col_var!.lerp(square.mean(-2, { keepdim: true }), fresh);
      // Divided first: the product of two small variances may be too small for the dtype.
      variance = row.div(row.mean(-2, { keepdim: true }).clampMin(aboveZero(eps1, value.dtype))).matmul(column);
      next = { row_var: row, col_var: column };
    } else {
      variance = slots.variance!.lerp(square, fresh);
      next = { variance };
    }
    const update = variance
      .clampMin(aboveZero(eps1 * eps1, value.dtype))
      .rsqrt()
      .mul(gradient);
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
