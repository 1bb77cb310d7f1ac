import { arrayOf, integer, type Kind } from '../check.js';
import { tensor } from '../creation/index.js';
import { int64 } from '../dtype.js';
import { TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import {
  type Call,
  type CollectiveOptions,
  called,
  checkDense,
  checkDenseList,
  checkPerRank,
  collectiveOptions,
  issue,
  Receiving,
  sending,
} from './call.js';
import { groupOf, type ProcessGroup } from './group.js';
import { finished, nothing, type Sequence, type Settled, settle } from './sequence.js';

const readAllToAll = optionsOf('allToAll', collectiveOptions);

/**
 * Gives each rank one tensor of every rank, as `torch.distributed.all_to_all`: rank `i` gets the tensors `i` of all lists.
 *
 * @param outputList one tensor per rank, which are written; their sizes may differ where all ranks run this package.
 * @param inputList one tensor per rank.
 *
 * @example
 * await torch.distributed.allToAll([torch.empty([1]), torch.empty([1])], [torch.zeros([1]), torch.ones([1])]);
 */
export function allToAll<const O extends CollectiveOptions = object>(
  outputList: readonly Tensor[],
  inputList: readonly Tensor[],
  options?: O,
): Settled<O> {
  const { group: given, wait, timeout } = readAllToAll(options);
  checkDenseList('outputList', outputList);
  checkDenseList('inputList', inputList);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkPerRank('outputList', outputList, group);
  checkPerRank('inputList', inputList, group);
  for (const [name, list] of [
    ['outputList', outputList],
    ['inputList', inputList],
  ] as const) {
    const odd = list.findIndex((t) => t.dtype !== inputList[0]!.dtype);
    if (odd >= 0) {
      throw new TorchClipError(
        'ERR_DTYPE',
        `"${name}[${odd}]" must have the dtype of "inputList[0]", got ${list[odd]!.dtype.name}`,
      );
    }
  }
  // Lists of unequal sizes are beyond Gloo's function for lists, the one that ranks of Python call.
  return group.alike
    ? exchange({ name: 'allToAllSingle', group, timeout }, outputList, inputList, false, wait)
    : finished(exchangedLists({ name: 'allToAll', group, timeout }, outputList, inputList, wait), wait, group);
}

function* exchangedLists(
  call: Call,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  wait: boolean,
): Sequence<void> {
  const targets = outputs.map((t) => new Receiving(t, false));
  yield* called({ ...call, outputs: [targets.map(({ memory }) => memory)], inputs: inputs.map(sending) }, wait);
  for (const target of targets) target.finish();
}

const exchange = <O>(
  call: Call,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  even: boolean,
  wait: boolean,
): Settled<O> => {
  const { group } = call;
  return settle(
    exchanged(call, outputs, inputs, even, wait),
    wait,
    group,
    group.checks || (group.alike && !even),
  ) as Settled<O>;
};

/** As one tensor each way. */
function* exchanged(
  call: Call,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  even: boolean,
  wait: boolean,
): Sequence<void> {
  const flat = inputs.map((t) => sending(t).view([-1]));
  const targets = outputs.map((t) => new Receiving(t, false));
  const lengths = targets.map(({ memory }) => memory.numel());
  const input = joinedFlat(flat);
  const output = input.newEmpty([lengths.reduce((sum, n) => sum + n, 0)]);
  const sent = flat.map((t) => t.numel());
  if (!even && call.group.alike) yield* sharesCompared(call, lengths, sent, wait);
  // Gloo sends equal shares in another way than given ones, and all ranks must choose the same.
  const splits = even ? ([[], []] as const) : ([lengths, sent] as const);
  yield* called({ ...call, outputs: [[output]], inputs: [input], splits }, wait);
  let start = 0;
  targets.forEach((target, i) => {
    target.memory.view([-1]).copy_(output.narrow(0, start, lengths[i]!));
    start += lengths[i]!;
    target.finish();
  });
}

/** A number of 32 bits for a share: its sum over all that is sent is that over all that is expected, where they match. */
function markOf(from: number, to: number, size: number): number {
  let h = Math.imul(from + 1, 0x9e3779b1) ^ Math.imul(to + 1, 0x85ebca6b);
  h ^= Math.imul(size % 2 ** 32, 0xc2b2ae35) ^ Math.trunc(size / 2 ** 32);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Gloo ends a process that is sent more than it expects: refuses shares on all ranks where some do not match. */
function* sharesCompared(
  { group, timeout }: Call,
  expected: readonly number[],
  sent: readonly number[],
  wait: boolean,
): Sequence<void> {
  const how = wait ? 'wait' : 'promise';
  const rank = group.rank;
  const difference = group.ranks.reduce(
    (sum, _, other) => sum + markOf(rank, other, sent[other]!) - markOf(other, rank, expected[other]!),
    0,
  );
  const total = tensor([difference], { dtype: int64, device: 'cpu' });
  yield issue({ name: 'allReduce', group, inputs: [total], timeout }, how);
  if (total.item() === 0) return;
  const own = tensor([...expected, ...sent], { dtype: int64, device: 'cpu' });
  const all = own.newEmpty([group.size * own.numel()]);
  yield issue({ name: 'allGatherIntoTensor', group, outputs: [[all]], inputs: [own], timeout }, how);
  const sizes = all.view([group.size, 2, group.size]).tolist() as number[][][];
  for (const [to, [wanted]] of sizes.entries()) {
    for (const [from, size] of wanted!.entries()) {
      const given = sizes[from]![1]![to]!;
      if (size === given) continue;
      throw new TorchClipError(
        'ERR_DISTRIBUTED',
        `rank ${group.ranks[from]} sends ${given} elements to rank ${group.ranks[to]}, which expects ${size}`,
      );
    }
  }
}

function joinedFlat(list: readonly Tensor[]): Tensor {
  const joined = list[0]!.newEmpty([list.reduce((sum, t) => sum + t.numel(), 0)]);
  let start = 0;
  for (const t of list) {
    joined.narrow(0, start, t.numel()).copy_(t);
    start += t.numel();
  }
  return joined;
}

/** Options of {@link allToAllSingle}. */
export interface AllToAllSingleOptions extends CollectiveOptions {
  /** Rows of the output that come from each rank; default equal shares. */
  outputSplitSizes?: readonly number[];
  /** Rows of the input that go to each rank; default equal shares. */
  inputSplitSizes?: readonly number[];
}

/** @internal */
export const splitsKind: Kind<readonly number[] | undefined> = {
  expected: 'an array of integers >= 0, one per rank',
  accepts: arrayOf(integer(0)).accepts,
};
const readAllToAllSingle = optionsOf('allToAllSingle', {
  ...collectiveOptions,
  outputSplitSizes: [splitsKind, undefined],
  inputSplitSizes: [splitsKind, undefined],
});

/**
 * Exchanges rows of a tensor, as `torch.distributed.all_to_all_single`: rank `i` gets the share `i` of every rank's input.
 *
 * @param output what is written.
 * @param input split along its first dimension.
 *
 * @example
 * const output = torch.empty([torch.distributed.getWorldSize()]);
 * await torch.distributed.allToAllSingle(output, torch.arange(torch.distributed.getWorldSize(), { dtype: torch.float32 }));
 */
export function allToAllSingle<const O extends AllToAllSingleOptions = object>(
  output: Tensor,
  input: Tensor,
  options?: O,
): Settled<O> {
  const { group: given, wait, timeout, outputSplitSizes, inputSplitSizes } = readAllToAllSingle(options);
  checkDense('output', output);
  checkDense('input', input);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  if (output.dtype !== input.dtype) {
    throw new TorchClipError(
      'ERR_DTYPE',
      `"output" must have the dtype of "input", ${input.dtype.name}, got ${output.dtype.name}`,
    );
  }
  const outputs = sharesOf('output', output, outputSplitSizes, group);
  const inputs = sharesOf('input', input, inputSplitSizes, group);
  const even = outputSplitSizes === undefined && inputSplitSizes === undefined;
  return exchange({ name: 'allToAllSingle', group, timeout }, outputs, inputs, even, wait);
}

function sharesOf(name: string, t: Tensor, sizes: readonly number[] | undefined, { size }: ProcessGroup): Tensor[] {
  const rows = t.dim() === 0 ? 0 : t.size(0);
  const given = sizes ?? new Array<number>(size).fill(rows / size);
  if (given.length !== size || !given.every(Number.isInteger) || given.reduce((a, b) => a + b, 0) !== rows) {
    throw new TorchClipError(
      'ERR_SHAPE',
      `"${name}SplitSizes" must be ${size} integers that add up to the ${rows} rows of "${name}", got [${given.join(', ')}]`,
    );
  }
  let start = 0;
  return given.map((n) => {
    const share = t.detach().narrow(0, start, n);
    start += n;
    return share;
  });
}
