import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link Adamax}, each of which a group can have for itself. */
export interface AdamaxGroup {
  /** The learning rate; default 2e-3. */
  lr?: number;
  /** Decay rates of the running mean of the gradient and of its largest magnitude; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the gradient's magnitude; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<AdamaxGroup> = {
  name: 'Adamax',
  options: {
    lr: option('learning rate', nonNegative, 2e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-8),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'adamax',
};

/**
 * Adamax, as `torch.optim.Adamax`, with clipping fused into the step.
 *
 * @see Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015, section 7.1.
 *
 * @example
 * const optimizer = new optim.Adamax(model.parameters(), { lr: 1e-3, clip: clip.norm(1) });
 */
export class Adamax extends Optimizer<AdamaxGroup> {
  constructor(params: Parameters<AdamaxGroup>, options: Options<AdamaxGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
