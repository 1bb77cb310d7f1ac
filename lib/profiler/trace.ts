declare const brand: unique symbol;
/** @internal What a session has recorded, held by libtorch. */
export type NativeTrace = { readonly [brand]: 'trace' };
/** @internal */
export type NativeRegion = { readonly [brand]: 'region' };

declare module '../binding/index.js' {
  interface Native {
    profilerAvailable(): boolean;
    /** Throws where a session can neither start nor stop. */
    profilerCheck(): void;
    profilerStart(cpu: boolean, cuda: boolean, recordShapes: boolean, profileMemory: boolean, withFlops: boolean): void;
    profilerStop(): NativeTrace;
    /** Twelve numbers per event. */
    profilerEvents(trace: NativeTrace): { names: string[]; shapes: string[]; numbers: number[] };
    profilerSave(trace: NativeTrace, path: string): void;
    regionBegin(name: string): NativeRegion;
    regionEnd(region: NativeRegion): void;
  }
}
