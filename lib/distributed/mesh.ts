// Ranks in rows and columns, with a group along each dimension.

import { anything, arrayOf, check, integer, type Kind, kind, oneOf, orNull, text } from '../check.js';
import { fromTypedArray } from '../creation/index.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { isPlainObject, optionsOf } from '../options.js';
import { checkOwn, own } from '../own.js';
import { isTensor, type Tensor } from '../tensor.js';
import { needDistributed } from './c10d.js';
import {
  type Backend,
  getProcessGroupRanks,
  getRank,
  initProcessGroup,
  isInitialized,
  memberOf,
  newGroup,
  ProcessGroup,
} from './group.js';
import { backendsOf } from './rendezvous.js';

/** A device without a number, for the ranks of a {@link DeviceMesh}. */
export type MeshDevice = 'cpu' | 'cuda';
/** Ranks in arrays of any depth, all of the same lengths. */
export type MeshRanks = readonly number[] | readonly MeshRanks[];

/** Options of a {@link DeviceMesh}. */
export interface MeshOptions {
  /** A name for each dimension, each another; default none. */
  meshDimNames?: readonly string[] | null;
  /** The backends of dimensions that are not to have that of the default group, by number or name. */
  backendOverride?: Readonly<Record<string | number, Backend | (string & {})>>;
}

interface Layout {
  readonly deviceType: MeshDevice;
  readonly shape: readonly number[];
  /** Row by row. */
  readonly ranks: readonly number[];
  readonly names: readonly string[] | null;
}

const deviceKind = oneOf('cpu', 'cuda');
const namesKind = orNull(arrayOf(text));
const options = { meshDimNames: [namesKind, null] } as const;
const overrides = kind<Readonly<Record<string, unknown>>>('a plain object', isPlainObject);
// Said in the words of flat().
const anyRanks = anything as Kind<MeshRanks | Tensor>;
const readMesh = optionsOf('DeviceMesh', { ...options, backendOverride: [overrides, undefined] });
const readFromGroup = optionsOf('DeviceMesh.fromGroup', { mesh: [anyRanks, undefined], ...options });

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** The shape and the elements of nested arrays or a tensor. */
function flat(mesh: unknown): { shape: number[]; ranks: number[] } {
  const nested: unknown = isTensor(mesh) ? mesh.tolist() : mesh;
  const refuse = () => invalidArgument('mesh', 'an integer tensor or nested arrays of ranks, each of them once', mesh);
  const shape: number[] = [];
  for (let level = nested; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    // An array may hold itself.
    if (shape.length > 16) throw refuse();
  }
  const ranks: number[] = [];
  const walk = (level: unknown, depth: number) => {
    if (depth === shape.length) {
      const rank = typeof level === 'bigint' ? Number(level) : level;
      if (!Number.isSafeInteger(rank) || (rank as number) < 0) throw refuse();
      ranks.push(rank as number);
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[depth]) throw refuse();
    for (let i = 0; i < level.length; i++) walk(level[i], depth + 1);
  };
  walk(nested, 0);
  if (shape.length === 0 || ranks.length === 0 || new Set(ranks).size < ranks.length) throw refuse();
  return { shape, ranks };
}

function checkNames(names: readonly string[] | null, dimensions: number): readonly string[] | null {
  if (names === null) return null;
  if (names.length !== dimensions)
    throw invalidArgument('meshDimNames', `an array of ${dimensions} names, one per dimension`, names);
  if (new Set(names).size < names.length) throw invalidArgument('meshDimNames', 'different names', names);
  return [...names];
}

/** The ranks that differ in one dimension alone: a list for each place in the others. */
function linesOf({ shape, ranks }: Pick<Layout, 'shape' | 'ranks'>, dim: number): number[][] {
  const stride = product(shape.slice(dim + 1));
  const starts = ranks.map((_, i) => i).filter((i) => Math.floor(i / stride) % shape[dim]! === 0);
  return starts.map((start) => Array.from({ length: shape[dim]! }, (_, i) => ranks[start + i * stride]!));
}

/**
 * Ranks in an array of some dimensions with a group along each, as `torch.distributed.device_mesh.DeviceMesh`: data parallelism along one
 * dimension and another kind along the next, for example. {@link initDeviceMesh} makes one, and {@link DeviceMesh.create}.
 *
 * @example
 * const mesh = await torch.distributed.initDeviceMesh('cpu', [2, 4], { meshDimNames: ['dp', 'tp'] });
 * await torch.distributed.allReduce(gradient, { group: mesh.getGroup('dp') });
 */
export class DeviceMesh {
  readonly deviceType: MeshDevice;
  /** How many ranks there are along each dimension. */
  readonly shape: readonly number[];
  /** The names of the dimensions, or null. */
  readonly meshDimNames: readonly string[] | null;
  /** The ranks row by row; undefined for a part of a mesh that this rank is not in. */
  readonly #ranks: readonly number[] | undefined;
  /** One per dimension; none where this rank is not in the mesh. */
  readonly #groups: readonly ProcessGroup[];

