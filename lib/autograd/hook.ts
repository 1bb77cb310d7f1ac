import { native } from '../binding/index.js';

declare const brand: unique symbol;
/** @internal A hook of a graph; it holds the function and nothing of the graph. */
export type GraphHook = { readonly [brand]: 'hook' };

declare module '../binding/index.js' {
  interface Native {
    removeGraphHook(hook: GraphHook): void;
  }
}

/** What a registration of a hook returns. */
export interface HookHandle {
  /** Takes the hook off; a second call does nothing. */
  remove(): void;
}

/** @internal */
export const removable = (hook: GraphHook): HookHandle => ({ remove: () => native.removeGraphHook(hook) });
