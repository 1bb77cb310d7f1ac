import { elementsOf } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { parametersHint } from '../../parameters-hint.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** Tensors, or pairs of a name and a tensor as `model.namedParameters()` gives them. */
export type ParameterList = Iterable<Tensor> | Iterable<readonly [name: string, parameter: Tensor]>;
/** Options as a constructor takes them: the learning rate may also be a tensor of one number, which each step reads. */
export type Options<G> = Omit<G, 'lr'> & {
  /** The learning rate, a number or a tensor of one number, on any device; each step reads it. */
  lr?: (G extends { lr?: infer L } ? L : number) | Tensor;
};
/** A group of parameters with options of its own, as the constructor takes it. */
export type GroupInput<G> = Options<G> & { params: Tensor | ParameterList };
/** What an optimizer optimizes: tensors, named or not, or groups of them. */
export type Parameters<G> = ParameterList | Iterable<GroupInput<G>>;
/** A group as `paramGroups` holds it: assign to its options between steps. Where `lr` was given as a tensor, it is that tensor. */
export type ParamGroup<G> = { -readonly [K in keyof G]-?: G[K] } & {
  /** Frozen, as the engine knows them: assigning, changing or deleting it is JavaScript's own `TypeError`; `addParamGroup` adds parameters. */
  readonly params: readonly Tensor[];
  /** Where the parameters came with names. */
  readonly paramNames?: readonly string[];
  initialLr?: number;
};

/** @internal The groups of a constructor's first argument, of which there is at least one. */
export function groupsOf<G extends object>(params: Parameters<G>): GroupInput<G>[] {
  const list = elementsOf(iterable<unknown>('params', params));
  if (list.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'optimizer got an empty parameter list');
  const isGroup = (entry: unknown): entry is GroupInput<G> =>
    typeof entry === 'object' && entry !== null && !isTensor(entry) && Object.hasOwn(entry, 'params');
  if (!list.some(isGroup)) return [{ params: list as Tensor[] } as unknown as GroupInput<G>];
  list.forEach((entry, i) => {
    if (!isGroup(entry)) throw invalidArgument(`params[${i}]`, 'a parameter group, as others are', entry);
  });
  return list as GroupInput<G>[];
}

/** @internal The tensors of a group, each of which can be optimized, and their names where they have any. */
export function parametersOf(params: Tensor | ParameterList): {
  list: readonly Tensor[];
  names: readonly string[] | undefined;
} {
  const given: readonly unknown[] = isTensor(params) ? [params] : elementsOf(iterable<unknown>('params', params));
  const named = given.length > 0 && given.every(isNamed);
  const list = Object.freeze(named ? given.map(([, param]) => param) : given);
  for (const param of list) checkParameter(param);
  if (!named) return { list: list as readonly Tensor[], names: undefined };
  const names = given.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', `parameter names must be unique, but ${describe(twice)} appears twice`);
  }
  return { list: list as readonly Tensor[], names: Object.freeze(names) };
}

const isNamed = (entry: unknown): entry is readonly [string, unknown] =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string';

function iterable<T>(name: string, value: Iterable<T>): Iterable<T> {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value) || isTensor(value)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `${name} argument given to the optimizer should be an iterable of Tensors or groups, but got ${describe(value)}${parametersHint(value)}`,
    );
  }
  return value;
}

function checkParameter(param: unknown): asserts param is Tensor {
  if (!isTensor(param)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `optimizer can only optimize Tensors, but one of the params is ${describe(param)}${parametersHint(param)}`,
    );
  }
  if (!param.isLeaf && !param.retainsGrad())
    throw new TorchClipError('ERR_ARGUMENT', "can't optimize a non-leaf Tensor");
}