  private constructor(
    token: typeof own,
    layout: Omit<Layout, 'ranks'> & { ranks: Layout['ranks'] | undefined },
    groups: readonly ProcessGroup[],
  ) {
    checkOwn(token, 'DeviceMesh', 'torch.distributed.initDeviceMesh()');
    this.deviceType = layout.deviceType;
    this.shape = layout.shape;
    this.meshDimNames = layout.names;
    this.#ranks = layout.ranks;
    this.#groups = groups;
  }

  /**
   * Makes a mesh of given ranks, as the constructor of PyTorch's class; all ranks of the default group call it with the same ranks.
   *
   * Without a default group, {@link initProcessGroup} makes one first.
   *
   * @param mesh ranks of the default group in nested arrays or an integer tensor.
   * @throws {TorchClipError} rejects with `ERR_ARGUMENT` where a rank stands twice or is none of the default group.
   *
   * @example
   * const mesh = await torch.distributed.DeviceMesh.create('cpu', [[0, 1], [2, 3]], { meshDimNames: ['dp', 'tp'] });
   */
  static async create(deviceType: MeshDevice, mesh: MeshRanks | Tensor, options?: MeshOptions): Promise<DeviceMesh> {
    const { meshDimNames, backendOverride } = readMesh(options);
    const { shape, ranks } = flat(mesh);
    const names = checkNames(meshDimNames, shape.length);
    const layout = { deviceType: check('deviceType', deviceType, deviceKind), shape, ranks, names };
    needDistributed();
    const backends = overriddenIn(layout, backendOverride ?? {});
    if (!isInitialized()) await initProcessGroup();
    const world = memberOf(undefined);
    const stranger = ranks.find((rank) => rank >= world.size);
    if (stranger !== undefined) throw invalidArgument('mesh', `ranks from 0 to ${world.size - 1}`, stranger);
    const groups: ProcessGroup[] = [];
    for (const [dim, size] of shape.entries()) {
      const backend = backends[dim];
      if (size === world.size && backend === undefined) {
        groups.push(world);
        continue;
      }
      // Every rank makes them all in one order: the names of groups count them.
      for (const line of linesOf(layout, dim)) {
        const group = await newGroup(line, backend === undefined ? {} : { backend });
        if (group !== null) groups.push(group);
      }
    }
    return new DeviceMesh(own, layout, groups);
  }

  /**
   * A mesh of groups that are there already, one per dimension.
   *
   * @param options.mesh the ranks, which several groups need; default those of the one group.
   * @param options.meshDimNames the names of the dimensions, which several groups need.
   */
  static fromGroup(
    group: ProcessGroup | readonly ProcessGroup[],
    deviceType: MeshDevice,
    options?: { mesh?: MeshRanks | Tensor; meshDimNames?: readonly string[] | null },
  ): DeviceMesh {
    const { mesh, meshDimNames } = readFromGroup(options);
    const device = check('deviceType', deviceType, deviceKind);
    const groups = (Array.isArray(group) ? Array.from(group as readonly unknown[]) : [group]).map((one) => {
      if (!(one instanceof ProcessGroup)) throw invalidArgument('group', 'a ProcessGroup or an array of them', group);
      return memberOf(one);
    });
    if (groups.length === 0) throw invalidArgument('group', 'a ProcessGroup or an array of them', group);
    if (groups.length > 1 && (mesh === undefined || meshDimNames === null)) {
      throw new TorchClipError('ERR_ARGUMENT', '"mesh" and "meshDimNames" must be given for several groups');
    }
    const whole = getProcessGroupRanks(groups[0]);
    const { shape, ranks } = mesh === undefined ? { shape: [whole.length], ranks: whole } : flat(mesh);
    if (shape.length !== groups.length) {
      throw invalidArgument('mesh', `ranks in ${groups.length} dimensions, one per group`, mesh);
    }
    if (groups.length === 1 && String(ranks) !== String(whole))
      throw invalidArgument('mesh', `the group's ranks ${describe(whole)}`, mesh);
    return new DeviceMesh(
      own,
      { deviceType: device, shape, ranks, names: checkNames(meshDimNames, shape.length) },
      groups,
    );
  }

  /** How many dimensions it has. */
  get ndim(): number {
    return this.shape.length;
  }

