// The border to the engine: what crosses it has names, and everything else in lib/optim sees tensors, never handles.
import { native } from '../../binding/index.js';
import type { NativeStage } from '../../clip/native-stage.js';
import type { NativeGroup } from '../../distributed/c10d.js';
import type { NativeShardedParameters } from '../../distributed/sharded-parameters.js';
import { type Dtype, float64, int64 } from '../../dtype.js';
import { type EngineRule, engine } from '../../engine.js';
import { TorchClipError } from '../../errors.js';
import { empty } from '../../ops/generated/functions.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';

declare const brand: unique symbol;
/** @internal The engine's side of an optimizer. */
export type NativeOptimizer = { readonly [brand]: 'optimizer' };

/** @internal A parameter's step count, its state tensors in the order of the rule's slots, null where there is none, and its numbers. */
export interface ParameterState {
  step: number;
  slots: (Tensor | null)[];
  scalars: number[];
}

/** @internal What a stage of clipping remembers; see `StageStateDict`. */
export interface StageState {
  flips: number;
  decisions: number;
  clipped: number;
  /** Each unit's numbers, one unit after the other. */
  numbers: Tensor;
  history: Tensor;
  lengths: Tensor;
  tap: Tensor;
  elements: (Tensor | null)[];
}

/** @internal A stage that remembers nothing yet. */
export function blankStage({ elements }: StageState): StageState {
  const none = (dtype: Dtype) => empty([0], { dtype });
  return {
    flips: 0,
    decisions: 0,
    clipped: 0,
    numbers: none(float64),
    history: none(float64),
    lengths: none(int64),
    tap: none(float64),
    elements: elements.map(() => null),
  };
}

/** @internal What a stage of clipping reports; see `StageStats`. */
export interface EngineStats {
  norm: Tensor;
  coefficient: Tensor;
  threshold: Tensor;
  clipped: Tensor;
  tap: Tensor;
  /** Where it is not null, `tap` is a ring buffer into which this many norms have been written. */
  taps: Tensor | null;
  skipped: Tensor;
}

/** @internal How many steps were skipped, in all and since the last one that was taken. */
export interface Counters {
  skipped: number;
  consecutive: number;
}

/** @internal Everything that an optimizer and its clippers remember. */
export interface EngineState extends Counters {
  states: readonly ParameterState[];
  stages: readonly StageState[];
}

/** What crosses in place of T: handles instead of tensors. */
type Crossing<T> = T extends Tensor ? Handle : T extends (infer E)[] ? Crossing<E>[] : T;
type Raw<T> = { [K in keyof T]: Crossing<T[K]> };
type TensorKeys<T> = {
  [K in keyof T]-?: Extract<T[K] extends (infer E)[] ? E : T[K], Tensor> extends never ? never : K;
}[keyof T];
/** Every field of T that holds tensors; the compiler refuses a list that lacks one. */
type Fields<T> = Readonly<Record<TensorKeys<T>, true>>;

declare module '../../binding/index.js' {
  interface Native {
    optimCreate(settings: {
      stages: NativeStage[];
      policy: string;
      maxConsecutiveSkips: number;
      writeBack: boolean;
    }): NativeOptimizer;
    optimAddGroup(optimizer: NativeOptimizer, params: Handle[]): void;
    /**
     * Takes a step. An ordinary one returns an index into the engine's outcomes, since every step pays for what it returns.
     *
     * With `inverse`, gradients are multiplied by it first; `found` is then 1 where one was NaN or inf, else 0, and null
     * where no parameter has a gradient.
     */
    optimStep(
      optimizer: NativeOptimizer,
      groups: Float64Array,
      custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined,
      outside: (() => void) | undefined,
    ): number;
    optimStep(
      optimizer: NativeOptimizer,
      groups: Float64Array,
      custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined,
      outside: (() => void) | undefined,
      inverse: Handle,
    ): { outcome: number; found: Handle | null };
    /** Steps that graphs have captured use these settings from their next replay on. */
    optimRefresh(optimizer: NativeOptimizer, groups: Float64Array): void;
    /** Counts a step of one parameter that is taken outside of the engine; its state tensors exist then. */
    optimAdvance(optimizer: NativeOptimizer, parameter: number): number;
    optimZeroGrad(optimizer: NativeOptimizer, setToNone: boolean): void;
    optimStates(optimizer: NativeOptimizer, whole: boolean): Raw<ParameterState>[];
    optimParts(optimizer: NativeOptimizer): { begin: number; end: number; strides: number[] }[];
    /** Shares the state out among the ranks of a group, which all call this; not in a build without c10d. */
    optimShare(
      optimizer: NativeOptimizer,
      group: NativeGroup,
      average: boolean,
      signature: string,
      modules: readonly NativeShardedParameters[],
    ): void;
    /** A backward pass has added to the gradient of a sharded optimizer's parameter. */
    optimArrived(optimizer: NativeOptimizer, parameter: number): void;
    /** How many averages that backward passes have begun steps have used, and could not use. */
    optimEarly(optimizer: NativeOptimizer): [used: number, wasted: number];
    /** Lets the steps of the other ranks fail; see `optimShare`. */
    optimFail(optimizer: NativeOptimizer): void;
    optimSlot(optimizer: NativeOptimizer, parameter: number, slot: number): Handle | null;
    optimStages(optimizer: NativeOptimizer): Raw<StageState>[];
    optimLoad(
      optimizer: NativeOptimizer,
      state: Counters & { states: Raw<ParameterState>[]; stages: Raw<StageState>[] },
    ): void;
    optimStats(optimizer: NativeOptimizer, stage: number): Raw<EngineStats>;
    optimCounters(optimizer: NativeOptimizer): Counters;
  }
}

