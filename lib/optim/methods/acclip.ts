import { flag, nonNegative, numberIn } from '../../check.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link ACClip}, each of which a group can have for itself. */
export interface ACClipGroup {
  /** The learning rate; default 1e-4. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of the moment; default [0.9, 0.99]. */
  betas?: readonly [number, number];
  /** Added to the momentum's magnitude; default 1e-5. */
  eps?: number;
  /** The moment's order, in [1, 2]: how heavy the noise's tails are thought to be; default 1. */
  alpha?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<ACClipGroup> = {
  name: 'ACClip',
  options: {
    lr: option('learning rate', nonNegative, 1e-4),
    betas: betas([0.9, 0.99]),
    eps: option('epsilon value', nonNegative, 1e-5),
    alpha: option('alpha value', numberIn('[1, 2]'), 1),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: (group) => (group.alpha === 1 ? 'acclip' : 'acclipPower'),
};

/**
 * ACClip: SGD with momentum, each coordinate of which is clipped at a running moment of its own gradient; for heavy-tailed noise, as
 * attention models have it.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Zhang et al., "Why are Adaptive Methods Good for Attention Models?", 2020.
 *
 * @example
 * const optimizer = new optim.ACClip(model.parameters(), { lr: 1e-3, alpha: 1.5 });
 */
export class ACClip extends Optimizer<ACClipGroup> {
  constructor(params: Parameters<ACClipGroup>, options: ACClipGroup & CommonOptions = {}) {
    super(definition, params, options);
  }
}
