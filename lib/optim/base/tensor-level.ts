import { noGrad } from '../../autograd.js';
import { tensor } from '../../creation/tensor.js';
import { type Dtype, float32, float64 } from '../../dtype.js';
import { describe, TorchClipError } from '../../errors.js';
import { zeros } from '../../ops/generated/functions-t-z.js';
import { keep, scope } from '../../scope.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Definition, Option } from '../engine/options.js';
import { isRecord, mismatch } from '../engine/saved.js';
import { ownStates, savedCount } from '../originals/index.js';
import type { OptimizerStateDict } from '../state/state-dict.js';
import { type CommonOptions, Optimizer, type Parameters, type ParamGroup } from './optimizer.js';

/** State tensors of a parameter, by PyTorch's names. */
export type Slots = Readonly<Record<string, Tensor>>;

/** A scheme that looks at whole tensors: what {@link TensorLevelOptimizer} needs to know of it. */
export interface Scheme<G> extends Omit<Definition<G>, 'rule'> {
  /** Whether PyTorch keeps the step count in the state dict. */
  storesStep: boolean;
  /** The shapes of the state tensors, which start as zeros. */
  shapes(param: Tensor): Readonly<Record<string, readonly number[]>>;
  /**
   * Computes a step and moves nothing.
   *
   * @param at.value the parameter, in float32 or float64, as all that goes in and comes out.
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
 * The base of optimizers that look at whole tensors: the engine clips the gradients and takes in the result, tensor operations compute it
 * in between. Nothing moves until everything is computed.
 */
export abstract class TensorLevelOptimizer<G extends { lr?: number }> extends Optimizer<G> {
  readonly #scheme: Scheme<G>;
  readonly #states = new Map<Tensor, State>();

  /** @internal */
  protected constructor(scheme: Scheme<G>, params: Parameters<G>, options: G & CommonOptions) {
    super(definitionOf(scheme), params, options);
    this.#scheme = scheme;
  }

  protected override takeStep(): boolean {
    const next = new Map<Tensor, State>();
    const stepped = super.takeStep(() => noGrad(() => scope(() => this.#compute(next))));
    if (!stepped) return false;
    for (const [param, state] of next) {
      for (const old of Object.values(this.#states.get(param)?.slots ?? {})) old.dispose();
      this.#states.set(param, state);
    }
    return true;
  }

  #compute(next: Map<Tensor, State>): void {
    // What the engine hands out and takes in.
    const places = this.slots('value');
    const writes: [Tensor, Tensor][] = [];
    let number = 0;
    for (const group of this.paramGroups) {
      this.#check(group);
      for (const param of group.params) {
        const place = places[number++];
        if (param.grad === null || !place) continue;
        const { dtype, device } = place;
        const { step, slots } = this.#states.get(param) ?? { step: 0, slots: this.#fresh(param, { dtype, device }) };
        const at = { value: param.detach().to({ dtype }), gradient: place, slots, step: step + 1, dtype: param.dtype };
        const moved = this.#scheme.step(at, group);
        for (const slot of Object.values(moved.slots)) keep(slot);
        next.set(param, { step: step + 1, slots: moved.slots });
        writes.push([place, moved.value]);
      }
    }
    for (const [place, value] of writes) place.copy_(value);
  }

  // What was assigned since the last step; the engine has looked at the learning rate.
  #check(group: ParamGroup<G>): void {
    const { lr: _, ...options } = this.#scheme.options as Record<string, Option>;
    for (const [name, option] of Object.entries(options)) {
      const problem = option.check(name, (group as Record<string, unknown>)[name]);
      if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
    }
  }

  #fresh(param: Tensor, like: { dtype: Dtype; device: Tensor['device'] }): Slots {
    const shapes = Object.entries(this.#scheme.shapes(param));
    return Object.fromEntries(shapes.map(([name, shape]) => [name, zeros(shape, like)]));
  }

  override stateDict(): OptimizerStateDict {
    const dict = super.stateDict();
    dict.state = {};
    for (const [number, param] of this.paramGroups.flatMap(({ params }) => params).entries()) {
      const state = this.#states.get(param);
      if (state === undefined) continue;
      const slots = Object.entries(state.slots).map(([name, slot]) => [name, slot.clone()]);
      dict.state[number] = {
        ...(this.#scheme.storesStep && { step: tensor(state.step, { dtype: float32 }) }),
        ...Object.fromEntries(slots),
      };
    }
    return dict;
  }

  override loadStateDict(stateDict: OptimizerStateDict): void {
    const own = ownStates(stateDict);
    const states = this.paramGroups
      .flatMap(({ params }) => params)
      .flatMap((param, i) => {
        const saved: unknown = own[i];
        return saved === undefined || saved === null
          ? []
          : [[param, this.#parse(`state[${i}]`, saved, param)] as const];
      });
    super.loadStateDict({ ...stateDict, state: {} });
    this.#states.clear();
    for (const [param, state] of states) this.#states.set(param, state);
  }

  #parse(where: string, saved: unknown, param: Tensor): State {
    if (!isRecord(saved)) throw mismatch(`${where} must be an object, got ${describe(saved)}`);
    const shapes = this.#scheme.shapes(param);
    for (const name of Object.keys(saved)) {
      if (name !== 'step' && !Object.hasOwn(shapes, name))
        throw mismatch(`${where} holds "${name}", which this optimizer does not`);
    }
    const dtype = param.dtype === float64 ? float64 : float32;
    const slots = Object.entries(shapes).map(([name, shape]) => {
      const value = saved[name];
      if (!isTensor(value)) throw mismatch(`${where}.${name} must be a Tensor, got ${describe(value)}`);
      if (value.shape.join() !== shape.join()) {
        throw mismatch(`${where}.${name} has shape [${value.shape.join(', ')}], expected [${shape.join(', ')}]`);
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
