import { check, integer, orNull, text } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { normExceptDim } from '../../ops/generated/functions.js';
import { nativeOp } from '../../ops/overload.js';
import { optionsOf } from '../../options.js';
import { type Handle, type Tensor, wrap } from '../../tensor.js';
import { isLazy } from '../lazy.js';
import type { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { type Computed, computedOf, defineComputed, parameterOf } from './computed.js';

/** Options of {@link weightNorm}. */
export interface WeightNormOptions {
  /** Default `'weight'`. */
  name?: string;
  /** The dimension that each has a norm of its own; null for one norm of all. Default 0. */
  dim?: number | null;
}

const readWeightNorm = optionsOf('weightNorm()', { name: [text, 'weight'], dim: [orNull(integer()), 0] });
const readRemove = optionsOf('removeWeightNorm()', { name: [text, 'weight'] });

/** @internal v times g over the norm of v, except along `dim`. */
export function weightOf(v: Tensor, g: Tensor, dim: number): Tensor {
  return wrap(nativeOp('_weight_norm')(v.handle, g.handle, dim) as Handle);
}

class WeightNorm implements Computed {
  readonly what = 'weightNorm';
  private readonly dim: number;

  constructor(dim: number) {
    this.dim = dim;
  }

  read(module: Module, name: string): Tensor {
    const [g, v] = ['_g', '_v'].map((end) => Reflect.get(module, name + end) as Tensor) as [Tensor, Tensor];
    return weightOf(v, g, this.dim);
  }
}

/**
 * Splits a parameter into a norm and a direction, which are trained as `weight_g` and `weight_v`; `weight` is computed from them.
 *
 * PyTorch deprecates it in favour of `parametrizations.weightNorm`; it is for state dicts with these names.
 *
 * @throws {TorchClipError} `ERR_STATE` where the parameter has it already.
 *
 * @example
 * const layer = nn.utils.weightNorm(new nn.Linear(20, 40));
 * Object.keys(layer.stateDict()); // ['bias', 'weight_g', 'weight_v']
 *
 * @see Salimans and Kingma 2016
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  const { name, dim } = readWeightNorm(options);
  if (computedOf(module, name) instanceof WeightNorm) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} has weightNorm already`);
  }
  const weight = parameterOf(module, name);
  if (isLazy(weight)) throw invalidArgument('name', 'the name of a parameter that is initialised', name);
  const along = dim ?? -1;
  const { ndim } = weight;
  if (dim !== null) check('dim', dim, integer(-ndim, ndim - 1), 'ERR_INDEX');
  const data = weight.detach();
  const g = new Parameter(normExceptDim(data, 2, along));
  Reflect.deleteProperty(module, name);
  module.registerParameter(`${name}_g`, g);
  module.registerParameter(`${name}_v`, new Parameter(data));
  defineComputed(module, name, new WeightNorm(along));
  return module;
}

/**
 * Undoes {@link weightNorm}: the weight as it is becomes a parameter again.
 *
 * @throws {TorchClipError} `ERR_STATE` where the parameter does not have it.
 *
 * @example
 * nn.utils.removeWeightNorm(layer);
 */
export function removeWeightNorm<M extends Module>(module: M, options: { name?: string } = {}): M {
  const { name } = readRemove(options);
  const norm = computedOf(module, name);
  if (!(norm instanceof WeightNorm)) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} has no weightNorm`);
  }
  const weight = new Parameter(norm.read(module, name));
  for (const end of ['', '_g', '_v']) Reflect.deleteProperty(module, name + end);
  module.registerParameter(name, weight);
  return module;
}
