import { decayRate, flag, nonNegative, orNull } from '../../check.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link ClipUp}, each of which a group can have for itself. */
export interface ClipUpGroup {
  /** The length of what a gradient adds to the velocity; default 0.15. */
  lr?: number;
  /** The part of the velocity that is kept; default 0.9. */
  momentum?: number;
  /** The largest norm of the velocity, and so of a step, over all groups; default null, for 2 · lr. */
  maxSpeed?: number | null;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<ClipUpGroup> = {
  name: 'ClipUp',
  options: {
    lr: option('learning rate', nonNegative, 0.15),
    momentum: option('momentum value', decayRate, 0.9),
    maxSpeed: option<number | null>('maximum speed', orNull(nonNegative), null),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'clipUp',
};

/**
 * ClipUp: momentum over gradients of length 1, with a limit on the velocity's length; made for the noisy gradients of evolution
 * strategies.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Toklu, Liskowski & Srivastava, "ClipUp: A Simple and Powerful Optimizer for Distribution-based Policy Evolution", 2020.
 *
 * @example
 * const optimizer = new optim.ClipUp(policy.parameters(), { lr: 0.075, maxSpeed: 0.15, maximize: true });
 */
export class ClipUp extends Optimizer<ClipUpGroup> {
  constructor(params: Parameters<ClipUpGroup>, options: ClipUpGroup & CommonOptions = {}) {
    super(definition, params, options);
  }
}
