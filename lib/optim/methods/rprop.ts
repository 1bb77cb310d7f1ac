import { flag, nonNegative } from '../../check.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option, pair } from '../engine/definition.js';

/** Options of {@link Rprop}, each of which a group can have for itself. */
export interface RpropGroup {
  /** The first step size of every element; default 1e-2. */
  lr?: number;
  /** What a step size is multiplied by where the gradient has changed its sign and where it has kept it; default [0.5, 1.2]. */
  etas?: readonly [number, number];
  /** The smallest and the largest step size; default [1e-6, 50]. */
  stepSizes?: readonly [number, number];
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<RpropGroup> = {
  name: 'Rprop',
  options: {
    lr: option('learning rate', nonNegative, 1e-2),
    etas: pair(
      'eta values',
      '2 numbers, in (0, 1) and > 1',
      ([minus, plus]) => 0 < minus && minus < 1 && 1 < plus,
      [0.5, 1.2],
    ),
    stepSizes: pair('step_sizes values', '2 numbers', () => true, [1e-6, 50]),
    maximize: [flag, false],
  },
  rule: () => 'rprop',
};

/**
 * Resilient backpropagation, as `torch.optim.Rprop`: only the signs of the gradient count, so it is made for full batches. Of the
 * clippers, those of the update and the policy for gradients that are not finite have an effect.
 *
 * @see Riedmiller & Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm", 1993.
 *
 * @example
 * const optimizer = new optim.Rprop(model.parameters(), { lr: 1e-3, stepSizes: [1e-6, 1] });
 */
export class Rprop extends Optimizer<RpropGroup> {
  constructor(params: Parameters<RpropGroup>, options: Options<RpropGroup> & CommonOptions = {}) {
    super(definition, params, options);
  }
}
