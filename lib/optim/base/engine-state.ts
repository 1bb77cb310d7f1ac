import { native } from '../../binding/index.js';
import type { Clipper } from '../../clip/clipper.js';
import { TensorPart } from '../../io/parts.js';
import type { Tensor } from '../../tensor.js';
import type { Definition } from '../engine/definition.js';
import {
  blankStage,
  load,
  type NativeOptimizer,
  type ParameterState,
  slotOf,
  stagesOf,
  statesOf,
} from '../engine/native-optimizer.js';
import { type OptimizerStateDict, parseState, type SavedGroup, saveState } from '../state/state-dict.js';
import type { AddedGroups } from './groups.js';
import type { ParamGroup } from './parameters.js';

/** @internal A state dict of what the engine remembers: of copies, of the very tensors, or of this rank's parts. */
export function saveEngine<G>(
  optimizer: NativeOptimizer,
  added: AddedGroups<G>,
  { groups, clip, of }: { groups: readonly ParamGroup<G>[]; clip: Clipper | null; of: 'copies' | 'tensors' | 'parts' },
): OptimizerStateDict {
  const states = of === 'tensors' ? liveStates(optimizer) : statesOf(optimizer, of === 'copies');
  const dict = saveState({
    groups: groups as unknown as readonly SavedGroup[],
    rules: groups.map((group) => added.rule(group)),
    states,
    begins: groups.map((group) => added.definition.begin?.(group as unknown as Required<G>)),
    clip,
    counters: native.optimCounters(optimizer),
    stages: stagesOf(optimizer),
  });
  return of === 'parts' ? withParts(dict, native.optimParts(optimizer), states, groups) : dict;
}

/** The state dict with what is known of the flat parts. */
function withParts<G>(
  dict: OptimizerStateDict,
  positions: readonly { begin: number; strides: number[] }[],
  states: readonly ParameterState[],
  groups: readonly ParamGroup<G>[],
): OptimizerStateDict {
  const params = groups.flatMap((group) => group.params);
  for (const [i, { slots }] of states.entries()) {
    for (const [name, value] of Object.entries(dict.state[i] ?? {})) {
      if (!slots.includes(value as Tensor)) continue;
      const { begin, strides } = positions[i]!;
      dict.state[i]![name] = new TensorPart(value as Tensor, params[i]!.shape, strides, begin) as never;
    }
  }
  return dict;
}

function liveStates(optimizer: NativeOptimizer): ParameterState[] {
  return statesOf(optimizer, false).map((state, parameter) => ({
    ...state,
    slots: state.slots.map((slot, k) => slot && slotOf(optimizer, parameter, k)),
  }));
}

/** @internal Checks a state dict and takes it over, the options of the groups included. */
export function loadEngine<G>(
  optimizer: NativeOptimizer,
  definition: Definition<G>,
  own: { stateDict: OptimizerStateDict; groups: readonly ParamGroup<G>[]; clip: Clipper | null },
): void {
  const { groups, states, clip } = parseState<G>(own.stateDict, definition, own.groups, own.clip);
  const { counters, stages } = clip ?? {
    counters: native.optimCounters(optimizer),
    stages: stagesOf(optimizer),
  };
  load(optimizer, { ...counters, states, stages });
  for (const [i, options] of groups.entries()) Object.assign(own.groups[i]!, options);
}

/** @internal Forgets all but the counts of skipped steps. */
export function clearEngine(optimizer: NativeOptimizer, parameters: number): void {
  const blank = Array.from({ length: parameters }, () => ({ step: 0, slots: [], scalars: [] }));
  const stages = stagesOf(optimizer).map(blankStage);
  load(optimizer, { ...native.optimCounters(optimizer), states: blank, stages });
}
