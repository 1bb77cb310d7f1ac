import { check, flag, synchronous } from '../../check.js';
import { optionsOf } from '../../options.js';
import { refuseLater } from '../../sync.js';
import type { HookHandle } from '../../tensor.js';
import type { OptimizerStateDict } from '../state/state-dict.js';

/** Called with an optimizer and the arguments of its step; an array that it returns replaces them. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing.
export type StepPreHook<O> = (optimizer: O, args: readonly unknown[]) => readonly unknown[] | undefined | void;
/** Called with an optimizer and the arguments of its step. */
export type StepPostHook<O> = (optimizer: O, args: readonly unknown[]) => void;
/** Called with an optimizer and a state dict; one that it returns replaces it. */
export type StateDictHook<O> = (
  optimizer: O,
  stateDict: OptimizerStateDict,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing.
) => OptimizerStateDict | undefined | void;

/** @internal */
export interface HooksOf<O> {
  stepPre: StepPreHook<O>;
  stepPost: StepPostHook<O>;
  saving: (optimizer: O) => void;
  saved: StateDictHook<O>;
  loading: StateDictHook<O>;
  loaded: (optimizer: O) => void;
}
/** @internal */
export type HookKind = keyof HooksOf<unknown>;

/** Options of a hook's registration. */
export interface HookOptions {
  /** Call it before the hooks that are there; default false. */
  prepend?: boolean;
}

const readOptions = optionsOf('a hook of an optimizer', { prepend: [flag, false] });

/** The hooks of one optimizer. Lists are replaced and not changed: a hook may add and remove others. */
export class OptimizerHooks<O> {
  readonly #lists = new Map<HookKind, readonly ((...args: never[]) => unknown)[]>();

  add<K extends HookKind>(kind: K, hook: HooksOf<O>[K], options?: HookOptions): HookHandle {
    check('hook', hook, synchronous());
    const { prepend } = readOptions(options);
    // Registered twice, it is called twice.
    const own = (...args: never[]) => (hook as (...args: never[]) => unknown)(...args);
    const list = this.#list(kind);
    this.#lists.set(kind, prepend ? [own, ...list] : [...list, own]);
    return {
      remove: () => {
        this.#lists.set(
          kind,
          this.#list(kind).filter((other) => other !== own),
        );
      },
    };
  }

  #list(kind: HookKind): readonly ((...args: never[]) => unknown)[] {
    return this.#lists.get(kind) ?? [];
  }

  /** Each hook is given what the one before has returned, where that is anything. */
  #pass<T>(kind: HookKind, optimizer: O, value: T): T {
    let passed = value;
    for (const hook of this.#list(kind))
      passed = (refuseLater('hook', (hook as (...args: unknown[]) => T)(optimizer, passed)) ?? passed) as T;
    return passed;
  }

  has(kind: HookKind): boolean {
    return this.#list(kind).length > 0;
  }

  beforeStep(optimizer: O, args: readonly unknown[]): readonly unknown[] {
    return this.#pass('stepPre', optimizer, args);
  }
  afterStep(optimizer: O, args: readonly unknown[]): void {
    for (const hook of this.#list('stepPost'))
      refuseLater('hook', (hook as unknown as StepPostHook<O>)(optimizer, args));
  }
  beforeStateDict(optimizer: O): void {
    for (const hook of this.#list('saving'))
      refuseLater('hook', (hook as unknown as (optimizer: O) => void)(optimizer));
  }
  afterStateDict(optimizer: O, stateDict: OptimizerStateDict): OptimizerStateDict {
    return this.#pass('saved', optimizer, stateDict);
  }
  beforeLoadStateDict(optimizer: O, stateDict: OptimizerStateDict): OptimizerStateDict {
    return this.#pass('loading', optimizer, stateDict);
  }
  afterLoadStateDict(optimizer: O): void {
    for (const hook of this.#list('loaded'))
      refuseLater('hook', (hook as unknown as (optimizer: O) => void)(optimizer));
  }
}

/** What a step of a subclass's own runs in. */
interface Runner {
  runOwnStep(args: readonly unknown[], body: (args: readonly unknown[]) => unknown): unknown;
}
type Step = (this: Runner, ...args: unknown[]) => unknown;
const counted = new WeakSet<Step>();

/** @internal Marks a step that calls hooks and counts by itself. */
export function countsItself(step: unknown): void {
  counted.add(step as Step);
}

/** @internal Makes a `step` that a subclass has overridden call the hooks and count, once per class, as PyTorch does. */
export function countSteps(prototype: object): void {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, 'step')) owner = Object.getPrototypeOf(owner) as object | null;
  const step = owner === null ? undefined : (Object.getOwnPropertyDescriptor(owner, 'step')?.value as unknown);
  if (owner === null || typeof step !== 'function' || counted.has(step as Step)) return;
  const original = step as Step;
  const wrapped: Step = function (...args) {
    return this.runOwnStep(args, (given) => original.apply(this, [...given]));
  };
  counted.add(wrapped);
  Object.defineProperty(owner, 'step', { value: wrapped, configurable: true, writable: true });
}
