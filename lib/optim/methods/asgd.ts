import { finite, flag, nonNegative, number } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link ASGD}, each of which a group can have for itself. */
export interface ASGDGroup {
  /** The learning rate of the first step; default 1e-2. */
  lr?: number;
  /** The decay of the parameters, and of the learning rate; default 1e-4. */
  lambd?: number;
  /** The learning rate after step t is lr / (1 + lambd · lr · t)^alpha; default 0.75. */
  alpha?: number;
  /** The step after which averaging begins; default 1e6. */
  t0?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<ASGDGroup> = {
  name: 'ASGD',
  options: {
    lr: option('learning rate', nonNegative, 1e-2),
    lambd: option('lambd value', finite, 1e-4),
    alpha: option('alpha value', finite, 0.75),
    t0: option('t0 value', number, 1e6),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'asgd',
};

/**
 * Averaged stochastic gradient descent, as `torch.optim.ASGD`, with clipping fused into the step.
 *
 * The averages are the state `ax`: `stateDict().state[i].ax` for the i-th parameter. The parameters hold the last iterate.
 *
 * @see Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
 *
 * @example
 * const optimizer = new optim.ASGD(model.parameters(), { lr: 0.1, t0: 1000, clip: clip.norm(0.25) });
 */
export class ASGD extends Optimizer<ASGDGroup> {
  constructor(params: Parameters<ASGDGroup>, options: Options<ASGDGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
