import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link LARS}, each of which a group can have for itself. */
export interface LARSGroup {
  /** The learning rate; default 1. */
  lr?: number;
  /** The part of the previous update that is kept; default 0.9. */
  momentum?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 5e-4. */
  weightDecay?: number;
  /** Look ahead by one update; needs momentum; default false. */
  nesterov?: boolean;
  /** How far a tensor moves as a part of its own norm, with lr 1 and no momentum; default 1e-3. */
  trustCoefficient?: number;
  /** Added to the denominator of the trust ratio; default 1e-8. */
  eps?: number;
  /** At most a trust ratio of 1 / lr, so that lr bounds the tensor's own rate: LARC's clipping; default false. */
  trustClip?: boolean;
  /** Scale the gradients of groups without weight decay by the trust ratio too; default false. */
  alwaysAdapt?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<LARSGroup> = {
  name: 'LARS',
  options: {
    lr: option('learning rate', nonNegative, 1),
    momentum: option('momentum value', nonNegative, 0.9),
    weightDecay: option('weight_decay value', nonNegative, 5e-4),
    nesterov: [flag, false],
    trustCoefficient: option('trust coefficient', nonNegative, 1e-3),
    eps: option('epsilon value', nonNegative, 1e-8),
    trustClip: [flag, false],
    alwaysAdapt: [flag, false],
    maximize: [flag, false],
  },
  rule: (group) => (group.momentum === 0 ? 'lars' : 'larsMomentum'),
  check: ({ nesterov, momentum }) =>
    nesterov && momentum <= 0 ? 'Nesterov momentum requires a momentum and zero dampening' : undefined,
};

/**
 * LARS: SGD with momentum whose gradients are scaled, in each tensor, to a part of the tensor's norm, for large batches of images.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks", 2017.
 *
 * @example
 * const optimizer = new optim.LARS(
 *   [{ params: weights }, { params: biases, weightDecay: 0 }],
 *   { lr: 4, momentum: 0.9, weightDecay: 1e-4 },
 * );
 */
export class LARS extends Optimizer<LARSGroup> {
  constructor(params: Parameters<LARSGroup>, options: Options<LARSGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
