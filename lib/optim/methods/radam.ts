import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link RAdam}, each of which a group can have for itself. */
export interface RAdamGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Shrink the parameter itself instead of adding to its gradient, as AdamW; default false. */
  decoupledWeightDecay?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<RAdamGroup> = {
  name: 'RAdam',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-8),
    weightDecay: option('weight_decay value', nonNegative, 0),
    decoupledWeightDecay: [flag, false],
    maximize: [flag, false],
  },
  rule: () => 'radam',
};

/**
 * Rectified Adam, as `torch.optim.RAdam`, with clipping fused into the step.
 *
 * @see Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020.
 *
 * @example
 * const optimizer = new optim.RAdam(model.parameters(), { lr: 1e-3, clip: clip.norm(1) });
 */
export class RAdam extends Optimizer<RAdamGroup> {
  constructor(params: Parameters<RAdamGroup>, options: Options<RAdamGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
