import { camelCase } from '../../camel-case.js';
import { check, finite, integer } from '../../check.js';
import type { Clipper } from '../../clip/clipper.js';
import { full } from '../../creation/full.js';
import { tensor } from '../../creation/tensor.js';
import { float32, float64 } from '../../dtype.js';
import { describe, invalidArgument } from '../../errors.js';
import type { TensorPart } from '../../io/parts.js';
import { isPlainObject } from '../../options.js';
import { sameShape, shapeText } from '../../shape.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { complete, type Definition, scheduledNames } from '../engine/definition.js';
import { type Counters, type ParameterState, type Rule, ruleOf, type StageState } from '../engine/native-optimizer.js';
import { dense, isRecord, mismatch, savedCount, savedNumber } from '../engine/saved.js';
import { type ClipStateDict, parseClip, type RestoredClip, saveClip } from './clip-state.js';

/**
 * An optimizer's state in PyTorch's layout: `state` by the number of the parameter, counted through all groups, and
 * `param_groups` with the options in PyTorch's spelling. `clip` is the clipper, if there is one, and what it remembers.
 */
export interface OptimizerStateDict {
  state: Record<number, Record<string, StateValue>>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
  clip?: ClipStateDict;
  /** With `reference: true`: the part of the original's state that belongs to no parameter. */
  reference?: Readonly<Record<string, unknown>>;
}

/** A state dict with the parts of state tensors that one rank has. */
export interface ShardedStateDict extends Omit<OptimizerStateDict, 'state'> {
  state: Record<number, Record<string, StateValue | TensorPart>>;
}

/** A value of a parameter's state. */
export type StateValue = Tensor | number | string | boolean | null | StateValue[];

/** What a state dict holds of one parameter. */
export type OwnState = Readonly<Record<string, StateValue>>;

/** A step count as PyTorch keeps it, a float32 tensor; from 2^24 on as float64, which PyTorch loads, too, and which holds it exactly. */
export const stepTensor = (step: number): Tensor => tensor(step, { dtype: step > 2 ** 24 ? float64 : float32 });

/** A parameter group as {@link saveState} reads it. */
export type SavedGroup = Readonly<Record<string, unknown>> & { readonly params: readonly Tensor[] };

/** What {@link parseState} found, checked. */
export interface Restored<G> {
  groups: Partial<G>[];
  states: ParameterState[];
  clip?: RestoredClip;
}

const snake = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export function saveState(source: {
  groups: readonly SavedGroup[];
  rules: readonly Rule[];
  states: readonly ParameterState[];
  /** Per group, the initial values of the state tensors, if they are part of the state dict before the first step. */
  begins: readonly (Record<string, number> | undefined)[];
  clip: Clipper | null;
  counters: Counters;
  stages: readonly StageState[];
}): OptimizerStateDict {
  const dict: OptimizerStateDict = { state: {}, param_groups: [] };
  let index = 0;
  source.groups.forEach(({ params, ...options }, g) => {
    const rule = source.rules[g]!;
    const begin = source.begins[g];
    const numbers = params.map((_, i) => index + i);
    params.forEach((param, i) => {
      const { step, slots, scalars } = source.states[index + i]!;
      if (step === 0 && begin === undefined) return;
      const state: Record<string, Tensor> = {};
      if (rule.storesStep) state.step = stepTensor(step);
      rule.slots.forEach((name, k) => {
        const slot = slots[k];
        if (name === '') return;
        if (slot) state[name] = slot;
        else if (begin !== undefined) state[name] = filled(param, begin[name]!);
      });
      rule.scalars.forEach((name, k) => {
        state[name] = tensor(scalars[k]!, { dtype: float64 });
      });
      if (Object.keys(state).length > 0) dict.state[index + i] = state;
    });
    index += params.length;
    const named = Object.entries(options).map(([name, value]) => [snake(name), plain(value)]);
    dict.param_groups.push({ ...Object.fromEntries(named), params: numbers });
  });
  if (source.clip !== null) dict.clip = saveClip(source.clip, source.counters, source.stages);
  return dict;
}

// An option as a value of its own: a learning rate may be a tensor.
function plain(value: unknown): unknown {
  if (isTensor(value) && value.numel() === 1) return value.item();
  return Array.isArray(value) ? [...value] : value;
}

// State is at least float32; a complex parameter is a pair of reals.
function filled({ shape, dtype, device }: Tensor, value: number): Tensor {
  return full(shape, dtype.isComplex ? { re: value, im: value } : value, {
    dtype: dtype.itemsize < 4 ? float32 : dtype,
    device,
  });
}

/** Checks a state dict against an optimizer; the error names the first mismatch. */
export function parseState<G>(
  dict: OptimizerStateDict,
  definition: Definition<G>,
  own: readonly { readonly params: readonly Tensor[] }[],
  clip: Clipper | null,
): Restored<G> {
  const { state, groups, numbers } = takeApart(dict, own);
  const restored: Restored<G> = { groups: [], states: [] };
  own.forEach(({ params }, g) => {
    const options = parseGroup(groups[g]!, definition, `param_groups[${g}].`);
    const rule = ruleOf(definition.rule(options.complete));
    restored.groups.push(options.all);
    params.forEach((param, i) => {
      const number = numbers[g]![i]!;
      restored.states.push(parseParameter(`state[${number}]`, state[number], param, rule));
    });
  });
  if (dict.clip !== undefined) {
    restored.clip = parseClip(dict.clip, clip, own);
  }
  return restored;
}

