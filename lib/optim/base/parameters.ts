import { elementsOf } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** A group of parameters with options of its own, as the constructor takes it. */
export type GroupInput<G> = G & { params: Tensor | Iterable<Tensor> };
/** What an optimizer optimizes: tensors, or groups of them. */
export type Parameters<G> = Iterable<Tensor> | Iterable<GroupInput<G>>;
/** A group as `paramGroups` holds it: assign to its options between steps. */
export type ParamGroup<G> = { -readonly [K in keyof G]-?: G[K] } & {
  readonly params: readonly Tensor[];
  initialLr?: number;
};

/** @internal The groups of a constructor's first argument, of which there is at least one. */
export function groupsOf<G extends object>(params: Parameters<G>): GroupInput<G>[] {
  const list = elementsOf(iterable<Tensor | GroupInput<G>>('params', params));
  if (list.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'optimizer got an empty parameter list');
  const isGroup = (entry: unknown): entry is GroupInput<G> =>
    typeof entry === 'object' && entry !== null && !isTensor(entry) && Object.hasOwn(entry, 'params');
  if (!list.some(isGroup)) return [{ params: list as Tensor[] } as GroupInput<G>];
  list.forEach((entry, i) => {
    if (!isGroup(entry)) throw invalidArgument(`params[${i}]`, 'a parameter group, as others are', entry);
  });
  return list as GroupInput<G>[];
}

/** @internal The tensors of a group, each of which can be optimized. */
export function parametersOf(params: Tensor | Iterable<Tensor>): readonly Tensor[] {
  const list = Object.freeze(isTensor(params) ? [params] : elementsOf(iterable('params', params)));
  for (const param of list) checkParameter(param);
  return list;
}

function iterable<T>(name: string, value: Iterable<T>): Iterable<T> {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value) || isTensor(value)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `${name} argument given to the optimizer should be an iterable of Tensors or groups, but got ${describe(value)}`,
    );
  }
  return value;
}

function checkParameter(param: unknown): asserts param is Tensor {
  if (!isTensor(param)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `optimizer can only optimize Tensors, but one of the params is ${describe(param)}`,
    );
  }
  if (!param.isLeaf && !param.retainsGrad())
    throw new TorchClipError('ERR_ARGUMENT', "can't optimize a non-leaf Tensor");
}
