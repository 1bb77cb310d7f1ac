import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { type Definition, flag, fraction, nonNegative } from '../engine/options.js';

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
    lr: nonNegative(1, 'learning rate'),
    rho: fraction(0.9, 'rho value'),
    eps: nonNegative(1e-6, 'epsilon value'),
    weightDecay: nonNegative(0, 'weight_decay value'),
    maximize: flag(false),
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
  constructor(params: Parameters<AdadeltaGroup>, options: AdadeltaGroup & CommonOptions = {}) {
    super(definition, params, options);
  }
}
