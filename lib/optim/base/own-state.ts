import { anything, withoutHoles } from '../../check.js';
import { describe } from '../../errors.js';
import { keep } from '../../scope.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Definition } from '../engine/definition.js';
import { mismatch } from '../engine/saved.js';
import { type OptimizerStateDict, ownStates, type StateValue } from '../state/state-dict.js';

/** What an optimizer remembers of one parameter. */
export type ParameterEntry = Record<string, StateValue | undefined>;

/** What an optimizer remembers, by parameter. */
export interface ParameterStates extends Map<Tensor, ParameterEntry> {
  /** The entry of a parameter; an empty one is made where there is none. */
  get(param: Tensor): ParameterEntry;
}

/** @internal The states of an optimizer with a step of its own. */
export class OwnStates extends Map<Tensor, ParameterEntry> implements ParameterStates {
  override get(param: Tensor): ParameterEntry {
    let entry = super.get(param);
    if (entry === undefined) {
      entry = {};
      this.set(param, entry);
    }
    return entry;
  }

  /** Adds copies of the entries to a state dict. */
  save(dict: OptimizerStateDict, params: readonly Tensor[]): void {
    for (const [number, param] of params.entries()) {
      if (!this.has(param)) continue;
      const entries = Object.entries(this.get(param)).filter(([, value]) => value !== undefined);
      if (entries.length > 0) {
        dict.state[number] = Object.fromEntries(
          entries.map(([name, value]) => [name, copyOf(`state[${number}].${name}`, value, (t) => t.detach().clone())]),
        );
      }
    }
  }

  /**
   * Checks the entries of a state dict and copies them, in the parameters' dtypes and on their devices, as PyTorch does.
   *
   * @returns what takes them over, and cannot fail.
   */
  parse(dict: OptimizerStateDict, groups: readonly { readonly params: readonly Tensor[] }[]): () => void {
    const own = ownStates(dict, groups);
    const params = groups.flatMap((group) => group.params);
    const entries = params.flatMap((param, i): [Tensor, ParameterEntry][] => {
      const saved = own[i] ?? null;
      if (saved === null) return [];
      const fit = (name: string) => (t: Tensor) => {
        const copy = t.detach();
        if (name === 'step') return keep(copy.clone());
        const dtype = param.dtype.isFloatingPoint && t.dtype.isFloatingPoint ? param.dtype : t.dtype;
        return keep(copy.to({ dtype, device: param.device }).clone());
      };
      return [
        [
          param,
          Object.fromEntries(
            Object.entries(saved).map(([name, value]) => [name, copyOf(`state[${i}].${name}`, value, fit(name))]),
          ),
        ],
      ];
    });
    return () => {
      this.clear();
      for (const [param, entry] of entries) this.set(param, entry);
    };
  }
}

function copyOf(where: string, value: unknown, copy: (tensor: Tensor) => Tensor): StateValue {
  if (isTensor(value)) return copy(value);
  if (Array.isArray(value)) return withoutHoles(where, value).map((entry, i) => copyOf(`${where}[${i}]`, entry, copy));
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value;
  throw mismatch(
    `${where} must be a Tensor, a number, a boolean, a string, null or an array of these, got ${describe(value)}`,
  );
}

/** @internal An optimizer with a step of its own, as data: its options are those that have defaults. */
export function definitionOf<G extends object>(name: string, defaults: G): Definition<G> {
  const options = Object.entries(defaults as Record<string, unknown>).map(
    ([option, value]) => [option, [anything, value]] as const,
  );
  return {
    name,
    options: Object.fromEntries(options) as unknown as Definition<G>['options'],
    // The engine knows its parameters and takes no step of it.
    rule: () => 'sgd',
  };
}
