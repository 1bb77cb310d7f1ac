// Collectives that return a tensor and leave their input alone, so that they can be in autograd's graph.
import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { isGradEnabled } from '../autograd/modes.js';
import { arrayOf, check, integer, type Kind, kind } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { cat } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { allToAllSingle as exchange, splitsKind } from './all-to-all.js';
import { checkCarried, checkDense, collectiveOptions, rankKind, rootIn } from './call.js';
import { broadcast as broadcastInto, allGatherIntoTensor as gatherInto } from './collectives.js';
import { type GroupOption, groupOf, member, type ProcessGroup } from './group.js';
import { checkReducible, type ReduceOp, reduceOp } from './reduce-op.js';
import { reduce, allReduce as reduceInto, reduceScatterTensor } from './reductions.js';

/** Options that all functional collectives have. */
export interface FunctionalOptions {
  /** Default: the default group. The process must be a member of it. */
  group?: GroupOption;
  /** Seconds that a pass may take, forward or backward; default that of the group. */
  timeout?: number;
}

/** Where a call goes, which its backward pass repeats. */
interface Place {
  readonly group: ProcessGroup;
  readonly timeout: number | undefined;
}

const { group: groupOption, timeout: timeoutOption } = collectiveOptions;
const common = { group: groupOption, timeout: timeoutOption };

const placeOf = ({ group, timeout }: { group: GroupOption | undefined; timeout: number | undefined }): Place => ({
  group: check('group', groupOf(group), member),
  timeout,
});
const blocking = (place: Place) => ({ ...place, wait: true }) as const;

/** Refuses an operation without a gradient where one may be asked for. */
function checkOp(input: Tensor, op: ReduceOp): void {
  checkReducible('input', input, op);
  checkCarried('input', input);
  if (op === 'sum' || op === 'avg' || !input.requiresGrad || !isGradEnabled()) return;
  throw new TorchClipError(
    'ERR_AUTOGRAD',
    `"op" must be "sum" or "avg" for an input that requires gradients, got ${describe(op)}`,
  );
}

type Derivatives = readonly (Tensor | null)[];

class AllReduce extends AutogradFunction {
  static forward(input: Tensor, op: ReduceOp, place: Place): Tensor {
    const output = input.detach().clone();
    reduceInto(output, { op, ...blocking(place) });
    return output;
  }
  static setupContext(ctx: FunctionContext, [, op, place]: [Tensor, ReduceOp, Place]): void {
    Object.assign(ctx, { op, place });
  }
  static backward({ op, place }: FunctionContext & { op: ReduceOp; place: Place }, grad: Tensor): Derivatives {
    return [AllReduce.apply(grad, op, place), null, null];
  }
}
const readAllReduce = optionsOf('allReduce', { ...common, op: [reduceOp, 'sum'] });

/** Options of {@link allReduce}. */
export interface FunctionalReduceOptions extends FunctionalOptions {
  /** Default `'sum'`. Inputs that require gradients take `'sum'` and `'avg'`. */
  op?: ReduceOp;
}

/**
 * The reduction of all ranks' tensors, as `all_reduce` of `torch.distributed._functional_collectives`; blocks.
 *
 * Its gradient is the sum (or the mean) of the gradients of all ranks' outputs, as the loss is taken to be the sum of their losses. Every
 * rank must make the backward pass.
 *
 * @param input of the same shape and dtype on all ranks.
 *
 * @example
 * const logits = torch.distributed.functional.allReduce(x.matmul(myRowsOfWeight));
 */
export function allReduce(input: Tensor, options?: FunctionalReduceOptions): Tensor {
  const { op, ...rest } = readAllReduce(options);
  checkDense('input', input);
  const place = placeOf(rest);
  checkOp(input, op);
  return AllReduce.apply(input, op, place);
}

