import { native } from '../binding/index.js';
import { check, flag, instance, integer, type Kind, kind, positive } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { checkOwn, own } from '../own.js';
import { unscoped } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { NativeWork } from './c10d.js';
import { called, checkDense, issue, Receiving, rankKind, rootIn, sending } from './call.js';
import { type GroupOption, groupKind, groupOf, type ProcessGroup } from './group.js';
import { type Sequence, type Settled, settle } from './sequence.js';
import { milliseconds } from './store.js';

/** Options of {@link send} and {@link isend}. */
export interface SendOptions {
  /** Default: the default group. */
  group?: GroupOption | undefined;
  /** Matches a message to its receiver; below 2^30, default 0. */
  tag?: number;
  /** Whether to block instead of returning a promise; default false. */
  wait?: boolean;
}

const table = {
  group: [groupKind as Kind<GroupOption | undefined>, undefined],
  tag: [integer(0, 2 ** 30 - 1), 0],
  wait: [flag, false],
} as const;

function checkPeer(group: ProcessGroup, name: string, rank: number): number {
  const peer = rootIn(group, name, rank);
  if (peer === group.rank) throw invalidArgument(name, 'a rank other than this one', rank);
  return peer;
}

const readSend = optionsOf('send', table);

/**
 * Sends a tensor to one rank, as `torch.distributed.send`.
 *
 * @param dst the receiver's rank in the default group.
 *
 * @example
 * await torch.distributed.send(torch.ones([2]), 1);
 */
