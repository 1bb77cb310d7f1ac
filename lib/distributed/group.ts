// The groups of this process: the default one that initProcessGroup makes, and those made from it.

import { native } from '../binding/index.js';
import { arrayOf, check, instance, integer, type Kind, kind, positive, text } from '../check.js';
import { awaited, describe, invalidArgument, TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { checkOwn, own } from '../own.js';
import { type NativeGroup, needDistributed } from './c10d.js';
import { launchOf } from './environment.js';
import {
  type Backends,
  backendsOf,
  defaultPrefix,
  joined,
  markOf,
  type Rendezvous,
  ranked,
  rendezvous,
} from './rendezvous.js';
import { milliseconds, PrefixStore, type Store, store as storeKind } from './store.js';

/** Which library carries a group's tensors: one for all devices, or one per device. */
export type Backend = 'gloo' | 'nccl' | 'cpu:gloo,cuda:nccl';

/** PyTorch's default: 30 minutes. */
const defaultTimeout = 1800;

/**
 * Processes that call collectives together, as `torch.distributed.ProcessGroup`. {@link initProcessGroup} and {@link newGroup} make
 * them.
 *
 * @example
 * const group = await torch.distributed.newGroup([0, 1]);
 * console.log(group?.rank, group?.size);
 */
export class ProcessGroup {
  /** @internal */
  readonly native: NativeGroup;
  /** The name of the group in the store; the same on all ranks. */
  readonly name: string;
  /** The ranks that its members have in the default group, in the order of their ranks in this one. */
  readonly ranks: readonly number[];
  /** This process's rank in the group, from 0. */
  readonly rank: number;
  readonly backend: string;
  /** Seconds that a call may take. */
  readonly timeout: number;
  /** @internal Whether every rank runs this package, so that calls may be made of several, and are compared where they take long. */
  readonly alike: boolean;
  /** @internal Whether every call begins with such a comparison. */
  get checks(): boolean {
    return this.alike && process.env.TORCH_DISTRIBUTED_DEBUG === 'DETAIL';
  }
  /** @internal */
  destroyed = false;
  /** @internal */
  busy: Promise<unknown> | undefined = undefined;
  /** @internal How often it has been split: the names of the parts count it. */
  splits = 0;

  /** @internal */
  constructor(
    token: typeof own,
    native: NativeGroup,
    fields: Readonly<Pick<ProcessGroup, 'name' | 'ranks' | 'rank' | 'backend' | 'timeout' | 'alike'>>,
  ) {
    checkOwn(token, 'ProcessGroup', 'torch.distributed.initProcessGroup() or newGroup()');
    this.native = native;
    this.name = fields.name;
    this.ranks = fields.ranks;
    this.rank = fields.rank;
    this.backend = fields.backend;
    this.timeout = fields.timeout;
    this.alike = fields.alike;
  }

  /** How many ranks it has. */
  get size(): number {
    return this.ranks.length;
  }
}

/** A group, or null for one that this process is not a member of: a call with it does nothing, as in PyTorch. */
export type GroupOption = ProcessGroup | null;

/** @internal */
export const groupKind: Kind<GroupOption> = kind(
  'a ProcessGroup or null',
  (value) => value === null || value instanceof ProcessGroup,
);
/** @internal */
export const member: Kind<ProcessGroup> = instance(ProcessGroup, 'a ProcessGroup that this process belongs to');

interface World {
  readonly group: ProcessGroup;
  readonly store: Store;
  /** What {@link destroyProcessGroup} closes: what initProcessGroup opened and made from it. */
  readonly opened: readonly Store[];
  readonly groups: Set<ProcessGroup>;
  /** How many groups there have been: PyTorch names them by it. */
  count: number;
}

let world: World | undefined;
let beginning = false;
/** How many default groups have met in a store that outlived them: the next must not read what they have left there. */
const before = new WeakMap<object, number>();

function theWorld(): World {
  if (world !== undefined) return world;
  throw new TorchClipError(
    'ERR_STATE',
    'there is no process group yet: await torch.distributed.initProcessGroup() first',
  );
}

/** @internal The group of a call: the given one, or the default one. */
export function groupOf(given: GroupOption | undefined): GroupOption {
  const group = given === undefined ? theWorld().group : given;
  if (group?.destroyed) throw new TorchClipError('ERR_STATE', 'the process group has been destroyed');
  return group;
}

/** @internal The group, for calls that only its members can make. */
export const memberOf = (given: GroupOption | undefined): ProcessGroup => check('group', groupOf(given), member);

const readInit = optionsOf('initProcessGroup', {
  backend: [text, undefined],
  initMethod: [text, undefined],
  store: [storeKind, undefined],
  rank: [integer(0), undefined],
  worldSize: [integer(1), undefined],
  timeout: [positive, defaultTimeout],
});

/** Options of {@link initProcessGroup}. */
export interface InitOptions {
  /**
   * `'gloo'`, `'nccl'`, or one per device such as `'cpu:gloo,cuda:nccl'`. Default: Gloo for the CPU, and NCCL for GPUs where both are
   * there.
   */
  backend?: Backend | (string & {});
  /**
   * Where the ranks meet: `'env://'` (default) reads the launcher's variables, `'tcp://host:port'` names rank 0's address,
   * `'file:///path'` a file that all can write and that does not exist yet.
   */
  initMethod?: string;
  /** A store to meet in, instead of `initMethod`; it stays open after the group. Default: none. */
  store?: Store;
  /** This process's rank; default what `env://` reads from the environment. */
  rank?: number;
  /** How many processes there are; default what `env://` reads from the environment. */
  worldSize?: number;
  /** Seconds that the ranks may take to meet, and every call afterwards; default 1800. */
  timeout?: number;
}

/**
 * Joins the default group, as `torch.distributed.init_process_group`: every process of the job calls it once. Ranks may be processes
 * of this package, of PyTorch in Python and of C++, in any mixture.
 *
 * @returns the default group, which every other function uses where none is given.
 * @throws {TorchClipError} rejects with `ERR_TIMEOUT` where not all ranks come within `timeout`, with `ERR_DISTRIBUTED` where the
 * address cannot be used.
 *
 * @example
 * // npx torch-clip run --nproc-per-node 4 train.js
 * await torch.distributed.initProcessGroup();
 * await torch.distributed.allReduce(loss, { op: 'avg' });
 */
export async function initProcessGroup(options?: InitOptions): Promise<ProcessGroup> {
  needDistributed();
  const { backend, initMethod, store, rank, worldSize, timeout } = readInit(options);
  const backends = backendsOf(backend);
  if (world !== undefined || beginning) {
    throw new TorchClipError('ERR_STATE', 'the default process group exists already; destroyProcessGroup() ends it');
  }
  if (store !== undefined && initMethod !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', '"store" cannot be combined with "initMethod"');
  }
  beginning = true;
  const started = performance.now();
  const opened: Store[] = [];
  try {
    const met: Rendezvous =
      store === undefined
        ? await rendezvous(initMethod ?? 'env://', rank, worldSize, timeout)
        : { store, opened: undefined, lasting: store, ...ranked(rank, worldSize, '"store"') };
    if (met.opened !== undefined) opened.push(met.opened);
    const left = timeout - (performance.now() - started) / 1000;
    const ranks = Array.from({ length: met.worldSize }, (_, i) => i);
    const times = (met.lasting && before.get(met.lasting)) ?? 0;
    const prefix = [...(store === undefined ? [defaultPrefix] : []), ...(times > 0 ? [`again/${times}`] : [])].join(
      '/',
    );
    const shared = prefix === '' ? met.store : new PrefixStore(prefix, met.store);
    if (shared !== store) opened.push(shared);
    const named = { name: '0', ranks, rank: met.rank, backend: backend ?? joined(backends), timeout };
    const group = await makeGroup(shared, named, backends, left);
    // Other groups meet below the default one's prefix, as PyTorch's do.
    const inner = new PrefixStore(`${group.name}/`, shared);
    opened.push(inner);
    // Ranks of Python do not count along.
    if (met.lasting && group.alike) before.set(met.lasting, times + 1);
    world = { group, store: inner, opened, groups: new Set([group]), count: 1 };
    return group;
  } catch (error) {
    for (const one of opened) one.close();
    throw error;
  } finally {
    beginning = false;
  }
}

/** Every rank of this package leaves a mark before it joins, so that afterwards each sees whether all do. */
async function makeGroup(
  store: Store,
  named: Readonly<Pick<ProcessGroup, 'name' | 'ranks' | 'rank' | 'backend' | 'timeout'>>,
  backends: Backends,
  limit: number,
): Promise<ProcessGroup> {
  const { name, ranks, rank, timeout } = named;
  // A group that connects later proves nothing of its other ranks.
  const eager = !/^(1|true|y(es)?|on)$/i.test(process.env.TORCH_GLOO_LAZY_INIT ?? '');
  if (eager) await store.set(markOf(name, rank), '1');
  const made = await awaited(
    native.groupMake(store.native, name, rank, ranks.length, backends, milliseconds(timeout), milliseconds(limit)),
  ).catch((error: unknown) => {
    // It may come again, and is no member yet. Nobody waits for a store that has gone.
    if (eager) native.storeCall(store.native, 'deleteKey', [markOf(name, rank)], [], 0, 1000).catch(() => {});
    throw error;
  });
  const alike = eager && backends[0]![1] === 'gloo' && (await store.check(ranks.map((_, i) => markOf(name, i))));
  if (alike) native.groupCompare(made);
  return new ProcessGroup(own, made, { ...named, alike });
}

const readNewGroup = optionsOf('newGroup', { timeout: [positive, undefined], backend: [text, undefined] });

/**
 * Makes a group of some ranks of the default group, as `torch.distributed.new_group`. All ranks of the default group call it, with the
 * same ranks and in the same order, also those that are not in it.
 *
 * @param ranks of the default group; default all. They are sorted.
 * @param options.timeout seconds; default that of the default group.
 * @param options.backend default that of the default group.
 * @returns null on a rank that is not a member; what is called with null does nothing.
 *
 * @example
 * const even = await torch.distributed.newGroup([0, 2]);
 * await torch.distributed.allReduce(loss, { group: even });
 */
export async function newGroup(
  ranks?: readonly number[],
  options?: { timeout?: number; backend?: Backend | (string & {}) },
): Promise<ProcessGroup | null> {
  const { group: parent } = theWorld();
  const { timeout = parent.timeout, backend } = readNewGroup(options);
  backendsOf(backend ?? parent.backend);
  const members = ranks === undefined ? parent.ranks : check('ranks', ranks, arrayOf(integer(0, parent.size - 1)));
  const sorted = [...members].sort((a, b) => a - b);
  if (sorted.length === 0 || new Set(sorted).size < sorted.length) {
    throw invalidArgument('ranks', 'an array of one or more different ranks', ranks);
  }
  return joinGroup({ name: String(theWorld().count++), ranks: sorted, backend: backend ?? parent.backend, timeout });
}

/** @internal Joins a group of some ranks of the default group; null on the others, which may call this too. */
export async function joinGroup(
  named: Readonly<Pick<ProcessGroup, 'name' | 'ranks' | 'backend' | 'timeout'>>,
): Promise<ProcessGroup | null> {
  const { group: parent, store } = theWorld();
  const rank = named.ranks.indexOf(parent.rank);
  if (rank < 0) return null;
  const group = await makeGroup(store, { ...named, rank }, backendsOf(named.backend), named.timeout).catch(
    (error: unknown) => {
      if (!(error instanceof TorchClipError) || error.code !== 'ERR_TIMEOUT') throw error;
      throw new TorchClipError(
        'ERR_TIMEOUT',
        `${error.message}; all ranks of the default group make the same groups in the same order, also those that are not in them`,
        { cause: error },
      );
    },
  );
  world?.groups.add(group);
  return group;
}

/**
 * Leaves a group, or the default group and all others, as `torch.distributed.destroy_process_group`. What is under way ends first,
 * at the latest at its time-out. Another {@link initProcessGroup} may follow.
 *
 * @example
 * await torch.distributed.destroyProcessGroup();
 */
export async function destroyProcessGroup(group?: GroupOption): Promise<void> {
  const given = check('group', group === undefined ? theWorld().group : group, groupKind);
  if (given === null || given.destroyed) return;
  const all = given === world?.group ? [...world.groups] : [given];
  const opened = given === world?.group ? world.opened : [];
  for (const one of all) {
    one.destroyed = true;
    world?.groups.delete(one);
  }
  if (given === world?.group) world = undefined;
  try {
    await Promise.all(all.map((one) => awaited(native.groupDestroy(one.native))));
  } finally {
    // All of them: a server ends with the last, and its port is free.
    for (const one of opened) one.close();
  }
}

/**
 * Whether {@link initProcessGroup} has made the default group.
 *
 * @example
 * if (!torch.distributed.isInitialized()) await torch.distributed.initProcessGroup();
 */
export const isInitialized = (): boolean => world !== undefined;

/**
 * This process's rank in a group; -1 where it is not a member.
 *
 * @example
 * if (torch.distributed.getRank() === 0) console.log(loss.item());
 */
export function getRank(group?: GroupOption): number {
  return check('group', groupOf(group), groupKind)?.rank ?? -1;
}

/**
 * How many ranks a group has; -1 where this process is not a member.
 *
 * @example
 * const share = total / torch.distributed.getWorldSize();
 */
export function getWorldSize(group?: GroupOption): number {
  return check('group', groupOf(group), groupKind)?.size ?? -1;
}

/**
 * The backend of a group, as it was asked for.
 *
 * @example
 * torch.distributed.getBackend(); // 'cpu:gloo'
 */
export function getBackend(group?: GroupOption): string {
  return memberOf(group).backend;
}

/**
 * The ranks of a group in the default group, in the order of their ranks in that group.
 *
 * @example
 * torch.distributed.getProcessGroupRanks(); // [0, 1, 2, 3]
 */
export function getProcessGroupRanks(group?: GroupOption): number[] {
  return [...memberOf(group).ranks];
}

/**
 * The rank in a group of a rank of the default group.
 *
 * @example
 * torch.distributed.getGroupRank(even, 2); // 1, of the ranks 0 and 2
 */
export function getGroupRank(group: ProcessGroup, globalRank: number): number {
  const { ranks } = memberOf(group);
  const rank = ranks.indexOf(check('globalRank', globalRank, integer(0)));
  if (rank < 0) throw invalidArgument('globalRank', `one of the group's ranks ${describe([...ranks])}`, globalRank);
  return rank;
}

/**
 * The rank in the default group of a rank of a group.
 *
 * @example
 * torch.distributed.getGlobalRank(even, 1); // 2, of the ranks 0 and 2
 */
export function getGlobalRank(group: ProcessGroup, groupRank: number): number {
  const { ranks } = memberOf(group);
  return ranks[check('groupRank', groupRank, integer(0, ranks.length - 1))]!;
}

/**
 * Which of the ranks on this machine this process is, from 0: the number of the GPU to use.
 *
 * @param fallback what to return where the launcher does not tell; without it that is refused.
 *
 * @example
 * torch.cuda.setDevice(torch.distributed.getNodeLocalRank(0));
 */
export function getNodeLocalRank(fallback?: number): number {
  const rank = launchOf(process.env)?.localRank ?? fallback;
  if (rank === undefined) {
    throw new TorchClipError('ERR_STATE', 'no launcher has told the local rank: LOCAL_RANK is not in the environment');
  }
  return check('fallback', rank, integer(0));
}

/**
 * Whether a backend is in this build.
 *
 * @example
 * torch.distributed.isBackendAvailable('nccl');
 */
export function isBackendAvailable(backend: string): boolean {
  return (
    'distributedBackends' in native &&
    native.distributedBackends().includes(check('backend', backend, text).toLowerCase())
  );
}
/**
 * Whether Gloo, which carries tensors of the CPU, is in this build.
 *
 * @example
 * torch.distributed.isGlooAvailable();
 */
export const isGlooAvailable = (): boolean => isBackendAvailable('gloo');
/**
 * Whether NCCL, which carries tensors of GPUs, is in this build.
 *
 * @example
 * const backend = torch.distributed.isNcclAvailable() ? 'nccl' : 'gloo';
 */
export const isNcclAvailable = (): boolean => isBackendAvailable('nccl');
/**
 * Whether torchrun, or `torch-clip run`, has started this process.
 *
 * @example
 * torch.distributed.isTorchelasticLaunched(); // true under npx torch-clip run
 */
export const isTorchelasticLaunched = (): boolean => process.env.TORCHELASTIC_RUN_ID !== undefined;
