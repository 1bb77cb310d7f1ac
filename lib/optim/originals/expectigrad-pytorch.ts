import { finitePositive, flag, numberIn } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { zerosLike } from '../../ops/generated/functions.js';
import { keep } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Stepper, StepperGroup, StepperState } from '../base/stepper.js';
import { type Definition, option } from '../engine/definition.js';
import { savedCount, savedTensor } from '../engine/saved.js';
import { moving, sameOptions } from './groups.js';

/** What a group of the original Expectigrad holds. */
export interface ReferenceExpectigradGroup {
  lr?: number;
  beta?: number;
  eps?: number;
  /** Read by the constructor only. */
  sparseCounter?: boolean;
}

/** The original's options of a group. */
export const referenceExpectigrad: Definition<ReferenceExpectigradGroup> = {
  name: 'Expectigrad',
  options: {
    lr: option('learning rate', finitePositive, 1e-3),
    beta: option('beta', numberIn('[0, 1)'), 0.9),
    eps: option('epsilon value', finitePositive, 1e-8),
    sparseCounter: [flag, true],
  },
  rule: () => 'sgd',
};

/** A parameter's state under the original's names; the counter and the momentum are optional. */
export interface Slots {
  step: number;
  sum: Tensor;
  counter?: Tensor;
  momentum?: Tensor;
}

/** Daley's Expectigrad for PyTorch. State has the parameter's dtype. */
export class ReferenceExpectigrad implements Stepper<ReferenceExpectigradGroup> {
  readonly #slots = new Map<Tensor, Slots>();
  readonly #options: { use_momentum: boolean; sparse_counter: boolean };

  /** @param options the constructor's `beta` and `sparseCounter`, which determine the kind of state for all groups. */
  constructor({ beta = 0.9, sparseCounter = true }: { beta?: number; sparseCounter?: boolean }) {
    this.#options = { use_momentum: beta > 0, sparse_counter: sparseCounter };
  }

  step(groups: readonly StepperGroup<ReferenceExpectigradGroup>[]): void {
    const found = groups.map(({ params }) => realMoving(params));
    groups.forEach((group, g) => {
      const { params, grads } = found[g]!;
      params.forEach((param, i) => {
        this.update(param, grads[i]!, this.slotsOf(param), group);
      });
    });
  }

  protected update(
    param: Tensor,
    grad: Tensor,
    slots: Slots,
    { lr, beta, eps }: StepperGroup<ReferenceExpectigradGroup>,
  ): void {
    const { sum, counter, momentum } = slots;
    const step = ++slots.step;
    const square = grad.square();
    sum.add_(square);
    counter?.add_(square.sign());
    const mean = counter === undefined ? sum.div(step) : sum.div(counter);
    // Meant for 0/0, but it also replaces any other NaN.
    mean.maskedFill_(mean.isnan(), 0);
    const direction = grad.div(mean.sqrt_().add_(eps));
    if (momentum === undefined) {
      param.add_(direction.mul(-lr));
    } else {
      momentum.mul_(beta).add_(direction.mul(1 - beta));
      param.add_(momentum.mul(-(lr / (1 - beta ** step))));
    }
  }

  protected slotsOf(param: Tensor): Slots {
    let slots = this.#slots.get(param);
    if (slots === undefined) {
      const zeros = () => keep(zerosLike(param.detach()));
      slots = { step: 0, sum: zeros() };
      if (this.#options.sparse_counter) slots.counter = zeros();
      if (this.#options.use_momentum) slots.momentum = zeros();
      this.#slots.set(param, slots);
    }
    return slots;
  }

  save(params: readonly Tensor[]): StepperState {
    const own = params.map((param) => {
      const slots = this.#slots.get(param);
      if (slots === undefined) return null;
      return Object.fromEntries(
        Object.entries(slots).map(([name, value]) => [name, typeof value === 'number' ? value : value.clone()]),
      );
    });
    return { own, shared: this.shared() };
  }

  /** The part of the state that belongs to no parameter; it must be equal when a state is loaded. */
  protected shared(): Record<string, unknown> {
    return { form: 'pytorch', ...this.#options };
  }

  parse({ own, shared }: StepperState, params: readonly Tensor[]): () => void {
    sameOptions(shared, this.shared());
    const all = params.flatMap((param, i) => {
      const saved = own[i];
      if (saved === null || saved === undefined) return [];
      const read = (name: string) => savedTensor(`state[${i}].${name}`, saved[name], param);
      const slots: Slots = { step: savedCount(`state[${i}].step`, saved.step), sum: read('sum') };
      if (this.#options.sparse_counter) slots.counter = read('counter');
      if (this.#options.use_momentum) slots.momentum = read('momentum');
      return [[param, slots] as const];
    });
    return () => {
      this.#slots.clear();
      for (const [param, slots] of all) this.#slots.set(param, slots);
    };
  }
}

/** {@link moving}, which refuses complex parameters: their squares have no sign. */
export function realMoving(params: readonly Tensor[]): ReturnType<typeof moving> {
  const complex = params.find(({ dtype }) => dtype.isComplex);
  if (complex !== undefined) {
    throw new TorchClipError(
      'ERR_DTYPE',
      `with reference: true, Expectigrad takes real parameters only, got ${complex.dtype}`,
    );
  }
  return moving(params);
}
