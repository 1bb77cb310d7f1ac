import { finite, flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option, rateOf } from '../engine/definition.js';

/** Options of {@link SGD}, each of which a group can have for itself. */
export interface SGDGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** The part of the previous update that is kept; default 0. */
  momentum?: number;
  /** How much of the gradient is kept out of the momentum; default 0. */
  dampening?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Look ahead by one update; needs momentum and no dampening; default false. */
  nesterov?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

/** @internal */
export const sgd: Definition<SGDGroup> = {
  name: 'SGD',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    momentum: option('momentum value', nonNegative, 0),
    dampening: option('dampening value', finite, 0),
    weightDecay: option('weight_decay value', nonNegative, 0),
    nesterov: [flag, false],
    maximize: [flag, false],
  },
  sparse: true,
  sparseRule: ({ lr, momentum, weightDecay, maximize }) =>
    momentum !== 0 || weightDecay !== 0
      ? undefined
      : (param, grad) => param.add_(grad, { alpha: maximize ? rateOf(lr) : -rateOf(lr) }),
  rule: (group) => (group.momentum === 0 ? 'sgd' : 'sgdMomentum'),
  check: ({ nesterov, momentum, dampening }) =>
    nesterov && (momentum <= 0 || dampening !== 0)
      ? 'Nesterov momentum requires a momentum and zero dampening'
      : undefined,
};

/**
 * Stochastic gradient descent with momentum, as `torch.optim.SGD`, with clipping fused into the step.
 *
 * @see Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Nesterov, 1983.
 *
 * @example
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, clip: clip.norm(1) });
 */
export class SGD extends Optimizer<SGDGroup> {
  constructor(params: Parameters<SGDGroup>, options: Options<SGDGroup> & CommonOptions = {}) {
    super(sgd, params, options);
  }
}
