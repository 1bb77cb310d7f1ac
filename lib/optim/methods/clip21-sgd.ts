import { flag, nonNegative, positive } from '../../check.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link Clip21SGD}, each of which a group can have for itself. */
export interface Clip21SGDGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** How far, in the 2-norm over all groups, the estimate of the gradient moves in a step; default 1. */
  maxNorm?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<Clip21SGDGroup> = {
  name: 'Clip21SGD',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    maxNorm: option('maximum norm', positive, 1),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'clip21Sgd',
};

/**
 * Clip21-SGD: gradient descent along an estimate of the gradient that moves by the clipped difference, so that clipping leaves no
 * bias behind.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Khirirat et al., "Clip21: Error Feedback for Gradient Clipping", 2023.
 *
 * @example
 * const optimizer = new optim.Clip21SGD(model.parameters(), { lr: 0.1, maxNorm: 1 });
 */
export class Clip21SGD extends Optimizer<Clip21SGDGroup> {
  constructor(params: Parameters<Clip21SGDGroup>, options: Clip21SGDGroup & CommonOptions = {}) {
    super(definition, params, options);
  }
}
