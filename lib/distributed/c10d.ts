// The addon's functions over libtorch's c10d; a build for a libtorch without it lacks them.
import { native } from '../binding/index.js';
import { TorchClipError } from '../errors.js';
import type { Handle } from '../handle.js';

declare const storeBrand: unique symbol;
declare const groupBrand: unique symbol;
declare const workBrand: unique symbol;
/** @internal */
export type NativeStore = object & { readonly [storeBrand]: 'store' };
/** @internal */
export type NativeGroup = object & { readonly [groupBrand]: 'group' };
/** @internal */
export type NativeWork = object & { readonly [workBrand]: 'work' };

declare module '../binding/index.js' {
  interface Native {
    storeTcp(
      host: string,
      port: number,
      isServer: boolean,
      worldSize: number,
      waitForWorkers: boolean,
      multiTenant: boolean,
      timeout: number,
    ): Promise<NativeStore>;
    storePort(store: NativeStore): number;
    storeFile(path: string, worldSize: number, timeout: number): Promise<NativeStore>;
    storeHash(timeout: number): NativeStore;
    storePrefix(prefix: string, store: NativeStore): NativeStore;
    storeClose(store: NativeStore): void;
    storeTimeout(store: NativeStore, timeout: number): void;
    storeCall(
      store: NativeStore,
      method: string,
      keys: readonly string[],
      values: readonly Uint8Array[],
      amount: number,
      timeout: number,
    ): Promise<unknown>;
    groupMake(
      store: NativeStore,
      name: string,
      rank: number,
      size: number,
      backends: readonly (readonly [device: string, backend: string])[],
      timeout: number,
      limit: number,
    ): Promise<NativeGroup>;
    distributedBackends(): string[];
    /** For tests: a group that another addon has registered with c10d. */
    groupRegistered(name: string, timeout: number): NativeGroup;
    groupCompare(group: NativeGroup): void;
    groupDestroy(group: NativeGroup): Promise<void>;
    collective(
      group: NativeGroup,
      name: string,
      outputs: readonly (readonly Handle[])[],
      inputs: readonly Handle[],
      numbers: readonly [op: number, root: number, tag: number, timeout: number],
      splits: readonly [output: readonly number[], input: readonly number[]] | null,
      mode: 'wait' | 'promise' | 'work',
    ): unknown;
    workDone(work: NativeWork): boolean;
    workWait(work: NativeWork, timeout: number): void;
    monitoredBarrier(group: NativeGroup, timeout: number, waitAllRanks: boolean, wait: boolean): unknown;
  }
}

/**
 * Whether this build has `torch.distributed`: true where libtorch has c10d with Gloo, as the wheels for Linux do.
 *
 * @example
 * if (torch.distributed.isAvailable()) await torch.distributed.initProcessGroup();
 */
export function isAvailable(): boolean {
  return 'groupMake' in native;
}

/** Refuses where there is no c10d. */
export function needDistributed(): void {
  if (isAvailable()) return;
  throw new TorchClipError(
    'ERR_DISTRIBUTED_UNAVAILABLE',
    'torch.distributed needs a libtorch with c10d and Gloo, which this build was not made for; a wheel of PyTorch for Linux has them',
  );
}
