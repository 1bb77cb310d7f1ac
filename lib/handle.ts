declare const brand: unique symbol;
/** @internal The addon's object for a tensor or a generator, which keeps it as long as anything refers to the handle. */
export type Handle = object & { readonly [brand]: 'handle' };

/** What has a handle, as `scope` sees it. */
export interface HandleOwner {
  /** @internal */
  readonly handle: Handle;
  /** @internal Whether it outlives the scope that it was made in. */
  escapes?: boolean;
  /** Lets go of the memory. */
  dispose(): void;
}
