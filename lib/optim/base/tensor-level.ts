import { noGrad } from '../../autograd/index.js';
import { type Dtype, float32, float64 } from '../../dtype.js';
import { describe } from '../../errors.js';
import { zeros } from '../../ops/generated/functions.js';
import { keep, scope } from '../../scope.js';
import { sameShape, shapeText } from '../../shape.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Definition, rateOf } from '../engine/definition.js';
import { mismatch, savedCount } from '../engine/saved.js';
import { type OptimizerStateDict, type OwnState, ownStates, stepTensor, withoutStates } from '../state/state-dict.js';
import type { StepRequest, StepResult } from './engine-steps.js';
import { type CommonOptions, Optimizer } from './optimizer.js';
import type { Options, Parameters, ParamGroup } from './parameters.js';

/** State tensors of a parameter, by PyTorch's names. */
export type Slots = Readonly<Record<string, Tensor>>;

/** A scheme that looks at whole tensors: what {@link TensorLevelOptimizer} needs to know of it. */
export interface Scheme<G> extends Omit<Definition<G>, 'rule'> {
  /** Whether PyTorch keeps the step count in the state dict. */
  storesStep: boolean;
  /** The shapes of the state tensors, which start as zeros. */
  shapes(param: Tensor): Readonly<Record<string, readonly number[]>>;
  /**
   * Computes a step and changes nothing.
   *
   * @param at.value the parameter, in float32 or float64, as everything that goes in and comes out.
   * @param at.gradient clipped, and negated by `maximize`.
   * @param at.step the number of the step, from 1.
   * @param at.dtype the parameter's own.
   * @returns the new parameter and state.
   */
  step(
    at: { value: Tensor; gradient: Tensor; slots: Slots; step: number; dtype: Dtype },
    group: ParamGroup<G>,
  ): { value: Tensor; slots: Slots };
}

interface State {
  step: number;
  slots: Slots;
}

/**
 * The base of optimizers that look at whole tensors, such as Muon: tensor operations compute the update between the engine's
 * clipping of the gradients and its writing of the parameters.
 *
 * One step crosses the border to the engine three times, so that the engine can undo all of it:
 *
 * 1. `takeStep` calls `native.optimStep` with `outside`. The engine reads the gradients, decides about clipping and skipping, and
 *    the rule Gather stores the clipped gradient of each parameter in the state tensor `value`.
 * 2. The engine calls `outside`, which is `#compute`. It asks for those state tensors by `slots('value')`, computes all new
 *    parameters and states from them, and then overwrites each gradient by the new parameter. If it throws, the engine restores
 *    its counters and memories, and no parameter has changed.
 * 3. The engine goes on: clippers of the update compare `value` with the parameter, and the rule Adopt writes it there.
 *    `optimStep` returns, and the new states take the place of the old ones.
 */
export abstract class TensorLevelOptimizer<G extends { lr?: number }> extends Optimizer<G> {
  readonly #scheme: Scheme<G>;
  readonly #states = new Map<Tensor, State>();

  /** @internal */
  protected constructor(scheme: Scheme<G>, params: Parameters<G>, options: G & CommonOptions) {
    super(definitionOf(scheme), params, options as Options<G> & CommonOptions);
    this.#scheme = scheme;
  }

