import { flag, type Kind, kind, nonNegative, positive } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

/** Options of {@link LAMB}, each of which a group can have for itself. */
export interface LAMBGroup {
  /** The learning rate: how far a tensor moves as a part of its own norm; default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-6. */
  eps?: number;
  /** weightDecay · parameter is added to the direction, before its norm is taken; default 1e-2. */
  weightDecay?: number;
  /** Divide the running means by the sum of their weights, as Adam; default true. */
  biasCorrection?: boolean;
  /** The largest trust ratio, true for 1; default false, for no limit. */
  trustClip?: boolean | number;
  /** Scale the step of groups without weight decay by the trust ratio too; default false. */
  alwaysAdapt?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const trustClip: Kind<boolean | number> = kind(
  `true, false or ${positive.expected}`,
  (value) => flag.accepts(value) || positive.accepts(value),
);

const definition: Definition<LAMBGroup> = {
  name: 'LAMB',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-6),
    weightDecay: option('weight_decay value', nonNegative, 1e-2),
    biasCorrection: [flag, true],
    trustClip: [trustClip, false],
    alwaysAdapt: [flag, false],
    maximize: [flag, false],
  },
  rule: () => 'lamb',
};

/**
 * LAMB: Adam whose step in each tensor is lr times the tensor's norm, for large batches; apex's `FusedLAMB` and timm's `Lamb`
 * without their own clipping, for which there is `clip: clip.norm(1)`.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2020.
 *
 * @example
 * const optimizer = new optim.LAMB(
 *   [{ params: weights }, { params: biases, weightDecay: 0 }],
 *   { lr: 2e-3, clip: clip.norm(1) },
 * );
 */
export class LAMB extends Optimizer<LAMBGroup> {
  constructor(params: Parameters<LAMBGroup>, options: Options<LAMBGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
