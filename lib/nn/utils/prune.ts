import { noGrad } from '../../autograd/index.js';
import { arrayOf, check, elementsOf, kind, orNull } from '../../check.js';
import { invalidArgument, mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { cat, onesLike } from '../../ops/generated/functions.js';
import { nativeOp } from '../../ops/overload.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { type Computed, checkModule, computedOf, defineComputed, parameterOf } from './computed.js';
import {
  BasePruningMethod,
  CustomFromMask,
  Identity,
  L1Unstructured,
  LnStructured,
  PruningContainer,
  RandomStructured,
  RandomUnstructured,
} from './prune-method.js';

export * from './prune-method.js';

/** A parameter times its mask. */
class Pruned implements Computed {
  readonly what = 'prune';
  /** What has pruned it. */
  readonly method: BasePruningMethod;

  constructor(method: BasePruningMethod) {
    this.method = method;
  }

  read(module: Module, name: string): Tensor {
    const [mask, original] = ['_mask', '_orig'].map((end) => Reflect.get(module, name + end) as Tensor) as [
      Tensor,
      Tensor,
    ];
    return mask.to({ dtype: original.dtype }).mul(original);
  }
}

const readGlobalScores = optionsOf('globalUnstructured()', {
  importanceScores: [orNull(arrayOf(orNull(tensor))), null],
});
const pair = kind<readonly [module: Module, name: string]>(
  'a pair of a module and the name of its parameter',
  (value) => Array.isArray(value) && value.length === 2 && value[0] instanceof Module && typeof value[1] === 'string',
);
const readScores = optionsOf('prune', { importanceScores: [orNull(tensor), null] });

/**
 * Prunes a parameter by a method: `NAME_orig` is trained, `NAME_mask` is a buffer, and `NAME` is their product. What is pruned already stays
 * so.
 *
 * @param options.importanceScores what the method looks at, of the parameter's shape; default null, the parameter itself.
 *
 * @example
 * nn.utils.prune.apply(layer, 'weight', new nn.utils.prune.L1Unstructured(0.3));
 */
export function apply<M extends Module>(
  module: M,
  name: string,
  method: BasePruningMethod,
  options: { importanceScores?: Tensor | null } = {},
): M {
  const { importanceScores } = readScores(options);
  if (!(method instanceof BasePruningMethod)) throw invalidArgument('method', 'a BasePruningMethod', method);
  const before = prunedBefore(module, name);
  const value = noGrad(() => (before ? before.read(module, name) : parameterOf(module, name).detach()));
  if (importanceScores !== null && String(importanceScores.shape) !== String(value.shape)) {
    throw invalidArgument(
      'importanceScores',
      `of shape [${value.shape.join(', ')}]`,
      importanceScores.shape,
      'ERR_SHAPE',
    );
  }
  const chain = before ? new PruningContainer(...methodsOf(before.method), method) : method;
  const mask = noGrad(() => {
    const known = before ? (Reflect.get(module, `${name}_mask`) as Tensor).clone() : onesLike(value);
    return check('the mask', chain.computeMask(importanceScores?.detach() ?? value, known), tensor);
  });
  if (String(mask.shape) !== String(value.shape)) {
    throw mustHave('the mask', `shape [${value.shape.join(', ')}]`, mask.shape);
  }
  if (!before) {
    const parameter = parameterOf(module, name);
    Reflect.deleteProperty(module, name);
    module.registerParameter(`${name}_orig`, parameter);
  }
  module.registerBuffer(`${name}_mask`, mask);
  defineComputed(module, name, new Pruned(chain));
  return module;
}

/** How a parameter has been pruned; undefined where it has not. Refuses what cannot be. */
function prunedBefore(module: Module, name: string): Pruned | undefined {
  const before = computedOf(module, name);
  if (before instanceof Pruned) return before;
  if (before !== undefined) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} is computed by ${before.what}`);
  }
  parameterOf(module, name);
  for (const end of ['_orig', '_mask']) {
    if (Reflect.get(module, name + end) == null) continue;
    throw new TorchClipError('ERR_STATE', `${module.constructor.name} has another member "${name}${end}" already`);
  }
  return undefined;
}

const methodsOf = (method: BasePruningMethod): BasePruningMethod[] =>
  method instanceof PruningContainer ? [...method] : [method];

/**
 * Gives a parameter a mask of ones: it counts as pruned.
 *
 * @example
 * nn.utils.prune.identity(layer, 'weight');
 */
export function identity<M extends Module>(module: M, name: string): M {
  return apply(module, name, new Identity());
}

/**
 * Prunes elements of a parameter at random.
 *
 * @param amount a share between 0 and 1, or a whole number of elements from 1 on.
 *
 * @example
 * nn.utils.prune.randomUnstructured(layer, 'weight', 0.3);
 */
export function randomUnstructured<M extends Module>(module: M, name: string, amount: number): M {
  return apply(module, name, new RandomUnstructured(amount));
}

/**
 * Prunes the elements of a parameter of least absolute value.
 *
 * @param amount a share between 0 and 1, or a whole number of elements from 1 on.
 *
 * @example
 * nn.utils.prune.l1Unstructured(layer, 'weight', 0.3);
 */
export function l1Unstructured<M extends Module>(
  module: M,
  name: string,
  amount: number,
  options?: { importanceScores?: Tensor | null },
): M {
  return apply(module, name, new L1Unstructured(amount), options);
}

/**
 * Prunes slices along a dimension of a parameter at random.
 *
 * @param amount a share between 0 and 1, or a whole number of slices from 1 on.
 *
 * @example
 * nn.utils.prune.randomStructured(layer, 'weight', 3, 1);
 */
export function randomStructured<M extends Module>(module: M, name: string, amount: number, dim: number): M {
  return apply(module, name, new RandomStructured(amount, dim));
}

/**
 * Prunes the slices along a dimension of a parameter whose `n`-norm is least.
 *
 * @param amount a share between 0 and 1, or a whole number of slices from 1 on.
 *
 * @example
 * nn.utils.prune.lnStructured(layer, 'weight', 0.5, 2, 0);
 */
export function lnStructured<M extends Module>(
  module: M,
  name: string,
  amount: number,
  n: number,
  dim: number,
  options?: { importanceScores?: Tensor | null },
): M {
  return apply(module, name, new LnStructured(amount, n, dim), options);
}

/**
 * Prunes a parameter by a mask of its shape: 1 for what is kept, 0 for what is pruned.
 *
 * @example
 * nn.utils.prune.customFromMask(layer, 'bias', torch.tensor([0, 1, 0]));
 */
export function customFromMask<M extends Module>(module: M, name: string, mask: Tensor): M {
  return apply(module, name, new CustomFromMask(mask));
}

/**
 * Prunes several parameters as if they were one.
 *
 * @param parameters modules and the names of their parameters.
 * @param method an unstructured one.
 * @param options.importanceScores one tensor per parameter, null for the parameter itself; default null.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a method that is not unstructured.
 *
 * @example
 * const parameters = [[fc1, 'weight'], [fc2, 'weight']] as const;
 * nn.utils.prune.globalUnstructured(parameters, new nn.utils.prune.L1Unstructured(0.2));
 */
export function globalUnstructured(
  parameters: readonly (readonly [module: Module, name: string])[],
  method: BasePruningMethod,
  options: { importanceScores?: readonly (Tensor | null)[] | null } = {},
): void {
  const { importanceScores: scores } = readGlobalScores(options);
  if (!(method instanceof BasePruningMethod) || method.pruningType !== 'unstructured') {
    throw invalidArgument('method', 'an unstructured pruning method', method);
  }
  if (!Array.isArray(parameters) || parameters.length === 0) {
    throw invalidArgument('parameters', 'an array of pairs [module, name]', parameters);
  }
  const list = elementsOf<unknown>(parameters).map((entry, i) => {
    const [module, name] = check(`parameters[${i}]`, entry, pair);
    // All of them before one is pruned.
    const before = prunedBefore(module, name);
    const value = (Reflect.get(module, name) as Tensor).detach();
    const score = scores?.[i] ?? value;
    if (String(score.shape) !== String(value.shape)) {
      throw mustHave(`importanceScores[${i}]`, `shape [${value.shape.join(', ')}]`, score.shape);
    }
    const mask = before ? (Reflect.get(module, `${name}_mask`) as Tensor) : onesLike(value);
    return { module, name, value, score, mask };
  });
  noGrad(() => {
    const flat = (tensors: Tensor[]) => cat(tensors.map((t) => t.reshape([-1])));
    const values = flat(list.map(({ score }) => score));
    const mask = new PruningContainer(method).computeMask(values, flat(list.map(({ mask }) => mask)));
    let at = 0;
    for (const { module, name, value } of list) {
      customFromMask(module, name, mask.narrow(0, at, value.numel()).reshape(value.shape));
      at += value.numel();
    }
  });
}

/**
 * Makes pruning permanent: the parameter has the zeros then, and its mask is gone.
 *
 * @throws {TorchClipError} `ERR_STATE` for a parameter that is not pruned.
 *
 * @example
 * nn.utils.prune.remove(layer, 'weight');
 */
export function remove<M extends Module>(module: M, name: string): M {
  const pruned = computedOf(module, name);
  if (!(pruned instanceof Pruned)) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} is not pruned`);
  }
  const original = Reflect.get(module, `${name}_orig`) as Parameter;
  // The parameter stays the same object, for optimizers.
  nativeOp('set_data')(original.handle, noGrad(() => pruned.read(module, name)).handle);
  for (const end of ['', '_orig', '_mask']) Reflect.deleteProperty(module, name + end);
  module.registerParameter(name, original);
  return module;
}

/**
 * Whether a parameter of a module, or of one below it, is pruned.
 *
 * @example
 * nn.utils.prune.isPruned(model);
 */
export function isPruned(module: Module): boolean {
  return checkModule(module)
    .modules()
    .some((m) => Object.getOwnPropertyNames(m).some((name) => computedOf(m, name) instanceof Pruned));
}
