import { finitePositive, flag, nonNegative } from '../../check.js';
import { norm } from '../../clip/norm.js';
import { readAll } from '../../options.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link ClippedAdagrad}, each of which a group can have for itself. */
export interface ClippedAdagradGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Added to the denominator; default 1e-10. */
  eps?: number;
  /** Decoupled: parameters shrink by lr · weightDecay; default 0. */
  weightDecay?: number;
  /** What the sum of squares starts with, > 0, as the first step divides by its root; default 1e-4. */
  initialAccumulatorValue?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

/** Options of {@link ClippedAdam}, each of which a group can have for itself. */
export interface ClippedAdamGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-6. */
  eps?: number;
  /** Decoupled: parameters shrink by lr · weightDecay; default 0. */
  weightDecay?: number;
  /** What the mean square starts with, > 0, as the first step divides by its root; default 1e-5. */
  initialAccumulatorValue?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const adagrad: Definition<ClippedAdagradGroup> = {
  name: 'ClippedAdagrad',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    eps: option('epsilon value', nonNegative, 1e-10),
    weightDecay: option('weight_decay value', nonNegative, 0),
    initialAccumulatorValue: option('initial_accumulator_value value', finitePositive, 1e-4),
    maximize: [flag, false],
  },
  rule: () => 'delayedAdagrad',
};

const adam: Definition<ClippedAdamGroup> = {
  name: 'ClippedAdam',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-6),
    weightDecay: option('weight_decay value', nonNegative, 0),
    initialAccumulatorValue: option('initial_accumulator_value value', finitePositive, 1e-5),
    maximize: [flag, false],
  },
  rule: () => 'delayedAdam',
};

// These methods are defined with clipping, so they clip by default.
function clipped<T extends CommonOptions>(name: string, options: T): T {
  const { clip = norm(1), ...rest } = readAll(name, options) as T;
  return { ...rest, clip } as T;
}

/**
 * Clip-AdaGradD: AdaGrad of clipped gradients whose denominator knows only the gradients before the current one, by coordinate. `clip`
 * is `clip.norm(1)` unless given.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Chezhegov et al., "Gradient clipping improves AdaGrad when the noise is heavy-tailed", 2024.
 *
 * @example
 * const optimizer = new optim.ClippedAdagrad(model.parameters(), { lr: 1e-3, clip: clip.layerwise(1) });
 */
export class ClippedAdagrad extends Optimizer<ClippedAdagradGroup> {
  constructor(params: Parameters<ClippedAdagradGroup>, options: ClippedAdagradGroup & CommonOptions = {}) {
    super(adagrad, params, clipped(adagrad.name, options));
  }
}

/**
 * Clip-AdamD: Adam of clipped gradients whose denominator knows only the gradients before the current one, by coordinate and without
 * correction of the bias. `clip` is `clip.norm(1)` unless given.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Chezhegov et al., "Gradient clipping improves AdaGrad when the noise is heavy-tailed", 2024.
 *
 * @example
 * const optimizer = new optim.ClippedAdam(model.parameters(), { lr: 1e-4, clip: clip.layerwise(1) });
 */
export class ClippedAdam extends Optimizer<ClippedAdamGroup> {
  constructor(params: Parameters<ClippedAdamGroup>, options: ClippedAdamGroup & CommonOptions = {}) {
    super(adam, params, clipped(adam.name, options));
  }
}