type OwnGroups = readonly { readonly params: readonly Tensor[] }[];

/** The states of a state dict's parameters by their numbers, its groups and the parameters' numbers in each, for these groups. */
function takeApart(dict: OptimizerStateDict, own: OwnGroups) {
  const state = stateOf(dict);
  if (dict.param_groups.length !== own.length) {
    throw mismatch(
      `loaded state dict has a different number of parameter groups: ${dict.param_groups.length}, the optimizer has ${own.length}`,
    );
  }
  const groups: Record<string, unknown>[] = [];
  const numbers = own.map(({ params }, g) => {
    const saved: unknown = dict.param_groups[g];
    const list = isRecord(saved) ? saved.params : undefined;
    if (!isRecord(saved) || !Array.isArray(list) || list.length !== params.length) {
      const count = Array.isArray(list) ? list.length : 'no list of';
      throw mismatch(
        `loaded state dict contains a parameter group that doesn't match the size of optimizer's group: ` +
          `param_groups[${g}] has ${count} parameters, the optimizer's group has ${params.length}`,
      );
    }
    groups.push(saved);
    return list.map((number: unknown, i) => check(`param_groups[${g}].params[${i}]`, number, integer(0), 'ERR_STATE'));
  });
  // A state that no parameter takes over would be lost without a word.
  const known = new Set(numbers.flat().map(String));
  const stranger = Object.keys(state).find((number) => !known.has(number));
  if (stranger !== undefined) throw mismatch(`state[${describe(stranger)}] belongs to a parameter that no group has`);
  for (const [number, saved] of Object.entries(state)) {
    if (!isPlainObject(saved)) throw mismatch(`state[${number}] must be an object, got ${describe(saved)}`);
  }
  return { state: state as Readonly<Record<string, OwnState>>, groups, numbers };
}

function stateOf(dict: OptimizerStateDict): Readonly<Record<string, unknown>> {
  if (!isRecord(dict) || !isPlainObject(dict.state) || !Array.isArray(dict.param_groups)) {
    throw invalidArgument('stateDict', 'an object with state and param_groups', dict);
  }
  return dict.state;
}

function parseGroup<G>(saved: Record<string, unknown>, definition: Definition<G>, prefix: string) {
  const known: Record<string, unknown> = {};
  const all: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(saved)) {
    const option = camelCase(name);
    // PyTorch may keep a learning rate in a tensor.
    const value = isTensor(given) && given.numel() === 1 ? given.item() : given;
    if (Object.hasOwn(definition.options, option)) known[option] = value;
    else if (isScheduled(option)) all[option] = check(prefix + name, value, finite, 'ERR_STATE');
  }
  if (known.lr === undefined) throw mismatch(`${prefix}lr is missing`);
  const options = complete(definition, known, {}, { prefix, scheduled: true });
  return { complete: options, all: { ...all, ...options } as Partial<G> };
}

const isScheduled = (name: string) => scheduledNames.some((scheduled) => scheduled === name);

function parseParameter(where: string, saved: OwnState | undefined, param: Tensor, rule: Rule): ParameterState {
  if (saved === undefined) return { step: 0, slots: [], scalars: [] };
  for (const name of Object.keys(saved)) {
    if (name !== 'step' && !rule.slots.includes(name) && !rule.scalars.includes(name))
      throw mismatch(`${where} holds "${name}", which this optimizer does not`);
  }
  const slots = rule.slots.map((name) => {
    if (name === '') return null;
    const value = saved[name];
    if (!isTensor(value)) {
      // Before its first step, PyTorch's SGD with momentum saves None.
      if (!rule.storesStep && value === null) return null;
      throw mismatch(`${where}.${name} must be a Tensor, got ${describe(value)}`);
    }
    if (!sameShape(value.shape, param.shape)) {
      throw mismatch(
        `${where}.${name} has shape ${shapeText(value.shape)}, the parameter has ${shapeText(param.shape)}`,
      );
    }
    return dense(value);
  });
  const scalars = rule.scalars.map((name) => savedNumber(`${where}.${name}`, saved[name]));
  if (rule.storesStep) return { step: savedCount(`${where}.step`, saved.step), slots, scalars };
  // Where PyTorch stores no step count, it only matters whether a step was taken.
  return { step: slots.length > 0 && slots.every((slot) => slot !== null) ? 1 : 0, slots, scalars };
}

/** Each parameter's state, in the groups' order as PyTorch reads it. */
export function ownStates(stateDict: OptimizerStateDict, own: OwnGroups): (OwnState | null)[] {
  const { state, numbers } = takeApart(stateDict, own);
  return numbers.flat().map((number) => state[number] ?? null);
}

/** A state dict for an optimizer that keeps the parameters' states itself: the engine has none of them. */
export function withoutStates(stateDict: OptimizerStateDict): OptimizerStateDict {
  return { ...stateDict, state: {} };
}
