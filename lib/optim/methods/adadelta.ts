import { flag, nonNegative, probability } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';

/** Options of {@link Adadelta}, each of which a group can have for itself. */
export interface AdadeltaGroup {
  /** Multiplies the update; default 1. */
  lr?: number;
  /** The decay rate of the running means of the squared gradient and of the squared update; default 0.9. */
  rho?: number;
  /** Added to both means under their roots; default 1e-6. */
  eps?: number;
  /** L2 penalty, added to the gradient as weightDecay · parameter; default 0. */
  weightDecay?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<AdadeltaGroup> = {
  name: 'Adadelta',
  options: {
    lr: option('learning rate', nonNegative, 1),
    rho: option('rho value', probability, 0.9),
    eps: option('epsilon value', nonNegative, 1e-6),
    weightDecay: option('weight_decay value', nonNegative, 0),
    maximize: [flag, false],
  },
  rule: () => 'adadelta',
};

/**
 * Adadelta, as `torch.optim.Adadelta`, with clipping fused into the step.
 *
 * @see Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
 *
 * @example
 * const optimizer = new optim.Adadelta(model.parameters(), { clip: clip.norm(1) });
 */
export class Adadelta extends Optimizer<AdadeltaGroup> {
  constructor(params: Parameters<AdadeltaGroup>, options: Options<AdadeltaGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
