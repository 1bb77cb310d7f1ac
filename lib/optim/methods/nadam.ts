import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link NAdam}, each of which a group can have for itself. */
export interface NAdamGroup {
  /** The learning rate; default 2e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** How fast the momentum of step t rises, β₁ · (1 - 0.96^(t · momentumDecay) / 2); default 4e-3. */
  momentumDecay?: number;
  /** Shrink the parameter itself instead of adding to its gradient, as AdamW; default false. */
  decoupledWeightDecay?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<NAdamGroup> = {
  name: 'NAdam',
  options: {
    lr: option('learning rate', nonNegative, 2e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-8),
    weightDecay: option('weight_decay value', nonNegative, 0),
    momentumDecay: option('momentum_decay value', nonNegative, 4e-3),
    decoupledWeightDecay: [flag, false],
    maximize: [flag, false],
  },
  rule: () => 'nadam',
};

/**
 * Adam with Nesterov momentum, as `torch.optim.NAdam`, with clipping fused into the step.
 *
 * @see Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
 *
 * @example
 * const optimizer = new optim.NAdam(model.parameters(), { lr: 1e-3, clip: clip.norm(1) });
 */
export class NAdam extends Optimizer<NAdamGroup> {
  constructor(params: Parameters<NAdamGroup>, options: Options<NAdamGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
