import { flag, nonNegative, positive } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link StableAdamW}, each of which a group can have for itself. */
export interface StableAdamWGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.99]. */
  betas?: readonly [number, number];
  /** Added to the denominator, and the least root of a mean square; default 1e-6. */
  eps?: number;
  /** Part of the parameter that a step of learning rate 1 takes off; default 1e-2. */
  weightDecay?: number;
  /** The RMS of gradients over their running RMS from which on the learning rate shrinks; default 1. */
  clipThreshold?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<StableAdamWGroup> = {
  name: 'StableAdamW',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    betas: betas([0.9, 0.99]),
    eps: option('epsilon value', nonNegative, 1e-6),
    weightDecay: option('weight_decay value', nonNegative, 1e-2),
    clipThreshold: option('clip threshold', positive, 1),
    maximize: [flag, false],
  },
  rule: () => 'stableAdamW',
};

/**
 * StableAdamW: AdamW with Adafactor's update clipping, which lowers a tensor's learning rate in steps whose gradients have outgrown
 * their running mean square.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Wortsman et al., "Stable and low-precision training for large-scale vision-language models", 2023.
 *
 * @example
 * const optimizer = new optim.StableAdamW(model.parameters(), { lr: 2e-3, weightDecay: 0.2 });
 */
export class StableAdamW extends Optimizer<StableAdamWGroup> {
  constructor(params: Parameters<StableAdamWGroup>, options: Options<StableAdamWGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