export function send<const O extends SendOptions = object>(tensor: Tensor, dst: number, options?: O): Settled<O> {
  const { group: given, tag, wait } = readSend(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return settle(none(undefined), wait, null, false) as Settled<O>;
  const root = checkPeer(group, 'dst', dst);
  const sequence = (function* (): Sequence<void> {
    yield* called({ name: 'send', group, inputs: [sending(tensor)], root, tag }, wait);
  })();
  return settle(sequence, wait, null, false) as Settled<O>;
}

// biome-ignore lint/correctness/useYield: it has no collective.
function* none<T>(value: T): Sequence<T> {
  return value;
}

/** Options of {@link recv} and {@link irecv}. */
export interface RecvOptions extends SendOptions {
  /** The sender's rank in the default group; default any, which is the first that sends. */
  src?: number;
}

const readRecv = optionsOf('recv', { src: [rankKind as Kind<number | undefined>, undefined], ...table });

/**
 * Receives a tensor, as `torch.distributed.recv`.
 *
 * @param tensor what is written, of the size that is sent.
 * @returns the sender's rank in the default group; -1 with a group that this process is not a member of.
 *
 * @example
 * const sender = await torch.distributed.recv(torch.empty([2]), { src: 0 });
 */
export function recv<const O extends RecvOptions = object>(tensor: Tensor, options?: O): Settled<O, number> {
  const { group: given, tag, wait, src } = readRecv(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return settle(none(-1), wait, null, false) as Settled<O, number>;
  const root = src === undefined ? -1 : checkPeer(group, 'src', src);
  const sequence = (function* (): Sequence<number> {
    const target = new Receiving(tensor, false);
    const from = (yield* called({ name: 'recv', group, outputs: [[target.memory]], root, tag }, wait)) as number;
    target.finish();
    return group.ranks[root < 0 ? from : root]!;
  })();
  return settle(sequence, wait, null, false) as Settled<O, number>;
}

/**
 * A message under way, as `torch.distributed.Work`: {@link isend} and {@link irecv} return it.
 *
 * @example
 * const work = torch.distributed.irecv(tensor, { src: 0 });
 * await work?.done;
 */
export class Work {
  /** Resolves when the message has been sent or received; rejects where the other rank ends. */
  readonly done: Promise<void>;
  readonly #native: NativeWork;
  readonly #timeout: number;
  readonly #finish: () => void;
  #finished = false;

  /** @internal */
  constructor(token: typeof own, native: NativeWork, promise: Promise<unknown>, timeout: number, finish: () => void) {
    checkOwn(token, 'Work', 'torch.distributed.isend() or irecv()');
    this.#native = native;
    this.#timeout = timeout;
    this.#finish = finish;
    this.done = promise.then(() => this.#end());
    // wait() reports it, too.
    this.done.catch(() => {});
  }

  #end(): void {
    if (!this.#finished) this.#finish();
    this.#finished = true;
  }

  /** Whether it is done, successfully or not. */
  isCompleted(): boolean {
    return native.workDone(this.#native);
  }

  /**
   * Blocks until it is done.
   *
   * @param timeout seconds; default that of the group.
   */
  wait(timeout: number = this.#timeout): void {
    native.workWait(this.#native, milliseconds(check('timeout', timeout, positive)));
    this.#end();
  }
}

const readIsend = optionsOf('isend', { group: table.group, tag: table.tag });

/**
 * {@link send} that returns at once, as `torch.distributed.isend`. Null with a group that this process is not a member of.
 *
 * @example
 * const work = torch.distributed.isend(x, 1);
 * await work?.done; // or work?.wait(), which blocks
 */
export function isend(tensor: Tensor, dst: number, options?: Omit<SendOptions, 'wait'>): Work | null {
  const { group: given, tag } = readIsend(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return null;
  const root = checkPeer(group, 'dst', dst);
  return unscoped(() => {
    const started = issue({ name: 'send', group, inputs: [sending(tensor)], root, tag }, 'work');
    return work(started, group, () => {});
  });
}

const readIrecv = optionsOf('irecv', {
  src: [rankKind as Kind<number | undefined>, undefined],
  group: table.group,
  tag: table.tag,
});

/**
 * {@link recv} that returns at once, as `torch.distributed.irecv`. Null with a group that this process is not a member of.
 *
 * @example
 * const work = torch.distributed.irecv(x, { src: 0 });
 * await work?.done; // or work?.wait(), which blocks
 */
export function irecv(tensor: Tensor, options?: Omit<RecvOptions, 'wait'>): Work | null {
  const { group: given, tag, src } = readIrecv(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return null;
  const root = src === undefined ? -1 : checkPeer(group, 'src', src);
  const target = unscoped(() => new Receiving(tensor, false));
  return work(issue({ name: 'recv', group, outputs: [[target.memory]], root, tag }, 'work'), group, () =>
    target.finish(),
  );
}

function work(pair: unknown, group: ProcessGroup, finish: () => void): Work {
  const [made, promise] = pair as [NativeWork, Promise<unknown>];
  return new Work(own, made, promise, group.timeout, finish);
}

const direction = kind<typeof isend | typeof irecv>('isend or irecv', (value) => value === isend || value === irecv);

/**
 * One message of {@link batchIsendIrecv}, as `torch.distributed.P2POp`.
 *
 * @example
 * const works = torch.distributed.batchIsendIrecv([
 *   new torch.distributed.P2POp(torch.distributed.isend, x, next),
 *   new torch.distributed.P2POp(torch.distributed.irecv, y, before),
 * ]);
 */
export class P2POp {
  readonly op: typeof isend | typeof irecv;
  readonly tensor: Tensor;
  /** The other rank, in the default group. */
  readonly peer: number;
  readonly group: GroupOption | undefined;
  readonly tag: number;

  /** @param op {@link isend} or {@link irecv}. */
  constructor(
    op: typeof isend | typeof irecv,
    tensor: Tensor,
    peer: number,
    options?: { group?: GroupOption | undefined; tag?: number },
  ) {
    const { group, tag } = readIsend(options, 'P2POp');
    this.op = check('op', op, direction);
    this.tensor = checkDense('tensor', tensor);
    this.peer = check('peer', peer, rankKind);
    this.group = group;
    this.tag = tag;
  }
}

const p2p = instance(P2POp, 'a P2POp');

/**
 * Starts several messages, as `torch.distributed.batch_isend_irecv`.
 *
 * @example
 * const { P2POp, batchIsendIrecv, isend, irecv } = torch.distributed;
 * const [left, right] = [0, 1];
 * for (const work of batchIsendIrecv([new P2POp(isend, mine, right), new P2POp(irecv, theirs, left)])) await work.done;
 */
export function batchIsendIrecv(ops: readonly P2POp[]): Work[] {
  if (!Array.isArray(ops) || ops.length === 0) throw invalidArgument('ops', 'an array of one or more P2POps', ops);
  for (const [i, op] of ops.entries()) check(`ops[${i}]`, op, p2p);
  const starts = ops.map(({ op, tensor, peer, group, tag }) => {
    const shared = group === undefined ? { tag } : { group, tag };
    return () => (op === isend ? isend(tensor, peer, shared) : irecv(tensor, { ...shared, src: peer }));
  });
  return starts.flatMap((start) => start() ?? []);
}

const readMonitored = optionsOf('monitoredBarrier', {
  group: table.group,
  wait: table.wait,
  timeout: [positive as Kind<number | undefined>, undefined],
  waitAllRanks: [flag, false],
});

/**
 * {@link barrier} over messages, which tells the ranks that did not come, as `torch.distributed.monitored_barrier`. Gloo alone has it.
 *
 * `options.timeout`: seconds; default that of the group.
 * `options.waitAllRanks`: whether rank 0 names all that are missing, and not the first alone; default false.
 *
 * @throws {TorchClipError} `ERR_TIMEOUT` or `ERR_DISTRIBUTED` with the ranks in its message.
 *
 * @example
 * await torch.distributed.monitoredBarrier({ timeout: 60, waitAllRanks: true });
 */
export function monitoredBarrier<
  const O extends { group?: GroupOption; wait?: boolean; timeout?: number; waitAllRanks?: boolean } = object,
>(options?: O): Settled<O> {
  const { group: given, wait, timeout, waitAllRanks } = readMonitored(options);
  const group = groupOf(given);
  if (group === null) return settle(none(undefined), wait, null, false) as Settled<O>;
  if (group.backend === 'nccl')
    throw new TorchClipError('ERR_ARGUMENT', 'monitoredBarrier() needs a group of Gloo, got "nccl"');
  const sequence = (function* (): Sequence<void> {
    yield native.monitoredBarrier(group.native, milliseconds(timeout ?? group.timeout), waitAllRanks, wait);
  })();
  // It takes its channels on a thread of its own, when other calls may not take theirs.
  return settle(sequence, wait, group, true) as Settled<O>;
}