const ofParameter: Fields<ParameterState> = { slots: true };
const ofStage: Fields<StageState> = { numbers: true, history: true, lengths: true, tap: true, elements: true };
const ofStats: Fields<EngineStats> = {
  norm: true,
  coefficient: true,
  threshold: true,
  clipped: true,
  tap: true,
  taps: true,
  skipped: true,
};

const wrapOrNull = (handle: Handle | null): Tensor | null => (handle === null ? null : wrap(handle));

// Makes the tensors of what the engine returned, in place.
function own<T extends object>(raw: Raw<T>, fields: Fields<T>): T {
  const result = raw as Record<string, unknown>;
  for (const name in fields) {
    const value = result[name] as Handle | null | (Handle | null)[];
    result[name] = Array.isArray(value) ? value.map(wrapOrNull) : wrapOrNull(value);
  }
  return result as T;
}

// The reverse of `own`, on a copy.
function lend<T extends object>(owned: T, fields: Fields<T>): Raw<T> {
  const result = { ...owned } as Record<string, unknown>;
  const handleOrNull = (value: unknown) => (isTensor(value) ? value.handle : null);
  for (const name in fields) {
    const value = result[name];
    result[name] = Array.isArray(value) ? value.map(handleOrNull) : handleOrNull(value);
  }
  return result as Raw<T>;
}

/**
 * @internal Copies of every parameter's state.
 *
 * @param whole where ranks share the state: whole tensors, for which all ranks have to ask, or this rank's flat parts.
 */
export const statesOf = (optimizer: NativeOptimizer, whole = true): ParameterState[] =>
  native.optimStates(optimizer, whole).map((state) => own<ParameterState>(state, ofParameter));

/** @internal Copies of what every stage of clipping remembers. */
export const stagesOf = (optimizer: NativeOptimizer): StageState[] =>
  native.optimStages(optimizer).map((state) => own<StageState>(state, ofStage));

/** @internal What a stage of clipping reports. */
export const statsOf = (optimizer: NativeOptimizer, stage: number): EngineStats =>
  own<EngineStats>(native.optimStats(optimizer, stage), ofStats);

/** @internal The state tensor itself, not a copy; null where there is none. */
export const slotOf = (optimizer: NativeOptimizer, parameter: number, slot: number): Tensor | null =>
  wrapOrNull(native.optimSlot(optimizer, parameter, slot));

/** @internal Replaces everything that the optimizer and its clippers remember. */
export function load(optimizer: NativeOptimizer, state: EngineState): void {
  native.optimLoad(optimizer, {
    skipped: state.skipped,
    consecutive: state.consecutive,
    states: state.states.map((own) => lend(own, ofParameter)),
    stages: state.stages.map((own) => lend(own, ofStage)),
  });
}

type Group = Readonly<Record<string, unknown>>;

/** One of the engine's rules, ready to read a group's options. */
export interface Rule extends Omit<EngineRule, 'name' | 'hyper'> {
  index: number;
  readers: { option: string; read(group: Group): unknown }[];
}

function reader(path: string): Rule['readers'][number] {
  const [option, index] = path.split('.') as [string, string?];
  const read =
    index === undefined
      ? (group: Group) => group[option]
      : (group: Group) => (group[option] as unknown[] | null | undefined)?.[+index];
  return { option, read };
}

const rules = new Map<string, Rule>(
  engine.rules.map(({ name, hyper, ...rule }, index) => [name, { ...rule, index, readers: hyper.map(reader) }]),
);

/** The rule of that name. */
export function ruleOf(name: string): Rule {
  const rule = rules.get(name);
  if (rule === undefined) throw new TorchClipError('ERR_INTERNAL', `the engine has no update rule "${name}"`);
  return rule;
}
