import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link Adagrad}, each of which a group can have for itself. */
export interface AdagradGroup {
  /** The learning rate; default 1e-2. */
  lr?: number;
  /** The learning rate of step t is lr / (1 + (t - 1) · lrDecay); default 0. */
  lrDecay?: number;
  /** Added to the denominator; default 1e-10. */
  eps?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** What the sums of squares start from; default 0. */
  initialAccumulatorValue?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<AdagradGroup> = {
  name: 'Adagrad',
  options: {
    lr: option('learning rate', nonNegative, 1e-2),
    lrDecay: option('lr_decay value', nonNegative, 0),
    eps: option('epsilon value', nonNegative, 1e-10),
    weightDecay: option('weight_decay value', nonNegative, 0),
    initialAccumulatorValue: option('initial_accumulator_value value', nonNegative, 0),
    maximize: [flag, false],
  },
  sparse: true,
  rule: () => 'adagrad',
  begin: ({ initialAccumulatorValue }) => ({ sum: initialAccumulatorValue }),
};

/**
 * Adagrad, as `torch.optim.Adagrad`, with clipping fused into the step.
 *
 * @see Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
 *
 * @example
 * const optimizer = new optim.Adagrad(model.parameters(), { lr: 0.05, clip: clip.norm(1) });
 */
export class Adagrad extends Optimizer<AdagradGroup> {
  constructor(params: Parameters<AdagradGroup>, options: Options<AdagradGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
