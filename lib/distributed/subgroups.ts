// Several groups at once, none of which shares a rank with another.
import { check, integer, positive, text } from '../check.js';
import { deviceCount, isAvailable } from '../cuda/device.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { device as deviceKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import {
  type Backend,
  type GroupOption,
  getGlobalRank,
  getProcessGroupRanks,
  groupKind,
  groupOf,
  joinGroup,
  memberOf,
  newGroup,
  type ProcessGroup,
} from './group.js';

/** Options of groups that are made together. */
export interface SubgroupOptions {
  /** Seconds that a call may take; default that of the default group. */
  timeout?: number;
  /** Default that of the default group. */
  backend?: Backend | (string & {});
}

const groupOptions = { timeout: [positive, undefined], backend: [text, undefined] } as const;
const readEnumerated = optionsOf('newSubgroupsByEnumeration', groupOptions);
const readSubgroups = optionsOf('newSubgroups', { group: [groupKind, undefined], ...groupOptions });
const readSplit = optionsOf('splitGroup', { group: [groupKind, undefined], ...groupOptions });

/** Lists of ranks below `size`, none of which stands twice. */
function disjoint(name: string, given: readonly (readonly number[])[], size: number): number[][] {
  if (!Array.isArray(given) || given.length === 0) throw invalidArgument(name, 'one or more arrays of ranks', given);
  const rank = integer(0, size - 1);
  const seen = new Map<number, number>();
  return Array.from(given as readonly unknown[], (ranks, i) => {
    const here = `${name}[${i}]`;
    if (!Array.isArray(ranks) || ranks.length === 0)
      throw invalidArgument(here, 'an array of one or more ranks', ranks);
    return Array.from(ranks as readonly unknown[], (value, j) => {
      const one = check(`${here}[${j}]`, value, rank);
      const before = seen.get(one);
      if (before !== undefined) {
        throw new TorchClipError(
          'ERR_ARGUMENT',
          `"${here}" must have ranks of its own, got rank ${one}, which "${name}[${before}]" has`,
        );
      }
      seen.set(one, i);
      return one;
    });
  });
}

/**
 * Makes a group of each list of ranks, as `torch.distributed.new_subgroups_by_enumeration`. All ranks of the default group call it with
 * the same lists, also those that are in none.
 *
 * @param ranksPerSubgroup ranks of the default group; no rank may stand in two lists.
 * @returns the group of this rank, null where it is in none, and all groups in the order of the lists, null for those of others.
 *
 * @example
 * const [own, all] = await torch.distributed.newSubgroupsByEnumeration([[0, 2], [1, 3]]);
 * await torch.distributed.allReduce(loss, { group: own });
 */
export async function newSubgroupsByEnumeration(
  ranksPerSubgroup: readonly (readonly number[])[],
  options?: SubgroupOptions,
): Promise<[own: ProcessGroup | null, all: (ProcessGroup | null)[]]> {
  const world = memberOf(undefined);
  const { timeout = world.timeout, backend = world.backend } = readEnumerated(options);
  const lists = disjoint('ranksPerSubgroup', ranksPerSubgroup, world.size);
  const groups: (ProcessGroup | null)[] = [];
  // One after the other: the names of groups count them.
  for (const ranks of lists) groups.push(await newGroup(ranks, { timeout, backend }));
  return [groups.find((group) => group !== null) ?? null, groups];
}

/**
 * Makes groups of `groupSize` ranks each, as `torch.distributed.new_subgroups`: the first so many ranks, the next so many, and so on. All
 * ranks of the default group call it.
 *
 * @param groupSize a divisor of the number of ranks; default the number of GPUs of a machine, where there are some.
 * @param options.group whose ranks to divide; default the default group.
 * @returns the group of this rank, and all groups, null for those of others.
 *
 * @example
 * const [machine] = await torch.distributed.newSubgroups(8);
 */
export async function newSubgroups(
  groupSize?: number,
  options?: SubgroupOptions & { group?: GroupOption },
): Promise<[own: ProcessGroup | null, all: (ProcessGroup | null)[]]> {
  const { group, timeout, backend } = readSubgroups(options);
  const ranks = getProcessGroupRanks(group);
  if (groupSize === undefined && !isAvailable()) {
    throw new TorchClipError('ERR_ARGUMENT', '"groupSize" must be given where there is no GPU to count');
  }
  const size = check('groupSize', groupSize ?? deviceCount(), integer(1, ranks.length));
  if (ranks.length % size !== 0)
    throw invalidArgument('groupSize', `a divisor of ${ranks.length}, the number of ranks`, size);
  const lists = Array.from({ length: ranks.length / size }, (_, i) => ranks.slice(i * size, (i + 1) * size));
  return newSubgroupsByEnumeration(lists, {
    ...(timeout !== undefined && { timeout }),
    ...(backend !== undefined && { backend }),
  });
}

/**
 * Divides a group, as `torch.distributed.split_group`; with any backend, where PyTorch asks for NCCL. All ranks of that group call it with
 * the same lists, and no others.
 *
 * @param splitRanks lists of ranks **within the group**; no rank may stand in two lists.
 * @param options.group what to divide; default the default group.
 * @param options.timeout seconds; default that of the divided group.
 * @param options.backend default that of the divided group.
 * @returns the part that this rank is in, or null.
 *
 * @example
 * const half = await torch.distributed.splitGroup([[0, 1], [2, 3]]);
 */
export async function splitGroup(
  splitRanks: readonly (readonly number[])[],
  options?: SubgroupOptions & { group?: GroupOption },
): Promise<ProcessGroup | null> {
  const { group, timeout, backend } = readSplit(options);
  const parent = memberOf(groupOf(group));
  const lists = disjoint('splitRanks', splitRanks, parent.size);
  const part = lists.findIndex((ranks) => ranks.includes(parent.rank));
  // Ranks outside of the group do not count along, so the name is the group's own.
  const name = `${parent.name}/split/${parent.splits++}/${part}`;
  if (part < 0) return null;
  const ranks = lists[part]!.sort((a, b) => a - b).map((rank) => getGlobalRank(parent, rank));
  return joinGroup({ name, ranks, backend: backend ?? parent.backend, timeout: timeout ?? parent.timeout });
}

/**
 * The backend that carries the tensors of a device where none is asked for: `'gloo'` for the CPU, `'nccl'` for GPUs.
 *
 * @example
 * console.log(torch.distributed.getDefaultBackendForDevice('cpu')); // gloo
 */
export function getDefaultBackendForDevice(device: DeviceLike): 'gloo' | 'nccl' {
  const { type } = parseDevice(check('device', device, deviceKind))!;
  if (type === 'meta') throw invalidArgument('device', 'a device with a backend, "cpu" or "cuda"', device);
  return type === 'cpu' ? 'gloo' : 'nccl';
}