/** The tensor of one rank, whose gradient is the sum of all ranks'. */
class Broadcast extends AutogradFunction {
  static forward(input: Tensor, src: number, place: Place): Tensor {
    const output = input.detach().clone();
    broadcastInto(output, { src, ...blocking(place) });
    return output;
  }
  static setupContext(ctx: FunctionContext, [, src, place]: [Tensor, number, Place]): void {
    Object.assign(ctx, { src, place });
  }
  static backward({ src, place }: FunctionContext & { src: number; place: Place }, grad: Tensor): Derivatives {
    return [SumAt.apply(grad, src, place), null, null];
  }
}

/** The sum on one rank, and zeros on the others. */
class SumAt extends AutogradFunction {
  static forward(input: Tensor, dst: number, place: Place): Tensor {
    const output = input.detach().clone();
    reduce(output, { dst, ...blocking(place) });
    return rootIn(place.group, 'dst', dst) === place.group.rank ? output : output.zero_();
  }
  static setupContext(ctx: FunctionContext, [, dst, place]: [Tensor, number, Place]): void {
    Object.assign(ctx, { dst, place });
  }
  static backward({ dst, place }: FunctionContext & { dst: number; place: Place }, grad: Tensor): Derivatives {
    return [Broadcast.apply(grad, dst, place), null, null];
  }
}

/** Options of {@link broadcast}. */
export interface FunctionalBroadcastOptions extends FunctionalOptions {
  /** The rank whose tensor all get, in the default group; default 0. */
  src?: number;
}

const readBroadcast = optionsOf('broadcast', { ...common, src: [rankKind, 0] });

/**
 * The tensor of rank `src`, as `broadcast` of `torch.distributed._functional_collectives`; blocks. The gradient of that rank's input is
 * the sum of all ranks', that of the others is zero.
 *
 * @param input of the same shape and dtype on all ranks.
 *
 * @example
 * const shared = torch.distributed.functional.broadcast(prompt, { src: 0 });
 */
export function broadcast(input: Tensor, options?: FunctionalBroadcastOptions): Tensor {
  const { src, ...rest } = readBroadcast(options);
  checkDense('input', input);
  const place = placeOf(rest);
  rootIn(place.group, 'src', src);
  if (input.requiresGrad) checkCarried('input', input);
  return Broadcast.apply(input, src, place);
}

/** The first dimension grows by the number of ranks. */
class Gather extends AutogradFunction {
  static forward(input: Tensor, place: Place): Tensor {
    const [first, ...others] = input.shape;
    const output = input.newEmpty([first! * place.group.size, ...others]);
    gatherInto(output, input, blocking(place));
    return output;
  }
  static setupContext(ctx: FunctionContext, [, place]: [Tensor, Place]): void {
    ctx.place = place;
  }
  static backward(ctx: FunctionContext, grad: Tensor): Derivatives {
    return [ReduceScatter.apply(grad, 'sum', ctx.place as Place), null];
  }
}

/** The first dimension shrinks by the number of ranks. */
class ReduceScatter extends AutogradFunction {
  static forward(input: Tensor, op: ReduceOp, place: Place): Tensor {
    const [first, ...others] = input.shape;
    const output = input.newEmpty([first! / place.group.size, ...others]);
    reduceScatterTensor(output, input, { op, ...blocking(place) });
    return output;
  }
  static setupContext(ctx: FunctionContext, [, op, place]: [Tensor, ReduceOp, Place]): void {
    Object.assign(ctx, { op, place });
  }
  static backward({ op, place }: FunctionContext & { op: ReduceOp; place: Place }, grad: Tensor): Derivatives {
    const all = Gather.apply(grad, place);
    return [op === 'avg' ? all.div(place.group.size) : all, null, null];
  }
}

const dimension: Kind<number> = integer(Number.MIN_SAFE_INTEGER);

/** A dimension that the input has, counted from its beginning. */
function dimOf(name: string, dim: number, input: Tensor): number {
  const { ndim } = input;
  if (ndim === 0) throw new TorchClipError('ERR_SHAPE', '"input" must have 1 dimension or more, got []');
  check(name, dim, integer(-ndim, ndim - 1));
  return dim < 0 ? dim + ndim : dim;
}

