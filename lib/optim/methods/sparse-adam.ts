import { noGrad } from '../../autograd/index.js';
import { check, flag, orNull, positive } from '../../check.js';
import { float16 } from '../../dtype.js';
import { aboveZero } from '../../epsilon.js';
import { invalidArgument, isCallable, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { sparseCoo } from '../../layout.js';
import { sparseCooTensor, zerosLike } from '../../ops/generated/functions.js';
import { keep } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { lossOf } from '../base/closure.js';
import { Optimizer, type Parameters } from '../base/optimizer.js';
import { betas, type Definition, option, rateOf } from '../engine/definition.js';
import { savedCount } from '../engine/saved.js';

/** Options of {@link SparseAdam}, each of which a group can have for itself. */
export interface SparseAdamGroup {
  /** The learning rate, > 0; default 1e-3. */
  lr?: number;
  /** How much of the running means of the gradient and of its square is kept; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the mean square, > 0; default 1e-8. */
  eps?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const definition: Definition<SparseAdamGroup> = {
  name: 'SparseAdam',
  own: true,
  options: {
    lr: option('learning rate', positive, 1e-3),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', positive, 1e-8),
    maximize: [flag, false],
  },
  rule: () => 'sgd',
};

/**
 * Adam for sparse gradients, such as those of `nn.Embedding` with `sparse: true`, as `torch.optim.SparseAdam`: only the rows that a gradient
 * names move, their means with them. Tensor operations; it has no clipping of its own.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` from `step` for a gradient that is not sparse in COO layout; nothing has changed then.
 * @see Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
 *
 * @example
 * const optimizer = new optim.SparseAdam(embedding.parameters(), { lr: 1e-3 });
 */
export class SparseAdam extends Optimizer<SparseAdamGroup> {
  constructor(params: Parameters<SparseAdamGroup>, options: SparseAdamGroup = {}) {
    super(definition, params, options);
  }

  override step(): undefined;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T | undefined {
    if (closure !== undefined && !isCallable(closure)) throw invalidArgument('closure', 'a function', closure);
    const loss = closure && lossOf(closure);
    const groups = this.acceptedGroups;
    for (const { params } of groups) {
      for (const { grad } of params) {
        if (grad === null || grad.layout === sparseCoo) continue;
        throw new TorchClipError(
          'ERR_ARGUMENT',
          'SparseAdam does not support dense gradients, please consider Adam instead',
        );
      }
    }
    noGrad(() => {
      for (const group of groups) {
        for (const param of group.params) if (param.grad !== null) this.#update(param, param.grad, group);
      }
    });
    return loss;
  }

  #update(
    param: Tensor,
    gradient: Tensor,
    { lr, betas: [beta1, beta2], eps, maximize }: Required<SparseAdamGroup>,
  ): void {
    const state = this.state.get(param);
    // Before anything is written: a state can be assigned.
    for (const name of ['exp_avg', 'exp_avg_sq'] as const) check(`state.${name}`, state[name] ?? null, orNull(tensor));
    const step = savedCount('state.step', state.step ?? 0) + 1;
    state.exp_avg ??= keep(zerosLike(param));
    state.exp_avg_sq ??= keep(zerosLike(param));
    state.step = step;
    const grad = (maximize ? gradient.neg() : gradient).coalesce();
    const [indices, values] = [grad.indices(), grad.values()];
    if (values.numel() === 0) return;
    const sparse = (of: Tensor) => sparseCooTensor(indices, of, grad.shape);
    const move = (mean: Tensor, changeOf: (old: Tensor) => Tensor): Tensor => {
      const old = mean.sparseMask(grad).values();
      const change = changeOf(old);
      mean.add_(sparse(change));
      return change.add(old);
    };
    const mean = move(state.exp_avg as Tensor, (old) => values.sub(old).mul(1 - beta1));
    // As in the engine, a square need not be finite where its part in the mean is, and a mean that has overflowed stays infinite.
    const down = values.dtype === float16 ? 1 : 2 ** -14;
    const square = move(state.exp_avg_sq as Tensor, (old) =>
      values
        .mul(values.mul(down))
        .sub(old.mul(down))
        .mul(1 - beta2)
        .div(down)
        .maskedFill(old.isinf(), 0),
    );
    const rate = (rateOf(lr) * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
    param.add_(sparse(mean.div(square.sqrt().add(aboveZero(eps, square.dtype))).mul(-rate)));
  }
}