  /** The ranks of the default group that are in it: an int32 tensor of the mesh's shape. */
  get mesh(): Tensor {
    if (this.#ranks === undefined) {
      throw new TorchClipError(
        'ERR_STATE',
        'the ranks of a part of a mesh are those around this rank, which is not in it',
      );
    }
    return fromTypedArray(Int32Array.from(this.#ranks)).reshape([...this.shape]);
  }

  /** How many ranks there are along a dimension; default in all. */
  size(meshDim?: number): number {
    return meshDim === undefined
      ? product(this.shape)
      : this.shape[check('meshDim', meshDim, integer(0, this.ndim - 1))]!;
  }

  /** The dimensions of some names, as `mesh["dp"]` and `mesh["dp", "tp"]` in Python: the ranks around this one, with the same groups. */
  submesh(...names: readonly string[]): DeviceMesh {
    if (this.meshDimNames === null) throw new TorchClipError('ERR_STATE', 'a mesh without "meshDimNames" has no parts');
    const dims = names.map((name) => this.#dimOf(name));
    if (dims.length === 0 || dims.some((dim, i) => i > 0 && dim <= dims[i - 1]!)) {
      throw invalidArgument(
        'names',
        `one or more of ${this.meshDimNames.map((name) => describe(name)).join(', ')}, in this order`,
        names,
      );
    }
    if (dims.length === this.ndim) return this;
    const shape = dims.map((dim) => this.shape[dim]!);
    const at = this.getCoordinate();
    const ranks = this.#ranks?.filter(
      (_, i) => at !== null && this.#placeOf(i).every((x, dim) => dims.includes(dim) || x === at[dim]),
    );
    const groups = dims.flatMap((dim) => this.#groups[dim] ?? []);
    return new DeviceMesh(
      own,
      { deviceType: this.deviceType, shape, ranks: at === null ? undefined : ranks, names: [...names] },
      groups,
    );
  }

  /** The group along a dimension, by its number or name; a mesh of one dimension needs neither. */
  getGroup(meshDim?: number | string): ProcessGroup {
    if (meshDim === undefined && this.ndim > 1) {
      throw new TorchClipError('ERR_ARGUMENT', `"meshDim" must be given for a mesh of ${this.ndim} dimensions`);
    }
    const dim = this.#dimOf(meshDim ?? 0);
    const group = this.#groups[dim];
    if (group === undefined)
      throw new TorchClipError('ERR_STATE', `rank ${getRank()} is not in the mesh, and has no group of it`);
    return group;
  }

  /** The groups along all dimensions. */
  getAllGroups(): ProcessGroup[] {
    return this.shape.map((_, dim) => this.getGroup(dim));
  }

  /** This process's rank in the default group. */
  getRank(): number {
    return getRank();
  }

  /** This process's rank in the group along a dimension, by its number or name. */
  getLocalRank(meshDim?: number | string): number {
    return this.getGroup(meshDim).rank;
  }

  /** Where this rank is along each dimension; null where it is not in the mesh. */
  getCoordinate(): number[] | null {
    const index = this.#ranks?.indexOf(getRank()) ?? -1;
    return index < 0 ? null : this.#placeOf(index);
  }

  #dimOf(meshDim: number | string): number {
    if (typeof meshDim !== 'string') return check('meshDim', meshDim, integer(0, this.ndim - 1));
    const dim = this.meshDimNames?.indexOf(meshDim) ?? -1;
    if (dim >= 0) return dim;
    const known = this.meshDimNames?.map((name) => describe(name)).join(', ');
    throw invalidArgument(
      'meshDim',
      known === undefined ? 'a number, since the dimensions have no names' : `one of ${known}`,
      meshDim,
    );
  }

  #placeOf(index: number): number[] {
    return this.shape.map((size, dim) => Math.floor(index / product(this.shape.slice(dim + 1))) % size);
  }

  /** Its dimensions, as PyTorch prints a mesh. */
  toString(): string {
    const names = this.meshDimNames;
    const sizes = this.shape.map((size, dim) => (names === null ? size : `${names[dim]}=${size}`)).join(', ');
    return `DeviceMesh((${sizes}), '${this.deviceType}')`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** The backends that were asked for, by number of the dimension. */
function overriddenIn({ shape, names }: Layout, given: Readonly<Record<string, unknown>>): (string | undefined)[] {
  const backends = new Array<string | undefined>(shape.length).fill(undefined);
  for (const [key, backend] of Object.entries(given)) {
    const named = names?.indexOf(key) ?? -1;
    const dim = named >= 0 ? named : Number(key);
    if (!(dim in backends)) throw invalidArgument('backendOverride', 'backends by number or name of a dimension', key);
    backends[dim] = check(`backendOverride.${key}`, backend, text);
    backendsOf(backends[dim]);
  }
  return backends;
}

/**
 * Makes a mesh of all ranks row by row, as `torch.distributed.device_mesh.init_device_mesh`; all ranks call it with the same shape.
 *
 * Without a default group, {@link initProcessGroup} makes one first.
 *
 * @param meshShape how many ranks there are along each dimension.
 *
 * @example
 * const mesh = await torch.distributed.initDeviceMesh('cuda', [2, 4], { meshDimNames: ['dp', 'tp'] });
 * const row = mesh.submesh('tp').mesh; // the four ranks of this one's row
 */
export async function initDeviceMesh(
  deviceType: MeshDevice,
  meshShape: readonly number[],
  options?: MeshOptions,
): Promise<DeviceMesh> {
  const shape = [...check('meshShape', meshShape, arrayOf(integer(1)))];
  if (shape.length === 0 || product(shape) > 2 ** 24)
    throw invalidArgument('meshShape', 'an array of one or more sizes', meshShape);
  const nest = (dims: readonly number[], first: number): MeshRanks => {
    const [size, ...rest] = dims;
    const step = product(rest);
    return Array.from({ length: size! }, (_, i) =>
      rest.length === 0 ? first + i : nest(rest, first + i * step),
    ) as MeshRanks;
  };
  return DeviceMesh.create(deviceType, nest(shape, 0), options);
}