/** Options of {@link allGatherSingle}. */
export interface AllGatherSingleOptions extends FunctionalOptions {
  /** The dimension along which the tensors follow one another; default 0. */
  gatherDim?: number;
}

const readGather = optionsOf('allGatherSingle', { ...common, gatherDim: [dimension, 0] });

/**
 * The tensors of all ranks as one, as `all_gather_single` of `torch.distributed._functional_collectives`; blocks. The gradient of a rank's
 * input is the sum of its part of all ranks' gradients.
 *
 * @param input of the same shape and dtype on all ranks, `[..., n, ...]`.
 * @returns `[..., worldSize * n, ...]`.
 *
 * @example
 * const features = torch.distributed.functional.allGatherSingle(encoder.forward(images)); // of all ranks' images
 */
export function allGatherSingle(input: Tensor, options?: AllGatherSingleOptions): Tensor {
  const { gatherDim, ...rest } = readGather(options);
  checkDense('input', input);
  const place = placeOf(rest);
  const dim = dimOf('gatherDim', gatherDim, input);
  if (input.requiresGrad) checkCarried('input', input);
  const all = Gather.apply(input, place);
  return dim === 0 ? all : cat(all.chunk(place.group.size, 0), dim);
}

/** Options of {@link reduceScatterSingle}. */
export interface ReduceScatterSingleOptions extends FunctionalReduceOptions {
  /** The dimension that is shared out; default 0. */
  scatterDim?: number;
}

const readScatter = optionsOf('reduceScatterSingle', { ...common, op: [reduceOp, 'sum'], scatterDim: [dimension, 0] });

/**
 * This rank's part of the reduction of all ranks' tensors, as `reduce_scatter_single` of `torch.distributed._functional_collectives`;
 * blocks. Its gradient is that of all ranks' parts.
 *
 * @param input of the same shape and dtype on all ranks, `[..., worldSize * n, ...]`.
 * @returns `[..., n, ...]`.
 *
 * @example
 * const mine = torch.distributed.functional.reduceScatterSingle(partialSums, { scatterDim: 1 });
 */
export function reduceScatterSingle(input: Tensor, options?: ReduceScatterSingleOptions): Tensor {
  const { op, scatterDim, ...rest } = readScatter(options);
  checkDense('input', input);
  const place = placeOf(rest);
  const dim = dimOf('scatterDim', scatterDim, input);
  checkOp(input, op);
  const { size } = place.group;
  if (input.size(dim) % size !== 0) {
    throw new TorchClipError(
      'ERR_SHAPE',
      `"input" must have a multiple of ${size} elements along dimension ${dim}, got ${describe([...input.shape])}`,
    );
  }
  return ReduceScatter.apply(dim === 0 ? input : cat(input.chunk(size, dim), 0), op, place);
}

interface Splits {
  readonly outputSplitSizes: readonly number[];
  readonly inputSplitSizes: readonly number[];
}
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

class Exchange extends AutogradFunction {
  static forward(input: Tensor, splits: Splits, place: Place): Tensor {
    const output = input.newEmpty([sum(splits.outputSplitSizes), ...input.shape.slice(1)]);
    exchange(output, input, { ...splits, ...blocking(place) });
    return output;
  }
  static setupContext(ctx: FunctionContext, [, splits, place]: [Tensor, Splits, Place]): void {
    Object.assign(ctx, { splits, place });
  }
  static backward({ splits, place }: FunctionContext & { splits: Splits; place: Place }, grad: Tensor): Derivatives {
    const { outputSplitSizes, inputSplitSizes } = splits;
    const back = { outputSplitSizes: inputSplitSizes, inputSplitSizes: outputSplitSizes };
    return [Exchange.apply(grad, back, place), null, null];
  }
}

