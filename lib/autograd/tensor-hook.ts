// Hooks on the gradient of a tensor as the addon holds them.
import { native } from '../binding/index.js';
import type { Handle } from '../handle.js';
import type { HookHandle } from './hook.js';

declare const brand: unique symbol;
type HookRef = object & { readonly [brand]: 'hook' };

/** @internal Is called with a gradient, and may return another one. */
export type NativeHook = (grad: Handle) => Handle | undefined;

declare module '../binding/index.js' {
  interface Native {
    registerHook(t: Handle, hook: NativeHook): HookRef;
    removeHook(hook: HookRef): void;
    weakenHooks(): void;
  }
}

/** Keeps the hooks of a tensor that nothing else can reach: the addon's references to those are weak. */
const hooksOf = new WeakMap<Handle, Set<NativeHook>>();

/** @internal */
export function attachHook(tensor: Handle, hook: NativeHook): HookHandle {
  const ref = native.registerHook(tensor, hook);
  const hooks = hooksOf.get(tensor) ?? new Set();
  hooksOf.set(tensor, hooks.add(hook));
  let attached: (() => void) | undefined = () => {
    native.removeHook(ref);
    hooks.delete(hook);
  };
  return {
    remove: () => {
      attached?.();
      attached = undefined;
    },
  };
}
