// Collectives of plain values, as JSON. PyTorch's own use pickle, which runs what it reads; so these are for ranks of this package.
import { TextDecoder } from 'node:util';
import { check } from '../check.js';
import { fromTypedArray } from '../creation/index.js';
import { uint8 } from '../dtype.js';
import { describe, TorchClipError } from '../errors.js';
import { zeros } from '../ops/generated/functions.js';
import { isPlainObject, optionsOf } from '../options.js';
import { unscoped } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type CollectiveOptions, called, collectiveOptions, rankKind, rootIn } from './call.js';
import { type GroupOption, groupOf, type ProcessGroup } from './group.js';
import { recv, send } from './point-to-point.js';
import { type Sequence, type Settled, settle } from './sequence.js';

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A type as it stands where JSON can hold its values, which come out as they went in; `never` where it cannot. Functions that pass values on
 * take `value: V & Jsonable<V>`.
 */
export type Jsonable<V> = V extends Json
  ? V
  : V extends object
    ? V extends (...args: never) => unknown
      ? never
      : { [K in keyof V]: Jsonable<V[K]> }
    : never;

/** Null where the group of the options may be one that this process is not a member of. */
type IfMember<O, T> = O extends { readonly group: infer G } ? (null extends G ? T | null : T) : T;

/** Refuses what would come out of JSON as something else. */
function checkJson(name: string, value: unknown, above: readonly unknown[] = []): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (above.includes(value)) {
    throw new TorchClipError('ERR_ARGUMENT', `"${name}" must hold no object within itself`);
  }
  if (above.length < 1000) {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) checkJson(`${name}[${i}]`, value[i], [...above, value]);
      return;
    }
    if (isPlainObject(value)) {
      for (const [key, inner] of Object.entries(value)) checkJson(`${name}.${key}`, inner, [...above, value]);
      return;
    }
  }
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `"${name}" must be what JSON can hold (null, booleans, finite numbers, strings, arrays and plain objects), got ${describe(value)}`,
  );
}

function toBytes(name: string, value: unknown): Uint8Array {
  checkJson(name, value);
  return new TextEncoder().encode(JSON.stringify(value));
}

const fromBytes = (t: Tensor): Json =>
  JSON.parse(new TextDecoder().decode(t.toTypedArray<Uint8Array<ArrayBuffer>>())) as Json;

const tensorOf = (bytes: Uint8Array): Tensor => fromTypedArray(bytes);

/** The sizes of all ranks' bytes, and the bytes in rows as long as the longest. */
function* allBytes(
  group: ProcessGroup,
  bytes: Uint8Array,
  timeout: number | undefined,
  wait: boolean,
): Sequence<Tensor[]> {
  const counts = fromTypedArray(new BigInt64Array([BigInt(bytes.length)]));
  const sizes = counts.newEmpty([group.size]);
  yield* called({ name: 'allGatherIntoTensor', group, outputs: [[sizes]], inputs: [counts], timeout }, wait);
  const lengths = Array.from(sizes.toTypedArray() as BigInt64Array, Number);
  const longest = Math.max(...lengths);
  const row = zeros([longest], { dtype: uint8 });
  row.narrow(0, 0, bytes.length).copy_(tensorOf(bytes));
  const rows = row.newEmpty([group.size * longest]);
  yield* called({ name: 'allGatherIntoTensor', group, outputs: [[rows]], inputs: [row], timeout }, wait);
  return lengths.map((length, i) => rows.narrow(0, i * longest, length));
}

const readAll = optionsOf('allGatherObject', collectiveOptions);

/**
 * The values of all ranks, as `torch.distributed.all_gather_object`: JSON, for ranks of this package alone.
 *
 * @param object what JSON can hold.
 * @returns the values in the order of the ranks; an empty array with a group that this process is not a member of.
 *
 * @example
 * const names = await torch.distributed.allGatherObject(os.hostname());
 */
export function allGatherObject<V, const O extends CollectiveOptions = object>(
  object: V & Jsonable<V>,
  options?: O,
): Settled<O, V[]> {
  const { group: given, wait, timeout } = readAll(options);
  const group = groupOf(given);
  const bytes = toBytes('object', object);
  return settle(
    (function* (): Sequence<Json[]> {
      return group === null ? [] : (yield* allBytes(group, bytes, timeout, wait)).map(fromBytes);
    })(),
    wait,
    group,
    true,
  ) as Settled<O, V[]>;
}

const readGather = optionsOf('gatherObject', { dst: [rankKind, 0], ...collectiveOptions });

/**
 * {@link allGatherObject} for rank `dst` alone, as `torch.distributed.gather_object`.
 *
 * `options.dst`: a rank of the default group; default 0.
 *
 * @returns null on the other ranks.
 *
 * @example
 * const all = await torch.distributed.gatherObject({ loss: 0.5 }, { dst: 0 }); // null on the other ranks
 */
export function gatherObject<V, const O extends CollectiveOptions & { dst?: number } = object>(
  object: V & Jsonable<V>,
  options?: O,
): Settled<O, V[] | null> {
  const { group: given, wait, timeout, dst } = readGather(options);
  const group = groupOf(given);
  const root = group === null ? -1 : rootIn(group, 'dst', dst);
  const bytes = toBytes('object', object);
  return settle(
    (function* (): Sequence<Json[] | null> {
      const all = group === null ? [] : yield* allBytes(group, bytes, timeout, wait);
      return group !== null && root === group.rank ? all.map(fromBytes) : null;
    })(),
    wait,
    group,
    true,
  ) as Settled<O, V[] | null>;
}

