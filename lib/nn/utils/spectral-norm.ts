import { noGrad } from '../../autograd/index.js';
import { check, finiteNonNegative, integer, orNull, text } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { normalize } from '../functional/normalization.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../layers/conv-transpose.js';
import { isLazy } from '../lazy.js';
import type { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { type Computed, computedOf, defineComputed, parameterOf } from './computed.js';

/** Options of {@link spectralNorm}. */
export interface SpectralNormOptions {
  /** Default `'weight'`. */
  name?: string;
  /** Steps of the power iteration each time that the weight is computed while training; default 1. */
  nPowerIterations?: number;
  /** The least that a norm counts; default 1e-12. */
  eps?: number;
  /** The dimension of the outputs; default null, which is 1 for transposed convolutions and 0 otherwise. */
  dim?: number | null;
}

/** @internal */
export const spectralTable = {
  name: [text, 'weight'],
  nPowerIterations: [integer(1), 1],
  eps: [finiteNonNegative, 1e-12],
  dim: [orNull(integer()), null],
} as const;
const readSpectralNorm = optionsOf('spectralNorm()', spectralTable);
const readRemove = optionsOf('removeSpectralNorm()', { name: [text, 'weight'] });

/** @internal The dimension of a layer's outputs in its weight. */
export function outputDim(module: Module, dim: number | null): number {
  const transposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((Class) => module instanceof Class);
  return dim ?? (transposed ? 1 : 0);
}

/** @internal A weight as the matrix of dimension `dim` by the rest. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  const others = weight.shape.flatMap((_, d) => (d === dim ? [] : [d]));
  const first = dim === 0 ? weight : weight.permute([dim, ...others]);
  return first.reshape([first.shape[0]!, -1]);
}

class SpectralNorm implements Computed {
  readonly what = 'spectralNorm';
  private readonly iterations: number;
  private readonly dim: number;
  private readonly eps: number;

  constructor(iterations: number, dim: number, eps: number) {
    this.iterations = iterations;
    this.dim = dim;
    this.eps = eps;
  }

  read(module: Module, name: string): Tensor {
    return this.compute(module, name, module.training);
  }

  compute(module: Module, name: string, iterate: boolean): Tensor {
    const part = (end: string) => Reflect.get(module, name + end) as Tensor;
    const weight = part('_orig');
    let [u, v] = [part('_u'), part('_v')];
    const matrix = asMatrix(weight, this.dim);
    if (iterate) {
      noGrad(() => {
        const normalized = (t: Tensor) => normalize(t, { dim: 0, eps: this.eps });
        for (let i = 0; i < this.iterations; i++) {
          v.copy_(normalized(matrix.t().mv(u)));
          u.copy_(normalized(matrix.mv(v)));
        }
        // The next iteration writes the buffers, which this graph must not see.
        [u, v] = [u.clone(), v.clone()];
      });
    }
    return weight.div(u.dot(matrix.mv(v)));
  }
}

/**
 * Divides a parameter by its largest singular value, which a power iteration estimates: `weight_orig` is trained, `weight_u` and
 * `weight_v` are buffers, `weight` is computed from them. While training, each reading of `weight` goes on with the iteration.
 *
 * PyTorch has the newer `parametrizations.spectralNorm`; this one is for state dicts with these names.
 *
 * @throws {TorchClipError} `ERR_STATE` where the parameter has it already.
 *
 * @example
 * const layer = nn.utils.spectralNorm(new nn.Linear(20, 40));
 *
 * @see Miyato et al. 2018
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const { name, nPowerIterations, eps, dim } = readSpectralNorm(options);
  if (computedOf(module, name) instanceof SpectralNorm) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} has spectralNorm already`);
  }
  const weight = parameterOf(module, name);
  if (isLazy(weight)) throw invalidArgument('name', 'the name of a parameter that is initialised', name);
  const { ndim } = weight;
  const along = check('dim', outputDim(module, dim), integer(-ndim, ndim - 1), 'ERR_INDEX');
  const norm = new SpectralNorm(nPowerIterations, along < 0 ? along + ndim : along, eps);
  const [h, w] = asMatrix(weight.detach(), along < 0 ? along + ndim : along).shape as [number, number];
  const drawn = (n: number) => noGrad(() => normalize(weight.newEmpty([n]).normal_(0, 1), { dim: 0, eps }));
  const [u, v] = [drawn(h), drawn(w)];
  Reflect.deleteProperty(module, name);
  module.registerParameter(`${name}_orig`, weight);
  module.registerBuffer(`${name}_u`, u);
  module.registerBuffer(`${name}_v`, v);
  defineComputed(module, name, norm);
  return module;
}

/**
 * Undoes {@link spectralNorm}: the weight as it is becomes a parameter again.
 *
 * @throws {TorchClipError} `ERR_STATE` where the parameter does not have it.
 *
 * @example
 * nn.utils.removeSpectralNorm(layer);
 */
export function removeSpectralNorm<M extends Module>(module: M, options: { name?: string } = {}): M {
  const { name } = readRemove(options);
  const norm = computedOf(module, name);
  if (!(norm instanceof SpectralNorm)) {
    throw new TorchClipError('ERR_STATE', `"${name}" of ${module.constructor.name} has no spectralNorm`);
  }
  const weight = new Parameter(noGrad(() => norm.compute(module, name, false)));
  for (const end of ['', '_u', '_v', '_orig']) Reflect.deleteProperty(module, name + end);
  module.registerParameter(name, weight);
  return module;
}
