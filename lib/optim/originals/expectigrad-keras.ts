import { check, finiteNonNegative, orNull, positive } from '../../check.js';
import { full } from '../../creation/full.js';
import { stack } from '../../ops/generated/functions.js';
import { alternativeOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import type { StepperGroup, StepperState } from '../base/stepper.js';
import { savedCount } from '../engine/saved.js';
import { ReferenceExpectigrad, type ReferenceExpectigradGroup, realMoving, type Slots } from './expectigrad-pytorch.js';

/** What the constructor of the Keras form takes for all groups. */
export interface ReferenceKerasOptions {
  beta?: number;
  sparseCounter?: boolean;
  /** lr / (1 + decay · steps so far); >= 0, default 0. */
  decay?: number;
  /** The largest norm of a parameter's gradient. */
  clipnorm?: number | null;
  /** The largest magnitude of a gradient's element, applied before `clipnorm` where both are given. */
  clipvalue?: number | null;
  /** The largest norm of all gradients together; cannot be combined with `clipnorm`. */
  globalClipnorm?: number | null;
}

/**
 * Daley's Expectigrad for TensorFlow, with what Keras does around it: one step count for all parameters, float32 learning rates,
 * powers of β in the parameter's dtype, and NaN that stays NaN.
 */
export class ReferenceKerasExpectigrad extends ReferenceExpectigrad {
  readonly #clips: Readonly<Record<'clipvalue' | 'clipnorm' | 'global_clipnorm', number | null>>;
  readonly #decay: number;
  #iterations = 0;

  constructor(options: ReferenceKerasOptions) {
    super(options);
    const { decay = 0, clipnorm = null, clipvalue = null, globalClipnorm = null } = options;
    check('decay', decay, finiteNonNegative);
    for (const [name, level] of Object.entries({ clipnorm, clipvalue, globalClipnorm })) {
      check(name, level, orNull(positive));
    }
    alternativeOf('Expectigrad', { clipnorm, globalClipnorm });
    this.#decay = decay;
    this.#clips = { clipvalue, clipnorm, global_clipnorm: globalClipnorm };
  }

  override step(groups: readonly StepperGroup<ReferenceExpectigradGroup>[]): void {
    const found = groups.map(({ params }) => realMoving(params));
    const grads = this.#clipped(found.flatMap((group) => group.grads));
    let next = 0;
    groups.forEach((group, g) => {
      for (const param of found[g]!.params) this.update(param, grads[next++]!, this.slotsOf(param), group);
    });
    // Keras refuses a step without gradients.
    if (grads.length > 0) this.#iterations++;
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    { sum, counter, momentum }: Slots,
    { lr, beta, eps }: StepperGroup<ReferenceExpectigradGroup>,
  ): void {
    const { dtype, device } = param;
    const scalar = (value: number) => full([], value, { dtype, device });
    const t = this.#iterations;
    let rate = scalar(Math.fround(lr)).div(scalar(Math.fround(this.#decay)).mul(t).add(1));
    const square = grad.square();
    sum.add_(square);
    counter?.add_(square.sign());
    const count = counter ?? scalar(t + 1);
    const mean = sum.div(count).maskedFill_(count.eq(0), 0);
    const direction = grad.div(mean.sqrt_().add_(eps));
    if (momentum !== undefined) {
      momentum.mul_(beta).add_(direction.mul(1 - beta));
      rate = rate.div(
        scalar(beta)
          .pow(scalar(t + 1))
          .neg()
          .add(1),
      );
    }
    param.sub_(rate.mul(momentum ?? direction));
  }

  // In Keras's order, with TensorFlow's formulas in the dtype of the gradients.
  #clipped(grads: Tensor[]): Tensor[] {
    const { clipvalue, clipnorm, global_clipnorm: globalClipnorm } = this.#clips;
    if (clipvalue !== null) grads = grads.map((grad) => grad.clamp(-clipvalue, clipvalue));
    if (clipnorm !== null) {
      grads = grads.map((grad) => grad.mul(clipnorm).div(grad.mul(grad).sum().sqrt().clamp({ min: clipnorm })));
    }
    if (globalClipnorm !== null && grads.length > 0) {
      const norm = stack(grads.map((grad) => grad.mul(grad).sum().div(2)))
        .sum()
        .mul(2)
        .sqrt();
      const most = full([], 1, { dtype: norm.dtype, device: norm.device }).div(globalClipnorm);
      const scale = norm.reciprocal().minimum(most).mul(globalClipnorm).maskedFill_(norm.isfinite().logicalNot(), NaN);
      grads = grads.map((grad) => grad.mul(scale));
    }
    return grads;
  }

  protected override shared(): Record<string, unknown> {
    return { ...super.shared(), form: 'tensorflow', decay: this.#decay, ...this.#clips };
  }

  override save(params: readonly Tensor[]): StepperState {
    const { own, shared } = super.save(params);
    return { own, shared: { ...shared, iterations: this.#iterations } };
  }

  override parse(state: StepperState, params: readonly Tensor[]): () => void {
    const iterations = savedCount('reference.iterations', state.shared.iterations);
    const restore = super.parse(state, params);
    return () => {
      restore();
      this.#iterations = iterations;
    };
  }
}
