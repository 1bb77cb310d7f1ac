// How a collective's tensors reach c10d: dense, and of an element type that the backends carry.
import { native } from '../binding/index.js';
import { arrayOf, check, flag, integer, type Kind, kind, positive } from '../check.js';
import { fromTypedArray } from '../creation/index.js';
import * as dtypes from '../dtype.js';
import { uint8 } from '../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { contiguousFormat, strided } from '../layout.js';
import { viewAsReal } from '../ops/generated/functions.js';
import type { Table } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type GroupOption, getGroupRank, groupKind, type ProcessGroup } from './group.js';
import { codeOf, type ReduceOp } from './reduce-op.js';
import type { Sequence } from './sequence.js';
import { milliseconds } from './store.js';

/** Options that all collectives have. */
export interface CollectiveOptions {
  /** Default: the default group. With null, which {@link newGroup} returns to others than members, nothing happens. */
  group?: GroupOption | undefined;
  /** Whether to block until it is done, instead of returning a promise; default false. The event loop stands still meanwhile. */
  wait?: boolean;
  /** Seconds that it may take; default that of the group. A group does not work again after a time-out. */
  timeout?: number;
}

/** @internal A call's own options come before these, so that what Python takes by position is taken for one of them. */
export const collectiveOptions = {
  group: [groupKind as Kind<GroupOption | undefined>, undefined],
  wait: [flag, false],
  timeout: [positive as Kind<number | undefined>, undefined],
} satisfies Table;

/** @internal */
export const rankKind: Kind<number> = integer(0);
const tensorsKind: Kind<readonly Tensor[]> = kind('an array of Tensors', arrayOf(tensorKind).accepts);
/** @internal A tensor whose elements lie in memory, as c10d sends them. */
export function checkDense(name: string, value: unknown): Tensor {
  const t = check(name, value, tensorKind);
  if (t.layout === strided) return t;
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `"${name}" must be a dense Tensor, which toDense() makes, got one of layout ${t.layout}`,
  );
}
/** @internal */
export function checkDenseList(name: string, value: unknown): readonly Tensor[] {
  return check(name, value, tensorsKind).map((t, i) => checkDense(`${name}[${i}]`, t));
}

/** @internal What a call is made of, with the ranks of the group. */
export interface Call {
  readonly name: string;
  readonly group: ProcessGroup;
  readonly outputs?: readonly (readonly Tensor[])[];
  readonly inputs?: readonly Tensor[];
  readonly op?: ReduceOp;
  readonly root?: number;
  readonly tag?: number;
  readonly splits?: readonly [output: readonly number[], input: readonly number[]];
  readonly timeout?: number | undefined;
}

/** @internal Issues a call as it stands. */
export function issue(call: Call, mode: 'wait' | 'promise' | 'work'): unknown {
  const { name, group, outputs = [], inputs = [], op = 'sum', root = 0, tag = 0, splits, timeout } = call;
  return native.collective(
    group.native,
    name,
    outputs.map((list) => list.map((t) => t.handle)),
    inputs.map((t) => t.handle),
    [codeOf(op), root, tag, timeout === undefined ? 0 : milliseconds(timeout)],
    splits ?? null,
    mode,
  );
}

/** @internal One collective of a {@link Sequence}, and before it another where the group checks its calls. */
export function* called(call: Call, wait: boolean): Sequence<unknown> {
  if (call.group.checks && call.name !== 'send' && call.name !== 'recv') yield* compared(call, wait);
  return yield issue(call, wait ? 'wait' : 'promise');
}

/** What must be the same on all ranks. */
function saidOf({ name, group, op, root, inputs = [], outputs = [] }: Call): string {
  const reduces = /educe/.test(name) ? `, ${op}` : '';
  const rooted = root === undefined ? '' : `, rank ${group.ranks[root]}`;
  if (name === 'barrier') return 'barrier()';
  const t = name === 'scatter' ? outputs[0]![0]! : inputs[0]!;
  // Shares of an exchange may have any size.
  const size = name.startsWith('allToAll') ? 'a tensor' : `${t.numel()} elements`;
  return `${name}(${size} of ${t.dtype.name}${reduces}${rooted})`;
}

const saidBytes = 128;

/** Exchanges what each rank is about to call, and refuses on all where it is not the same. */
function* compared(call: Call, wait: boolean): Sequence<void> {
  const { group, timeout } = call;
  const text = new Uint8Array(saidBytes);
  new TextEncoder().encodeInto(saidOf(call), text);
  const own = fromTypedArray(text);
  const all = own.newEmpty([group.size * saidBytes]);
  const how = wait ? 'wait' : 'promise';
  yield issue({ name: 'allGatherIntoTensor', group, outputs: [[all]], inputs: [own], timeout }, how);
  const bytes = all.toTypedArray<Uint8Array<ArrayBuffer>>();
  const said = group.ranks.map((_, i) =>
    new TextDecoder().decode(bytes.subarray(i * saidBytes, (i + 1) * saidBytes)).replace(/\0+$/, ''),
  );
  const other = said.findIndex((one) => one !== said[0]);
  if (other < 0) return;
  throw new TorchClipError(
    'ERR_DISTRIBUTED',
    `all ranks of a group must make the same calls in the same order, got on rank ${group.ranks[0]} ${said[0]}, and on rank ${group.ranks[other]} ${said[other]}`,
  );
}