/** Options of {@link allToAllSingle}. */
export interface FunctionalAllToAllOptions extends FunctionalOptions {
  /** Rows that come from each rank; default equal shares. */
  outputSplitSizes?: readonly number[];
  /** Rows that go to each rank; default equal shares. */
  inputSplitSizes?: readonly number[];
}

const readExchange = optionsOf('allToAllSingle', {
  ...common,
  outputSplitSizes: [splitsKind, undefined],
  inputSplitSizes: [splitsKind, undefined],
});

/**
 * An exchange of rows, as `all_to_all_single` of `torch.distributed._functional_collectives`; blocks. Rank `i` gets the share `i` of every
 * rank's input, one after the other; gradients go back the same way.
 *
 * @param input `[n, ...]`, split along its first dimension.
 * @returns `[m, ...]`, where `m` is the sum of `outputSplitSizes`.
 *
 * @example
 * const tokens = torch.distributed.functional.allToAllSingle(x, { outputSplitSizes: [1, 3], inputSplitSizes: [2, 2] });
 */
export function allToAllSingle(input: Tensor, options?: FunctionalAllToAllOptions): Tensor {
  const { outputSplitSizes, inputSplitSizes, ...rest } = readExchange(options);
  checkDense('input', input);
  const place = placeOf(rest);
  if (input.ndim === 0) throw new TorchClipError('ERR_SHAPE', '"input" must have 1 dimension or more, got []');
  if ((outputSplitSizes === undefined) !== (inputSplitSizes === undefined)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      '"outputSplitSizes" and "inputSplitSizes" must be given together, or neither',
    );
  }
  const { size } = place.group;
  const even = new Array<number>(size).fill(input.size(0) / size);
  const splits = { outputSplitSizes: outputSplitSizes ?? even, inputSplitSizes: inputSplitSizes ?? even };
  checkSplits('inputSplitSizes', splits.inputSplitSizes, size, input.size(0));
  checkSplits('outputSplitSizes', splits.outputSplitSizes, size);
  return Exchange.apply(input, splits, place);
}

function checkSplits(name: string, sizes: readonly number[], ranks: number, rows?: number): void {
  if (sizes.length === ranks && sizes.every(Number.isInteger) && (rows === undefined || sum(sizes) === rows)) return;
  const total = rows === undefined ? '' : ` that add up to the ${rows} rows of "input"`;
  throw new TorchClipError('ERR_SHAPE', `"${name}" must be ${ranks} integers${total}, got ${describe([...sizes])}`);
}

const readPermute = optionsOf('permuteTensor', common);
const permutation = kind<readonly number[]>(
  'an array that has each rank of the group once',
  (value) => arrayOf(integer()).accepts(value) && [...value].sort((a, b) => a - b).every((n, i) => n === i),
);

/**
 * The tensor of the rank that sends to this one, as `permute_tensor` of `torch.distributed._functional_collectives`; blocks. Gradients go
 * back the same way.
 *
 * @param input of the same shape and dtype on all ranks.
 * @param srcDst to which rank of the group each rank sends.
 *
 * @example
 * const fromThePrevious = torch.distributed.functional.permuteTensor(x, [1, 2, 3, 0]);
 */
export function permuteTensor(input: Tensor, srcDst: readonly number[], options?: FunctionalOptions): Tensor {
  const place = placeOf(readPermute(options));
  checkDense('input', input);
  const { rank, size } = place.group;
  const to = check('srcDst', srcDst, permutation);
  if (to.length !== size) {
    throw new TorchClipError('ERR_ARGUMENT', `"srcDst" must have ${size} ranks, got ${describe([...to])}`);
  }
  const whole = (chosen: number) => to.map((_, i) => (i === chosen ? 1 : 0));
  const splits = { outputSplitSizes: whole(to.indexOf(rank)), inputSplitSizes: whole(to[rank]!) };
  return Exchange.apply(input.unsqueeze(0), splits, place).squeeze(0);
}