function* sharedBytes(
  group: ProcessGroup,
  root: number,
  bytes: Uint8Array,
  timeout: number | undefined,
  wait: boolean,
): Sequence<Json> {
  const count = fromTypedArray(new BigInt64Array([BigInt(bytes.length)]));
  yield* called({ name: 'broadcast', group, root, inputs: [count], timeout }, wait);
  const length = Number((count.toTypedArray() as BigInt64Array)[0]);
  const data = root === group.rank ? tensorOf(bytes) : zeros([length], { dtype: uint8 });
  yield* called({ name: 'broadcast', group, root, inputs: [data], timeout }, wait);
  return fromBytes(data);
}

const readBroadcast = optionsOf('broadcastObjectList', { src: [rankKind, 0], ...collectiveOptions });

/**
 * The values of rank `src` on every rank, as `torch.distributed.broadcast_object_list`.
 *
 * `options.src`: a rank of the default group; default 0.
 *
 * @param objects read on rank `src` alone; the others may pass an empty array.
 * @returns the values of rank `src`.
 *
 * @example
 * const [config] = await torch.distributed.broadcastObjectList([{ lr: 1e-3 }]);
 */
export function broadcastObjectList<V, const O extends CollectiveOptions & { src?: number } = object>(
  objects: readonly (V & Jsonable<V>)[],
  options?: O,
): Settled<O, V[]> {
  const { group: given, wait, timeout, src } = readBroadcast(options);
  const group = groupOf(given);
  const root = group === null ? -1 : rootIn(group, 'src', src);
  if (!Array.isArray(objects))
    throw new TorchClipError('ERR_ARGUMENT', `"objects" must be an array, got ${describe(objects)}`);
  const bytes = root === group?.rank ? toBytes('objects', objects) : new Uint8Array();
  return settle(
    (function* (): Sequence<Json[]> {
      return group === null ? [] : ((yield* sharedBytes(group, root, bytes, timeout, wait)) as Json[]);
    })(),
    wait,
    group,
    true,
  ) as Settled<O, V[]>;
}

const readScatter = optionsOf('scatterObjectList', { src: [rankKind, 0], ...collectiveOptions });

/**
 * One of the values of rank `src` for each rank, as `torch.distributed.scatter_object_list`.
 *
 * `options.src`: a rank of the default group; default 0.
 *
 * @param objects one value per rank on rank `src`; read there alone.
 * @returns null with a group that this process is not a member of.
 *
 * @example
 * const own = await torch.distributed.scatterObjectList(rank === 0 ? ['a', 'b'] : null);
 */
export function scatterObjectList<V, const O extends CollectiveOptions & { src?: number } = object>(
  objects: readonly (V & Jsonable<V>)[] | null,
  options?: O,
): Settled<O, IfMember<O, V>> {
  const { group: given, wait, timeout, src } = readScatter(options);
  const group = groupOf(given);
  const root = group === null ? -1 : rootIn(group, 'src', src);
  let bytes: Uint8Array = new Uint8Array();
  if (group !== null && root === group.rank) {
    if (!Array.isArray(objects) || objects.length !== group.size) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"objects" must be an array of one value per rank, ${group.size}, got ${describe(objects)}`,
      );
    }
    bytes = toBytes('objects', objects);
  }
  return settle(
    (function* (): Sequence<Json> {
      if (group === null) return null;
      return ((yield* sharedBytes(group, root, bytes, timeout, wait)) as Json[])[group.rank]!;
    })(),
    wait,
    group,
    true,
  ) as Settled<O, IfMember<O, V>>;
}

/** Options of {@link sendObjectList} and {@link recvObjectList}. */
export interface ObjectMessageOptions {
  /** Default: the default group. */
  group?: GroupOption | undefined;
}

const readSend = optionsOf('sendObjectList', { group: collectiveOptions.group });
const readRecv = optionsOf('recvObjectList', { group: collectiveOptions.group });

/**
 * Sends values to one rank, as `torch.distributed.send_object_list`; {@link recvObjectList} receives them.
 *
 * @param dst the receiver's rank in the default group.
 *
 * @example
 * await torch.distributed.sendObjectList([{ epoch: 3 }], 1);
 */
export async function sendObjectList<V>(
  objects: readonly (V & Jsonable<V>)[],
  dst: number,
  options?: ObjectMessageOptions,
): Promise<void> {
  const { group } = readSend(options);
  const bytes = toBytes('objects', objects);
  check('dst', dst, rankKind);
  await send(
    unscoped(() => fromTypedArray(new BigInt64Array([BigInt(bytes.length)]))),
    dst,
    { group },
  );
  await send(tensorOf(bytes), dst, { group });
}

/**
 * Receives what {@link sendObjectList} sends, as `torch.distributed.recv_object_list`.
 *
 * @param src the sender's rank in the default group.
 * @returns an empty array with a group that this process is not a member of.
 *
 * @example
 * const [state] = await torch.distributed.recvObjectList<{ epoch: number }>(0);
 */
export async function recvObjectList<V = Json>(src: number, options?: ObjectMessageOptions): Promise<V[]> {
  const { group } = readRecv(options);
  check('src', src, rankKind);
  if (groupOf(group) === null) return [];
  const count = unscoped(() => fromTypedArray(new BigInt64Array([0n])));
  await recv(count, { src, group });
  const data = zeros([Number((count.toTypedArray() as BigInt64Array)[0])], { dtype: uint8 });
  await recv(data, { src, group });
  return fromBytes(data) as V[];
}