  protected override takeStep(request: StepRequest): StepResult {
    const next = new Map<Tensor, State>();
    const outside = () => noGrad(() => scope(() => this.#compute(next)));
    const result = super.takeStep({ ...request, outside });
    if (!result.taken) return result;
    for (const [param, state] of next) {
      const next = new Set(Object.values(state.slots));
      for (const old of Object.values(this.#states.get(param)?.slots ?? {})) if (!next.has(old)) old.dispose();
      this.#states.set(param, state);
    }
    return result;
  }

  #compute(next: Map<Tensor, State>): void {
    // They hold the clipped gradients now, and the new parameters in the end.
    const values = this.slots('value');
    const writes: [Tensor, Tensor][] = [];
    let number = 0;
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const gradient = values[number++];
        if (param.grad === null || !gradient) continue;
        const { dtype, device } = gradient;
        const { step, slots } = this.#states.get(param) ?? { step: 0, slots: this.#fresh(param, { dtype, device }) };
        // Contiguous: sums over another order of memory round to other bits.
        const at = {
          value: param.detach().to({ dtype }).contiguous(),
          gradient: gradient.contiguous(),
          slots,
          step: step + 1,
          dtype: param.dtype,
        };
        const updated = this.#scheme.step(at, { ...group, lr: rateOf(group.lr!) });
        for (const slot of Object.values(updated.slots)) keep(slot);
        next.set(param, { step: step + 1, slots: updated.slots });
        writes.push([gradient, updated.value]);
      }
    }
    for (const [target, value] of writes) target.copy_(value);
  }

  #fresh(param: Tensor, like: { dtype: Dtype; device: Tensor['device'] }): Slots {
    const shapes = Object.entries(this.#scheme.shapes(param));
    return Object.fromEntries(shapes.map(([name, shape]) => [name, zeros(shape, like)]));
  }

  protected override saveDict(): OptimizerStateDict {
    return this.#fill(super.saveDict(), (slot) => slot.clone());
  }

  protected override liveDict(): OptimizerStateDict {
    return this.#fill(super.liveDict(), (slot) => slot);
  }

  protected override forget(): void {
    super.forget();
    this.#states.clear();
  }

  #fill(dict: OptimizerStateDict, given: (slot: Tensor) => Tensor): OptimizerStateDict {
    dict.state = {};
    for (const [number, param] of this.paramGroups.flatMap(({ params }) => params).entries()) {
      const state = this.#states.get(param);
      if (state === undefined) continue;
      const slots = Object.entries(state.slots).map(([name, slot]) => [name, given(slot)]);
      dict.state[number] = {
        ...(this.#scheme.storesStep && { step: stepTensor(state.step) }),
        ...Object.fromEntries(slots),
      };
    }
    return dict;
  }

  protected override loadDict(stateDict: OptimizerStateDict): void {
    const own = ownStates(stateDict, this.addedGroups);
    const states = this.paramGroups
      .flatMap(({ params }) => params)
      .flatMap((param, i) => {
        const saved = own[i] ?? null;
        return saved === null ? [] : [[param, this.#parse(`state[${i}]`, saved, param)] as const];
      });
    super.loadDict(withoutStates(stateDict));
    this.#states.clear();
    for (const [param, state] of states) this.#states.set(param, state);
  }

  #parse(where: string, saved: OwnState, param: Tensor): State {
    const shapes = this.#scheme.shapes(param);
    for (const name of Object.keys(saved)) {
      if (name !== 'step' && !Object.hasOwn(shapes, name))
        throw mismatch(`${where} holds "${name}", which this optimizer does not`);
    }
    const dtype = param.dtype === float64 ? float64 : float32;
    const slots = Object.entries(shapes).map(([name, shape]) => {
      const value = saved[name];
      if (!isTensor(value)) throw mismatch(`${where}.${name} must be a Tensor, got ${describe(value)}`);
      if (!sameShape(value.shape, shape)) {
        throw mismatch(`${where}.${name} has shape ${shapeText(value.shape)}, expected ${shapeText(shape)}`);
      }
      return [name, keep(value.detach().to({ dtype, device: param.device }).clone())];
    });
    const step = this.#scheme.storesStep ? savedCount(`${where}.step`, saved.step) : 1;
    return { step, slots: Object.fromEntries(slots) };
  }
}

function definitionOf<G>(scheme: Scheme<G>): Definition<G> {
  return {
    ...scheme,
    rule: () => 'adopt',
    parameter: (param) =>
      param.dtype.isComplex ? `${scheme.name} does not support complex parameters` : scheme.parameter?.(param),
  };
}
