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

export type NativePass = object & { readonly [brand]: 'pass' };

declare module '../binding/index.js' {
  interface Native {
    requireShardable(parameters: readonly Handle[]): void;
    shardParameters(group: NativeGroup, parameters: readonly Handle[], number: number): NativeShardedParameters;
    shardedGather(parameters: NativeShardedParameters): void;
    /** Begins to fetch what is to be gathered soon. */
    shardedPrefetch(parameters: NativeShardedParameters): void;
    shardedRelease(parameters: NativeShardedParameters): void;
    shardedReduce(parameters: NativeShardedParameters): void;
    shardedSettle(parameters: NativeShardedParameters): void;
    shardedGive(parameters: NativeShardedParameters): void;
    /** Which modules of the group, by their numbers, have gradients left on any rank. */
    shardedEnd(parameters: NativeShardedParameters, left: readonly boolean[]): boolean[];
    shardedPart(parameter: Handle): [own: Handle, begin: number];
    shardedClear(gradient: Handle): void;
    isSharded(tensor: Handle): boolean;
    shardedResident(parameters: NativeShardedParameters): number;
    shardedPass(ended: () => void): NativePass;
    shardedPassRuns(pass: NativePass): boolean;
    shardedReach(pass: NativePass, parameters: NativeShardedParameters): void;
  }
}

const owners = new WeakMap<Tensor, ShardedParameters>();
/** How many a group has; the ranks make them in one order. */
const counts = new WeakMap<ProcessGroup, number>();
/** What sharded optimizers have that no module has sharded before. */
const inOptimizers = new WeakSet<Tensor>();

/** Parameters of which each rank keeps a part of the elements, and has the others between {@link gather} and {@link release}. */
export class ShardedParameters {
  /** Their number among those of the group; that of the first is 0. */
  readonly number: number;
  readonly native: NativeShardedParameters;

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
  whole = false;

  gather(): void {
    native.shardedGather(this.native);
    this.whole = true;
  }
  release(): void {
    native.shardedRelease(this.native);
    this.whole = false;
  }
  /** Bytes of memory that the parameters take now. */
  get residentBytes(): number {
    return native.shardedResident(this.native);
  }
}

/** The elements of a parameter that this rank keeps, as they are now. */
export function partOf(parameter: Tensor): TensorPart {
  const [own, begin] = native.shardedPart(parameter.handle);
  return new TensorPart(wrap(own).clone(), parameter.shape, parameter.stride(), begin);
}

/** How many modules of a group have sharded parameters. */
export const countOf = (group: ProcessGroup): number => counts.get(group) ?? 0;

/** What has the parameter, undefined for one that is whole. */
export const ownerOf = (parameter: Tensor): ShardedParameters | undefined => owners.get(parameter);

/** All that have some of the parameters, in one order on all ranks. */
export function ownersOf(parameters: readonly Tensor[]): ShardedParameters[] {
  const found = new Set(parameters.map(ownerOf).filter((owner) => owner !== undefined));
  return [...found].sort((a, b) => a.number - b.number);
}

/** Notes that a sharded optimizer has parameters, whose elements belong to ranks from then on. */
export function noteShared(parameters: readonly Tensor[]): void {
  for (const p of parameters) inOptimizers.add(p);
}
export const isShared = (parameter: Tensor): boolean => inOptimizers.has(parameter);

/** What a DistributedDataParallel has, whose backward passes average the gradients. */
const inReducers = new WeakSet<Tensor>();
export function noteReduced(parameters: readonly Tensor[]): void {
  for (const p of parameters) inReducers.add(p);
}
export const isReduced = (parameter: Tensor): boolean => inReducers.has(parameter);

/** Whose gradients the steps of sharded optimizers average; undefined while there are none, or who clips them has been warned. */
let averagedLater: WeakSet<Tensor> | undefined;
let isWarned = false;

/** Notes that a step of a sharded optimizer takes the mean of a parameter's gradients, which until then are each rank's own. */
export function noteAveraged(parameter: Tensor): void {
  if (isWarned) return;
  averagedLater ??= new WeakSet();
  averagedLater.add(parameter);
}

/** Warns, once, where gradients are clipped that are this rank's own until a step averages them. */
export function warnOfOwn(name: string, parameters: readonly Tensor[]): void {
  if (averagedLater === undefined || !parameters.some((p) => averagedLater!.has(p))) return;
  isWarned = true;
  averagedLater = undefined;
  process.emitWarning(
    `${name} clips the gradients of this rank alone, and the step of the sharded optimizer averages them after that: clip in the optimizer, as by { clip: clip.norm(1) }`,
  );
}

/** Sets a parameter's gradient to zero, of a sharded one this rank's part. */
export function clearGrad(parameter: Tensor): void {
  const { grad } = parameter;
  if (grad === null) return;
  if (owners.has(parameter) && native.isSharded(grad.handle)) native.shardedClear(grad.handle);
  else grad.detach().zero_();
}

/** Refuses what would work with this rank's part of a parameter and zeros; `rule` says what is right instead. */
export function requireWhole(rule: string, parameters: Iterable<Tensor>): void {
  for (const p of parameters) {
    if (owners.has(p)) {
      throw new TorchClipError('ERR_STATE', `${rule}: each rank has a part of a fully sharded module's parameters`);
    }
  }
}
