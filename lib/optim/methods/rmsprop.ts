import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link RMSprop}, each of which a group can have for itself. */
export interface RMSpropGroup {
  /** The learning rate; default 1e-2. */
  lr?: number;
  /** The part of the previous update that is kept; default 0. */
  momentum?: number;
  /** The decay rate of the running mean of the squared gradient; default 0.99. */
  alpha?: number;
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Divide by an estimate of the gradient's standard deviation instead of its root mean square; default false. */
  centered?: boolean;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<RMSpropGroup> = {
  name: 'RMSprop',
  options: {
    lr: option('learning rate', nonNegative, 1e-2),
    momentum: option('momentum value', nonNegative, 0),
    alpha: option('alpha value', nonNegative, 0.99),
    eps: option('epsilon value', nonNegative, 1e-8),
    centered: [flag, false],
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: ({ centered, momentum }) => `rmsprop${centered ? 'Centered' : ''}${momentum > 0 ? 'Momentum' : ''}`,
};

/**
 * RMSprop, plain or centered, as `torch.optim.RMSprop`, with clipping fused into the step.
 *
 * @see Tieleman & Hinton, "Lecture 6.5: RMSprop", 2012; centered: Graves, "Generating Sequences With Recurrent Neural
 * Networks", 2013.
 *
 * @example
 * const optimizer = new optim.RMSprop(rnn.parameters(), { lr: 1e-3, momentum: 0.9, clip: clip.norm(1) });
 */
export class RMSprop extends Optimizer<RMSpropGroup> {
  constructor(params: Parameters<RMSpropGroup>, options: Options<RMSpropGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
