import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, fixed, option } from '../engine/definition.js';

/** Options of {@link AdamW}, each of which a group can have for itself. */
export interface AdamWGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Weight decay: decoupled in AdamW, else an L2 penalty added to the gradient; default 1e-2 in AdamW, 0 in Adam. */
  weightDecay?: number;
  /** Divide by the largest mean square so far; default false. */
  amsgrad?: boolean;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

/** Options of {@link Adam}, each of which a group can have for itself. */
export interface AdamGroup extends AdamWGroup {
  /** Shrink the parameter itself instead of adding to its gradient, as AdamW; default false. */
  decoupledWeightDecay?: boolean;
}

const definition: Definition<AdamGroup> = {
  name: 'Adam',
  options: {
    lr: option('learning rate', nonNegative, 1e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-8),
    weightDecay: option('weight_decay value', nonNegative, 0),
    amsgrad: [flag, false],
    maximize: [flag, false],
    decoupledWeightDecay: [flag, false],
  },
  rule: (group) => (group.amsgrad ? 'adamAmsgrad' : 'adam'),
};

const decoupled: Definition<AdamGroup> = {
  ...definition,
  name: 'AdamW',
  options: {
    ...definition.options,
    weightDecay: option('weight_decay value', nonNegative, 1e-2),
    decoupledWeightDecay: fixed(true),
  },
};

/**
 * Adam, as `torch.optim.Adam`, with clipping fused into the step.
 *
 * @see Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015; amsgrad: Reddi, Kale & Kumar, 2018.
 *
 * @example
 * const optimizer = new optim.Adam(model.parameters(), { lr: 3e-4, clip: clip.value(0.5) });
 */
export class Adam extends Optimizer<AdamGroup> {
  constructor(params: Parameters<AdamGroup>, options: Options<AdamGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}

/**
 * Adam with decoupled weight decay, as `torch.optim.AdamW`, with clipping fused into the step.
 *
 * @see Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019.
 *
 * @example
 * const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-4, weightDecay: 0.1, clip: clip.norm(1) });
 */
export class AdamW extends Optimizer<AdamWGroup> {
  constructor(params: Parameters<AdamWGroup>, options: Options<AdamWGroup> & CommonOptions = {}) {
    super(decoupled, params, options);
  }
}
