import { flag, nonNegative } from '../../check.js';
import { type Dtype, float32, float64 } from '../../dtype.js';
import { aboveZero } from '../../epsilon.js';
import { sparseCooTensor } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { type CommonOptions, Optimizer, type Options, type Parameters } from '../base/optimizer.js';
import { type Definition, option, rateOf } from '../engine/definition.js';

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
  sparseRule: (group, param) =>
    group.weightDecay !== 0 || param.device.type !== 'cpu' || !rowwise.includes(param.dtype)
      ? undefined
      : (_, grad, { advance, slot }) => moveRows(group, param, grad.coalesce(), advance(), slot('sum')),
  rule: () => 'adagrad',
  begin: ({ initialAccumulatorValue }) => ({ sum: initialAccumulatorValue }),
};

// Others keep their state in another dtype.
const rowwise: readonly Dtype[] = [float32, float64];

/** The step of the rows that a sparse gradient names: the others would stay where they are. */
function moveRows(
  { lr, lrDecay, eps, maximize }: Required<AdagradGroup>,
  param: Tensor,
  grad: Tensor,
  step: number,
  sum: Tensor,
): void {
  const indices = grad.indices();
  const values = maximize ? grad.values().neg() : grad.values();
  const sparse = (of: Tensor) => sparseCooTensor(indices, of, grad.shape, { isCoalesced: true });
  sum.add_(sparse(values.square()));
  const roots = sum.sparseMask(grad).values().sqrt().add(aboveZero(eps, sum.dtype));
  param.add_(sparse(values.div(roots)), { alpha: -rateOf(lr) / (1 + (step - 1) * lrDecay) });
}

/**
 * Adagrad, as `torch.optim.Adagrad`, with clipping fused into the step. Of a sparse gradient, on the CPU, without clipping or weight decay,
 * only the rows move that it names.
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
