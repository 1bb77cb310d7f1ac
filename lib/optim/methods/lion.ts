import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link Lion}, each of which a group can have for itself. */
export interface LionGroup {
  /** How far every element moves; default 1e-4. */
  lr?: number;
  /** Decay rates of the interpolation whose sign is the direction, and of the running mean; default [0.9, 0.99]. */
  betas?: readonly [number, number];
  /** Part of the parameter that a step of learning rate 1 takes off; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<LionGroup> = {
  name: 'Lion',
  options: {
    lr: option('learning rate', nonNegative, 1e-4),
    betas: betas([0.9, 0.99]),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'lion',
};

/**
 * Lion: the sign of an interpolation between momentum and gradient, with decoupled weight decay; half of AdamW's state.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023.
 *
 * @example
 * const optimizer = new optim.Lion(model.parameters(), { lr: 1e-4, weightDecay: 1, clip: clip.norm(1) });
 */
export class Lion extends Optimizer<LionGroup> {
  constructor(params: Parameters<LionGroup>, options: Options<LionGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
