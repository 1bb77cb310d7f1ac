import { native } from '../../binding/index.js';
import type { NativeStage } from '../../clip/native.js';
import type { Handle } from '../../tensor.js';
import type { Held } from './saved.js';

declare const brand: unique symbol;
/** @internal The engine's side of an optimizer. */
export type NativeOptimizer = { readonly [brand]: 'optimizer' };

/** @internal A parameter's step count, its state tensors in the order of the rule's slots, null where there is none, and its numbers. */
export type ParameterState = [step: number, slots: (Handle | null)[], scalars: number[]];

/** @internal What a stage of clipping remembers. */
export type StageState = [
  flips: number,
  decisions: number,
  clipped: number,
  numbers: Handle,
  history: Handle,
  lengths: Handle,
  tap: Handle,
  elements: (Handle | null)[],
];

/** @internal What a stage of clipping tells; see {@link StageStats}. */
export type NativeStats = [
  norm: Handle,
  coefficient: Handle,
  threshold: Handle,
  clipped: Handle,
  tap: Handle,
  /** Where it is not null, `tap` is a ring into which so many norms have been written. */
  taps: Handle | null,
  skipped: Handle,
];

interface NativeRule {
  name: string;
  /** The hyperparameters it reads, in its order: the name of an option, with `.i` for an element of one that is an array. */
  hyper: string[];
  /** Its state tensors, by PyTorch's names; '' for one that only other rules of the same optimizer have. */
  slots: string[];
  /** Its numbers of each parameter beside the step count. */
  scalars: string[];
  /** Whether PyTorch keeps the step count in the state dict. */
  storesStep: boolean;
}

declare module '../../binding/index.js' {
  interface Native {
    optimRules(): { row: number; rules: NativeRule[] };
    optimCreate(
      stages: NativeStage[],
      policy: number,
      maxConsecutiveSkips: number,
      writeBack: boolean,
    ): NativeOptimizer;
    optimAddGroup(optimizer: NativeOptimizer, params: Handle[]): void;
    optimStep(
      optimizer: NativeOptimizer,
      rows: Float64Array,
      custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined,
      outside: (() => void) | undefined,
    ): number;
    /** Gradients are multiplied by `inverse` first; also returns a tensor, 1 where one was NaN or inf, null without gradients. */
    optimStepScaled(
      optimizer: NativeOptimizer,
      rows: Float64Array,
      custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined,
      outside: (() => void) | undefined,
      inverse: Handle,
    ): [outcome: number, found: Handle | null];
    /** Steps that graphs have captured go by these rows from their next replay on. */
    optimRefresh(optimizer: NativeOptimizer, rows: Float64Array): void;
    optimZeroGrad(optimizer: NativeOptimizer, setToNone: boolean): void;
    optimState(optimizer: NativeOptimizer): ParameterState[];
    optimSlot(optimizer: NativeOptimizer, parameter: number, slot: number): Handle | null;
    optimStages(optimizer: NativeOptimizer): StageState[];
    optimLoad(
      optimizer: NativeOptimizer,
      states: ParameterState[],
      skipped: number,
      consecutive: number,
      stages: StageState[],
      /** Lives through the call. */
      held: Held,
    ): void;
    optimStats(optimizer: NativeOptimizer, stage: number): NativeStats;
    optimCounters(optimizer: NativeOptimizer): [skipped: number, consecutive: number];
  }
}

type Group = Readonly<Record<string, unknown>>;

/** One of the engine's rules, ready to read a group's options. */
export interface Rule {
  index: number;
  slots: string[];
  scalars: string[];
  storesStep: boolean;
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

const table = native.optimRules();

/** How many numbers describe a group to the engine: the rule, maximize, then what the rule reads. */
export const rowLength = table.row;

const rules = new Map<string, Rule>(
  table.rules.map(({ name, hyper, slots, scalars, storesStep }, index) => [
    name,
    { index, slots, scalars, storesStep, readers: hyper.map(reader) },
  ]),
);

/** The rule of that name. */
export function ruleOf(name: string): Rule {
  return rules.get(name)!;
}
