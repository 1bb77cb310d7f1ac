import { invalidArgument } from '../errors.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import {
  type Call,
  type CollectiveOptions,
  called,
  checkAlike,
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
import { groupOf, type ProcessGroup } from './group.js';
import { finished, nothing, type Sequence, type Settled } from './sequence.js';

/** Options of {@link broadcast}. */
export interface BroadcastOptions extends CollectiveOptions {
  /** The rank whose tensor all get, in the default group; default 0. */
  src?: number;
}

const readBroadcast = optionsOf('broadcast', { src: [rankKind, 0], ...collectiveOptions });

/**
 * Replaces a tensor on every rank by that of rank `src`, as `torch.distributed.broadcast`.
 *
 * @param tensor of the same shape and dtype on all ranks.
 *
 * @example
 * await torch.distributed.broadcast(weights, { src: 0 });
 */
export function broadcast<const O extends BroadcastOptions = object>(tensor: Tensor, options?: O): Settled<O> {
  const { group: given, wait, src, timeout } = readBroadcast(options);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  const root = rootIn(group, 'src', src);
  return finished(inPlace({ name: 'broadcast', group, root, timeout }, tensor, wait), wait, group);
}

function* inPlace(call: Call, tensor: Tensor, wait: boolean): Sequence<void> {
  const target = new Receiving(tensor, true);
  yield* called({ ...call, inputs: [target.memory] }, wait);
  target.finish();
}

const readAllGather = optionsOf('allGather', collectiveOptions);

/**
 * Fills a list with the tensors of all ranks, as `torch.distributed.all_gather`.
 *
 * @param tensorList one tensor per rank, each of the shape and dtype of `tensor`, which are written.
 * @param tensor this rank's, of the same shape on all ranks.
 *
 * @example
 * const all = Array.from({ length: torch.distributed.getWorldSize() }, () => torch.emptyLike(loss));
 * await torch.distributed.allGather(all, loss);
 */
export function allGather<const O extends CollectiveOptions = object>(
  tensorList: readonly Tensor[],
  tensor: Tensor,
  options?: O,
): Settled<O> {
  const { group: given, wait, timeout } = readAllGather(options);
  checkDenseList('tensorList', tensorList);
  checkDense('tensor', tensor);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkPerRank('tensorList', tensorList, group);
  checkAlike('tensorList', tensorList, tensor, 'tensor');
  return finished(gathered({ name: 'allGather', group, timeout }, tensorList, [tensor], wait), wait, group);
}

const readIntoTensor = optionsOf('allGatherIntoTensor', collectiveOptions);

/**
 * Fills one tensor with the tensors of all ranks one after the other, as `torch.distributed.all_gather_into_tensor`.
 *
 * @param output of as many elements as all ranks' inputs have, such as `[worldSize * n]` for `[n]`.
 * @param input this rank's, of the same shape on all ranks.
 *
 * @example
 * const all = torch.empty([torch.distributed.getWorldSize() * 2]);
 * await torch.distributed.allGatherIntoTensor(all, torch.ones([2]));
 */
export function allGatherIntoTensor<const O extends CollectiveOptions = object>(
  output: Tensor,
  input: Tensor,
  options?: O,
): Settled<O> {
  const { group: given, wait, timeout } = readIntoTensor(options);
  checkDense('output', output);
  checkDense('input', input);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  checkMultiple('output', output, input, 'input', group.size);
  return finished(flatly({ name: 'allGatherIntoTensor', group, timeout }, output, input, wait), wait, group);
}

/** Options of {@link gather}. */
export interface GatherOptions extends CollectiveOptions {
  /** The rank that gets the tensors, in the default group; default 0. */
  dst?: number;
}

const readGather = optionsOf('gather', { dst: [rankKind, 0], ...collectiveOptions });

/**
 * {@link allGather} for rank `dst` alone, as `torch.distributed.gather`.
 *
 * @param gatherList one tensor per rank on rank `dst`, each of the shape and dtype of `tensor`; null on the others.
 *
 * @example
 * const all = torch.distributed.getRank() === 0 ? [torch.empty([1]), torch.empty([1])] : null;
 * await torch.distributed.gather(torch.ones([1]), all);
 */
export function gather<const O extends GatherOptions = object>(
  tensor: Tensor,
  gatherList: readonly Tensor[] | null,
  options?: O,
): Settled<O> {
  const { group: given, wait, dst, timeout } = readGather(options);
  checkDense('tensor', tensor);
  if (gatherList !== null) checkDenseList('gatherList', gatherList);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  const root = rootIn(group, 'dst', dst);
  const outputs = listOfRoot(group, root, 'gatherList', gatherList, tensor, 'tensor');
  return finished(gathered({ name: 'gather', group, root, timeout }, outputs, [tensor], wait), wait, group);
}

/** The list that the root of a call has, and no other rank. */
function listOfRoot(
  group: ProcessGroup,
  root: number,
  name: string,
  list: readonly Tensor[] | null,
  like: Tensor,
  what: string,
): readonly Tensor[] {
  if (root !== group.rank) {
    if (list !== null && list.length > 0)
      throw invalidArgument(name, `null on a rank that is not ${group.ranks[root]}`, list);
    return [];
  }
  if (list === null) throw invalidArgument(name, `an array of Tensors on rank ${group.ranks[root]}`, list);
  checkPerRank(name, list, group);
  checkAlike(name, list, like, what);
  return list;
}

/** Options of {@link scatter}. */
export interface ScatterOptions extends CollectiveOptions {
  /** The rank whose tensors the others get, in the default group; default 0. */
  src?: number;
}

const readScatter = optionsOf('scatter', { src: [rankKind, 0], ...collectiveOptions });

/**
 * Gives each rank one of the tensors of rank `src`, as `torch.distributed.scatter`.
 *
 * @param tensor what is written.
 * @param scatterList one tensor per rank on rank `src`, each of the shape and dtype of `tensor`; null on the others.
 *
 * @example
 * const shares = torch.distributed.getRank() === 0 ? [torch.zeros([1]), torch.ones([1])] : null;
 * await torch.distributed.scatter(torch.empty([1]), shares);
 */
export function scatter<const O extends ScatterOptions = object>(
  tensor: Tensor,
  scatterList: readonly Tensor[] | null,
  options?: O,
): Settled<O> {
  const { group: given, wait, src, timeout } = readScatter(options);
  checkDense('tensor', tensor);
  if (scatterList !== null) checkDenseList('scatterList', scatterList);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  const root = rootIn(group, 'src', src);
  const inputs = listOfRoot(group, root, 'scatterList', scatterList, tensor, 'tensor');
  return finished(gathered({ name: 'scatter', group, root, timeout }, [tensor], inputs, wait), wait, group);
}

const readBarrier = optionsOf('barrier', collectiveOptions);

/**
 * Waits until every rank has come here, as `torch.distributed.barrier`.
 *
 * @example
 * await torch.distributed.barrier();
 */
export function barrier<const O extends CollectiveOptions = object>(options?: O): Settled<O> {
  const { group: given, wait, timeout } = readBarrier(options);
  const group = groupOf(given);
  if (group === null) return finished(nothing(), wait, null);
  return finished(
    (function* (): Sequence<void> {
      yield* called({ name: 'barrier', group, timeout }, wait);
    })(),
    wait,
    group,
  );
}
