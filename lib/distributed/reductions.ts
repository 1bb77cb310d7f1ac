import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import {
  type Call,
  type CollectiveOptions,
  called,
  checkAlike,
  checkCarried,
  checkDense,
  checkDenseList,
  checkMultiple,
  checkPerRank,
  collectiveOptions,
  flatly,
  gathered,
  Receiving,
  rankKind,
  rootIn,
} from './call.js';
import { groupOf } from './group.js';
import { checkReducible, ordered, type ReduceOp, reduceOp } from './reduce-op.js';
import { finished, nothing, type Sequence, type Settled } from './sequence.js';

/** Options of {@link allReduce}. */
export interface AllReduceOptions extends CollectiveOptions {
  /** Default `'sum'`. */
  op?: ReduceOp;
}

const readAllReduce = optionsOf('allReduce', { op: [reduceOp, 'sum'], ...collectiveOptions });

/**
 * Replaces a tensor on every rank by the sum (or another reduction) of all ranks' tensors, as `torch.distributed.all_reduce`.
 *
 * All ranks end with the same bits. NaN is kept by `'min'` and `'max'` where all ranks run this package. The tensor is written while
 * the call is under way: use it after `await`.
 *
 * @param tensor of the same shape and dtype on all ranks; also one that is not contiguous.
 * @throws {TorchClipError} `ERR_DISTRIBUTED` where another rank has ended, `ERR_TIMEOUT` where one does not call it in time; the
 * group does not work again after that.
 *
 * @example
 * await torch.distributed.allReduce(loss, { op: 'avg' });
 * torch.distributed.allReduce(loss, { wait: true });
 */
export function allReduce<const O extends AllReduceOptions = object>(tensor: Tensor, options?: O): Settled<O> {
  const { group: given, wait, op, timeout } = readAllReduce(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkReducible('tensor', tensor, op);
  checkCarried('tensor', tensor);
  return finished(reduced({ name: 'allReduce', group, op, timeout }, tensor, wait), wait, group);
}

function* reduced(call: Call, tensor: Tensor, wait: boolean, receives = true): Sequence<void> {
  const keyed = ordered(call.group, tensor, call.op!);
  if (keyed !== undefined) {
    yield* called({ ...call, inputs: [keyed.tensor] }, wait);
    if (receives) keyed.restore(keyed.tensor, tensor.detach());
    return;
  }
  const target = new Receiving(tensor, true);
  yield* called({ ...call, inputs: [target.memory] }, wait);
  if (receives) target.finish();
}

/** Options of {@link reduce}. */
export interface ReduceOptions extends AllReduceOptions {
  /** The rank that gets the result, in the default group; default 0. */
  dst?: number;
}

const readReduce = optionsOf('reduce', { dst: [rankKind, 0], op: [reduceOp, 'sum'], ...collectiveOptions });

/**
 * {@link allReduce} for rank `dst` alone, as `torch.distributed.reduce`. What the tensors of other ranks hold afterwards is left open.
 *
 * @example
 * await torch.distributed.reduce(loss, { dst: 0 });
 */
export function reduce<const O extends ReduceOptions = object>(tensor: Tensor, options?: O): Settled<O> {
  const { group: given, wait, op, dst, timeout } = readReduce(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkReducible('tensor', tensor, op);
  checkCarried('tensor', tensor);
  const root = rootIn(group, 'dst', dst);
  const call = { name: 'reduce', group, op, root, timeout };
  return finished(reduced(call, tensor, wait, root === group.rank), wait, group);
}

const readReduceScatter = optionsOf('reduceScatter', { op: [reduceOp, 'sum'], ...collectiveOptions });

/**
 * Reduces a list of tensors over all ranks and leaves each rank the one of its number, as `torch.distributed.reduce_scatter`.
 *
 * @param output what is written.
 * @param inputList one tensor per rank, each of the shape and dtype of `output`.
 *
 * @example
 * const mine = torch.empty([2]);
 * await torch.distributed.reduceScatter(mine, [torch.ones([2]), torch.zeros([2])]);
 */
export function reduceScatter<const O extends AllReduceOptions = object>(
  output: Tensor,
  inputList: readonly Tensor[],
  options?: O,
): Settled<O> {
  const { group: given, wait, op, timeout } = readReduceScatter(options);
  checkDense('output', output);
  checkDenseList('inputList', inputList);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkReducible('output', output, op);
  checkCarried('output', output);
  checkPerRank('inputList', inputList, group);
  checkAlike('inputList', inputList, output, 'output');
  const call = { name: 'reduceScatter', group, op, timeout };
  if (ordered(group, output, op) === undefined) return finished(gathered(call, [output], inputList, wait), wait, group);
  return finished(scatteredInOrder(call, output, inputList, wait), wait, group);
}

function* scatteredInOrder(call: Call, output: Tensor, inputs: readonly Tensor[], wait: boolean): Sequence<void> {
  const sent = inputs.map((t) => ordered(call.group, t, call.op!)!);
  const arrived = sent[call.group.rank]!.tensor.clone();
  yield* called({ ...call, outputs: [[arrived]], inputs: sent.map(({ tensor }) => tensor) }, wait);
  sent[call.group.rank]!.restore(arrived, output.detach());
}

const readScatterTensor = optionsOf('reduceScatterTensor', { op: [reduceOp, 'sum'], ...collectiveOptions });

/**
 * Reduces a tensor over all ranks and leaves each rank its share of it, as `torch.distributed.reduce_scatter_tensor`.
 *
 * @param output of `n` elements, which are written.
 * @param input of `worldSize * n` elements.
 *
 * @example
 * const mine = torch.empty([2]);
 * await torch.distributed.reduceScatterTensor(mine, torch.ones([torch.distributed.getWorldSize() * 2]));
 */
export function reduceScatterTensor<const O extends AllReduceOptions = object>(
  output: Tensor,
  input: Tensor,
  options?: O,
): Settled<O> {
  const { group: given, wait, op, timeout } = readScatterTensor(options);
  checkDense('output', output);
  checkDense('input', input);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkReducible('output', output, op);
  checkCarried('output', output);
  checkMultiple('input', input, output, 'output', group.size);
  const call = { name: 'reduceScatterTensor', group, op, timeout };
  const keyed = ordered(group, input, op);
  if (keyed === undefined) return finished(flatly(call, output, input, wait), wait, group);
  return finished(
    (function* (): Sequence<void> {
      const flat = keyed.tensor.view([-1]);
      const arrived = flat.newEmpty([output.numel()]);
      yield* called({ ...call, outputs: [[arrived]], inputs: [flat] }, wait);
      keyed.restore(arrived.view(output.shape), output.detach());
    })(),
    wait,
    group,
  );
}
