// The parameters of fully sharded modules, of which each rank has a part.
import { native } from '../binding/index.js';
import { TorchClipError } from '../errors.js';
import type { Handle } from '../handle.js';
import { TensorPart } from '../io/parts.js';
import { type Tensor, wrap } from '../tensor.js';
import type { NativeGroup } from './c10d.js';
import type { ProcessGroup } from './group.js';

declare const brand: unique symbol;
export type NativeShardedParameters = object & { readonly [brand]: 'sharded parameters' };

declare module '../binding/index.js' {
  interface Native {
    requireShardable(parameters: readonly Handle[]): void;
    shardParameters(group: NativeGroup, parameters: readonly Handle[], number: number): NativeShardedParameters;
    shardedGather(parameters: NativeShardedParameters): void;
    shardedRelease(parameters: NativeShardedParameters): void;
    shardedTake(parameters: NativeShardedParameters): void;
    shardedReduce(parameters: NativeShardedParameters): void;
    shardedSettle(parameters: NativeShardedParameters): void;
    shardedGive(parameters: NativeShardedParameters): void;
    shardedPart(parameters: NativeShardedParameters, index: number): [own: Handle, begin: number];
    shardedResident(parameters: NativeShardedParameters): number;
  }
}

const owners = new WeakMap<Tensor, ShardedParameters>();
/** How many a group has; the ranks make them in one order. */
const counts = new WeakMap<ProcessGroup, number>();

/** Parameters of which each rank keeps a part of the elements, and has the others between {@link gather} and {@link release}. */
export class ShardedParameters {
  /** Their number among those of the group; that of the first is 0. */
  readonly number: number;
  readonly native: NativeShardedParameters;
  #whole = false;

  /** @param parameters with equal values on all ranks. */
  constructor(
    readonly group: ProcessGroup,
    readonly parameters: readonly Tensor[],
  ) {
    this.number = counts.get(group) ?? 0;
    this.native = native.shardParameters(
      group.native,
      parameters.map((p) => p.handle),
      this.number,
    );
    counts.set(group, this.number + 1);
    for (const p of parameters) owners.set(p, this);
  }

  /** Whether the other ranks' elements are here. */
  get whole(): boolean {
    return this.#whole;
  }
  gather(): void {
    native.shardedGather(this.native);
    this.#whole = true;
  }
  release(): void {
    native.shardedRelease(this.native);
    this.#whole = false;
  }
  /** Bytes of memory that the parameters take now. */
  get residentBytes(): number {
    return native.shardedResident(this.native);
  }
  /** The elements of a parameter that this rank keeps: a view of its memory. */
  partOf(parameter: Tensor): TensorPart {
    const [own, begin] = native.shardedPart(this.native, this.parameters.indexOf(parameter));
    return new TensorPart(wrap(own), parameter.shape, parameter.stride(), begin);
  }
}

/** What has the parameter, undefined for one that is whole. */
export const ownerOf = (parameter: Tensor): ShardedParameters | undefined => owners.get(parameter);

/** All that have some of the parameters, in one order on all ranks. */
export function ownersOf(parameters: readonly Tensor[]): ShardedParameters[] {
  const found = new Set(parameters.map(ownerOf).filter((owner) => owner !== undefined));
  return [...found].sort((a, b) => a.number - b.number);
}

/** Refuses what would work with this rank's part of a parameter and zeros; `rule` says what is right instead. */
export function requireWhole(rule: string, parameters: Iterable<Tensor>): void {
  for (const p of parameters) {
    if (owners.has(p)) {
      throw new TorchClipError('ERR_STATE', `${rule}: each rank has a part of a fully sharded module's parameters`);
    }
  }
}