/** @internal The rank within the group of a rank of the default group. */
export const rootIn = (group: ProcessGroup, name: string, rank: number): number => {
  check(name, rank, rankKind);
  if (!group.ranks.includes(rank)) throw invalidArgument(name, 'a rank of the group', rank);
  return getGroupRank(group, rank);
};

const carried: readonly string[] = [
  dtypes.float32,
  dtypes.float64,
  dtypes.float16,
  dtypes.bfloat16,
  dtypes.int8,
  dtypes.uint8,
  dtypes.int32,
  dtypes.int64,
  dtypes.bool,
].map((dtype) => dtype.name);

/** @internal Refuses a dtype that no backend can compute with. */
export function checkCarried(name: string, { dtype }: Tensor): void {
  if (carried.includes(dtype.name) || dtype.isComplex) return;
  throw new TorchClipError(
    'ERR_DTYPE',
    `"${name}" must have a dtype that c10d reduces, got ${dtype.name}; int32 is the nearest for small integers`,
  );
}

/** The same memory with elements that backends carry; they move bytes, whatever those mean. */
function carriedView(t: Tensor): Tensor {
  const plain = t.detach();
  if (plain.dtype.isComplex) return viewAsReal(plain);
  return carried.includes(plain.dtype.name) ? plain : plain.view([-1]).view(uint8);
}

/** @internal A tensor to send: dense, its elements as they are carried. */
export const sending = (t: Tensor): Tensor => carriedView(t.detach().resolveConj().contiguous());

/** @internal A tensor to be written: itself where its memory serves, or another with what copies it back. */
export class Receiving {
  readonly memory: Tensor;
  readonly #target: Tensor;
  readonly #dense: Tensor;

  /** @param fill whether what it holds is sent, too. */
  constructor(target: Tensor, fill: boolean) {
    this.#target = target.detach();
    const dense = this.#target.isContiguous() && !this.#target.isConj();
    this.#dense = dense
      ? this.#target
      : fill
        ? this.#target.clone({ memoryFormat: contiguousFormat })
        : this.#target.newEmpty(this.#target.shape);
    this.memory = carriedView(this.#dense);
  }

  finish(): void {
    if (this.#dense !== this.#target) this.#target.copy_(this.#dense);
  }
}

/** @internal Refuses tensors that do not have the dtype and shape of another. */
export function checkAlike(name: string, list: readonly Tensor[], like: Tensor, what: string): void {
  list.forEach((t, i) => {
    if (t.dtype !== like.dtype) {
      throw new TorchClipError(
        'ERR_DTYPE',
        `"${name}[${i}]" must have the dtype of "${what}", ${like.dtype.name}, got ${t.dtype.name}`,
      );
    }
    if (t.shape.join() !== like.shape.join()) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"${name}[${i}]" must have the shape of "${what}", ${describe(like.shape)}, got ${describe(t.shape)}`,
      );
    }
  });
}

/** @internal Refuses a list that does not have one tensor per rank. */
export function checkPerRank(name: string, list: readonly Tensor[], group: ProcessGroup): void {
  if (list.length !== group.size) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" must have one tensor per rank, ${group.size}, got ${list.length}`,
    );
  }
}

/** @internal Refuses a tensor that does not have `factor` times the elements of another. */
export function checkMultiple(name: string, t: Tensor, other: Tensor, otherName: string, factor: number): void {
  if (t.dtype !== other.dtype) {
    throw new TorchClipError(
      'ERR_DTYPE',
      `"${name}" must have the dtype of "${otherName}", ${other.dtype.name}, got ${t.dtype.name}`,
    );
  }
  if (t.numel() !== other.numel() * factor) {
    throw new TorchClipError(
      'ERR_SHAPE',
      `"${name}" must have ${factor} times the elements of "${otherName}", ${other.numel() * factor}, got ${t.numel()}`,
    );
  }
}

/** @internal Fills `outputs`. */
export function* gathered(
  call: Call,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  wait: boolean,
): Sequence<void> {
  const targets = outputs.map((t) => new Receiving(t, false));
  const lists = targets.length === 0 ? [] : [targets.map(({ memory }) => memory)];
  yield* called({ ...call, outputs: lists, inputs: inputs.map(sending) }, wait);
  for (const target of targets) target.finish();
}

/** @internal Of flat tensors, which Gloo wants. */
export function* flatly(call: Call, output: Tensor, input: Tensor, wait: boolean): Sequence<void> {
  const target = new Receiving(output, false);
  const [out, into] = [target.memory.view([-1]), sending(input).view([-1])];
  yield* called({ ...call, outputs: [[out]], inputs: [into] }, wait);
  target.finish();
}
