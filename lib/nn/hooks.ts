import { check, flag, synchronous, withoutHoles } from '../check.js';
import { optionsOf } from '../options.js';
import { refuseLater } from '../sync.js';
import type { HookHandle } from '../tensor.js';
import { BackwardPass } from './backward-hooks.js';
import type {
  BackwardHook,
  BackwardPreHook,
  ForwardHook,
  ForwardPreHook,
  LoadStateDictHook,
  LoadStateDictPreHook,
  StateDictHook,
  StateDictPreHook,
} from './hook-types.js';

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
    const entry = { hook: check('hook', hook, synchronous<F>()) };
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
export class Hooks<M> {
  forwardPre = new HookList<ForwardPreHook<M>>();
  forward = new HookList<ForwardHook<M>>();
  /** Run even where `forward` or another hook throws. */
  always = new HookList<ForwardHook<M>>();
  backwardPre = new HookList<BackwardPreHook<M>>();
  backward = new HookList<BackwardHook<M>>();
  statePre = new HookList<StateDictPreHook<M>>();
  state = new HookList<StateDictHook<M>>();
  loadPre = new HookList<LoadStateDictPreHook<M>>();
  load = new HookList<LoadStateDictHook<M>>();

  copy(): Hooks<M> {
    const copy = new Hooks<M>();
    for (const name of Object.keys(this) as (keyof Omit<Hooks<M>, 'copy'>)[]) {
      copy[name] = this[name].copy() as never;
    }
    return copy;
  }
}

/** Runs `forward` between the hooks. */
export function callWithHooks<M extends object>(
  module: M,
  hooks: Hooks<M>,
  given: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
): unknown {
  let args = given;
  let output: unknown;
  let done = false;
  const called = new Set<ForwardHook<M>>();
  const run = (hook: ForwardHook<M>) => {
    called.add(hook);
    const result = refuseLater('hook', hook(module, args, output));
    if (result !== undefined && result !== null) output = result;
  };
  try {
    for (const hook of hooks.forwardPre) {
      const result = refuseLater('hook', hook(module, args));
      if (result !== undefined && result !== null)
        args = Array.isArray(result) ? withoutHoles('what a forward pre-hook returns', result) : [result];
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
