import { decayRate, flag, nonNegative, oneOf } from '../../check.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link NormalizedSGD}, each of which a group can have for itself. */
export interface NormalizedSGDGroup {
  /** The length of a step; default 1e-3. */
  lr?: number;
  /** Decay rate of the running mean of the gradient; default 0.9. */
  momentum?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** What has one norm: all parameters of all groups of the scope `'global'`, or each tensor; default `'global'`. */
  scope?: 'global' | 'tensor';
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<NormalizedSGDGroup> = {
  name: 'NormalizedSGD',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    momentum: option('momentum value', decayRate, 0.9),
    weightDecay: option('weight_decay value', nonNegative, 0),
    scope: [oneOf('global', 'tensor'), 'global'],
    maximize: [flag, false],
  },
  rule: (group) => (group.scope === 'tensor' ? 'normalizedSgdTensor' : 'normalizedSgd'),
};

/**
 * Normalized SGD with momentum: a step of length lr along the running mean of the gradients. With `clip: clip.norm(...)` it is the
 * method of Cutkosky & Mehta 2021 for heavy-tailed noise: clip, average, normalize.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Cutkosky & Mehta, "Momentum Improves Normalized SGD", 2020; "High-probability Bounds for Non-Convex Stochastic Optimization
 * with Heavy Tails", 2021.
 *
 * @example
 * const optimizer = new optim.NormalizedSGD(model.parameters(), { lr: 0.01, momentum: 0.9, clip: clip.norm(1) });
 */
export class NormalizedSGD extends Optimizer<NormalizedSGDGroup> {
  constructor(params: Parameters<NormalizedSGDGroup>, options: NormalizedSGDGroup & CommonOptions = {}) {
    super(definition, params, options);
  }
}
