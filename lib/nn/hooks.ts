import { callable, check, flag } from '../check.js';
import { optionsOf } from '../options.js';
import type { HookHandle, Tensor } from '../tensor.js';
import { BackwardPass } from './backward-hooks.js';
import type { Module } from './module.js';
import type { IncompatibleKeys, StateDict } from './state.js';

/** Called before `forward` with its arguments; what it returns replaces them, an array all of them, anything else the only one. */
export type ForwardPreHook<M = Module> = (module: M, args: readonly unknown[]) => unknown;
/** Called after `forward`; what it returns replaces the output. */
export type ForwardHook<M = Module> = (module: M, args: readonly unknown[], output: unknown) => unknown;
/** Gradients of a module's tensors, null for those that need none. */
export type Gradients = readonly (Tensor | null)[];
/** Called before the gradients pass the module; what it returns replaces the outputs' gradients. */
export type BackwardPreHook<M = Module> = (module: M, gradOutput: Gradients) => unknown;
/** Called when the inputs' gradients are known; what it returns replaces them. */
export type BackwardHook<M = Module> = (module: M, gradInput: Gradients, gradOutput: Gradients) => unknown;
/** Called before a module's state is read. */
export type StateDictPreHook<M = Module> = (module: M, prefix: string) => void;
/** Called with the state of the module and those below, which it may change. */
export type StateDictHook<M = Module> = (module: M, stateDict: StateDict, prefix: string) => void;
/** Called before state is loaded with a copy of the whole state dict, whose names it may change. */
export type LoadStateDictPreHook<M = Module> = (module: M, stateDict: StateDict, prefix: string) => void;
/** Called after state was loaded; it may change the lists of keys. */
export type LoadStateDictHook<M = Module> = (module: M, incompatibleKeys: IncompatibleKeys) => void;

/** Options of most hooks. */
export interface HookOptions {
  /** Run before the hooks that are there already; default false. */
  prepend?: boolean;
}

const readHook = optionsOf('register..Hook()', { prepend: [flag, false] });

/** Functions in the order in which they run; one may take itself off while it runs. */
export class HookList<F extends (...args: never[]) => unknown> implements Iterable<F> {
  private entries: { hook: F }[] = [];

  get size(): number {
    return this.entries.length;
  }

  add(hook: F, options: HookOptions = {}): HookHandle {
    const { prepend } = readHook(options);
    const entry = { hook: check('hook', hook, callable<F>()) };
    this.entries = prepend ? [entry, ...this.entries] : [...this.entries, entry];
    return {
      remove: () => {
        this.entries = this.entries.filter((other) => other !== entry);
      },
    };
  }

  *[Symbol.iterator](): IterableIterator<F> {
    for (const { hook } of this.entries) yield hook;
  }

  copy(): HookList<F> {
    const copy = new HookList<F>();
    copy.entries = this.entries;
    return copy;
  }
}

/** All hooks of a module. */
export class Hooks {
  forwardPre = new HookList<ForwardPreHook>();
  forward = new HookList<ForwardHook>();
  /** Run even where `forward` or another hook throws. */
  always = new HookList<ForwardHook>();
  backwardPre = new HookList<BackwardPreHook>();
  backward = new HookList<BackwardHook>();
  statePre = new HookList<StateDictPreHook>();
  state = new HookList<StateDictHook>();
  loadPre = new HookList<LoadStateDictPreHook>();
  load = new HookList<LoadStateDictHook>();

  copy(): Hooks {
    const copy = new Hooks();
    for (const name of Object.keys(this) as (keyof Omit<Hooks, 'copy'>)[]) {
      copy[name] = this[name].copy() as never;
    }
    return copy;
  }
}

/** Runs `forward` between the hooks. */
export function callWithHooks(
  module: Module,
  hooks: Hooks,
  given: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
): unknown {
  let args = given;
  let output: unknown;
  let done = false;
  const called = new Set<ForwardHook>();
  const run = (hook: ForwardHook) => {
    called.add(hook);
    const result = hook(module, args, output);
    if (result !== undefined && result !== null) output = result;
  };
  try {
    for (const hook of hooks.forwardPre) {
      const result = hook(module, args);
      if (result !== undefined && result !== null) args = Array.isArray(result) ? result : [result];
    }
    const pass =
      hooks.backwardPre.size + hooks.backward.size > 0
        ? new BackwardPass(module, hooks.backwardPre, hooks.backward)
        : undefined;
    output = forward(pass?.enter(args) ?? args);
    for (const hook of hooks.forward) run(hook);
    if (pass) output = pass.leave(output);
    done = true;
    return output;
  } finally {
    if (!done) for (const hook of hooks.always) if (!called.has(hook)) run(hook);
  }
}
