import { noGrad } from '../../autograd/index.js';
import { check, flag, integer, oneOf, orNull, text } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { cat, eye, geqrf, normExceptDim, zerosLike } from '../../ops/generated/functions.js';
import { householderProduct, qr, solve } from '../../ops/generated/linalg.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { normalize } from '../functional/normalization.js';
import { Module } from '../module.js';
import { checkModule } from './computed.js';
import { registerParametrization } from './parametrize.js';
import { asMatrix, outputDim, type SpectralNormOptions, spectralTable } from './spectral-norm.js';
import { type WeightNormOptions, weightOf } from './weight-norm.js';

function tensorOf(module: Module, name: string): Tensor {
  const value: unknown = Reflect.get(checkModule(module), name);
  if (isTensor(value)) return value;
  throw invalidArgument('name', `the name of a parameter or buffer of ${module.constructor.name}`, name);
}

// Printed under PyTorch's names.
class _WeightNorm extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(g: Tensor, v: Tensor): Tensor {
    return weightOf(v, g, this.dim);
  }

  rightInverse(weight: Tensor): [Tensor, Tensor] {
    return [normExceptDim(weight, 2, this.dim), weight];
  }
}

const readWeightNorm = optionsOf('parametrizations.weightNorm()', {
  name: [text, 'weight'],
  dim: [orNull(integer()), 0],
});

/**
 * Computes a weight as a norm times a direction: `parametrizations.weight.original0` and `original1`. State dicts of the older
 * `nn.utils.weightNorm` load too.
 *
 * @param options.dim the dimension that each has a norm of its own, null for one norm of all; default 0.
 *
 * @example
 * const layer = nn.utils.parametrizations.weightNorm(new nn.Linear(20, 40));
 *
 * @see Salimans and Kingma 2016
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  const { name, dim } = readWeightNorm(options);
  const { ndim } = tensorOf(module, name);
  if (dim !== null) check('dim', dim, integer(-ndim, ndim - 1), 'ERR_INDEX');
  registerParametrization(module, name, new _WeightNorm(dim ?? -1) as never, { unsafe: true });
  module.registerLoadStateDictPreHook((_module, state, prefix) => {
    const [g, v] = [`${prefix}${name}_g`, `${prefix}${name}_v`];
    if (!(g in state && v in state)) return;
    state[`${prefix}parametrizations.${name}.original0`] = state[g]!;
    state[`${prefix}parametrizations.${name}.original1`] = state[v]!;
    delete state[g];
    delete state[v];
  });
  return module;
}

class _SpectralNorm extends Module {
  declare _u: Tensor;
  declare _v: Tensor;
  readonly dim: number;
  readonly eps: number;
  readonly nPowerIterations: number;

  constructor(weight: Tensor, nPowerIterations: number, dim: number, eps: number) {
    super();
    this.dim = dim;
    this.eps = eps;
    this.nPowerIterations = nPowerIterations;
    if (weight.ndim <= 1) return;
    noGrad(() => {
      const matrix = asMatrix(weight, dim);
      const [h, w] = matrix.shape as [number, number];
      const [u, v] = [matrix.newEmpty([h]).normal_(0, 1), matrix.newEmpty([w]).normal_(0, 1)];
      this.registerBuffer('_u', this.normalized(u));
      this.registerBuffer('_v', this.normalized(v));
      this.iterate(matrix, 15);
    });
  }

  override forward(weight: Tensor): Tensor {
    if (weight.ndim === 1) return this.normalized(weight);
    const matrix = asMatrix(weight, this.dim);
    if (this.training) noGrad(() => this.iterate(matrix, this.nPowerIterations));
    // The next iteration writes the buffers, which this graph must not see.
    const [u, v] = [this._u.clone(), this._v.clone()];
    return weight.div(u.vdot(matrix.mv(v)));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }

  private normalized(t: Tensor): Tensor {
    return normalize(t, { dim: 0, eps: this.eps });
  }

  private iterate(matrix: Tensor, times: number): void {
    for (let i = 0; i < times; i++) {
      this._u.copy_(this.normalized(matrix.mv(this._v)));
      this._v.copy_(this.normalized(matrix.t().conj().mv(this._u)));
    }
  }
}

const readSpectralNorm = optionsOf('parametrizations.spectralNorm()', spectralTable);

/**
 * Divides a weight by its largest singular value, which a power iteration estimates; a vector by its norm.
 *
 * While training, each reading of the weight goes on with the iteration.
 *
 * @example
 * const layer = nn.utils.parametrizations.spectralNorm(new nn.Linear(20, 40));
 *
 * @see Miyato et al. 2018
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const { name, nPowerIterations, eps, dim } = readSpectralNorm(options);
  const weight = tensorOf(module, name);
  const { ndim } = weight;
  const along = check('dim', outputDim(module, dim), integer(-ndim, ndim - 1), 'ERR_INDEX');
  const norm = new _SpectralNorm(weight, nPowerIterations, along < 0 ? along + ndim : along, eps);
  return registerParametrization(module, name, norm as never);
}

/** How {@link orthogonal} maps matrices to orthogonal ones. */
export type OrthogonalMap = 'matrix_exp' | 'cayley' | 'householder';

/** Whether Q'Q is the identity, up to rounding. */
function isOrthogonal(q: Tensor): boolean {
  const [n, k] = q.shape.slice(-2) as [number, number];
  const id = eye(k, { dtype: q.dtype, device: q.device });
  // PyTorch's bound; its eps is that of the dtype.
  const eps = 10 * n * (q.dtype.name === 'float64' || q.dtype.name === 'complex128' ? 2 ** -52 : 2 ** -23);
  return q.transpose(-2, -1).conj().matmul(q).sub(id).abs().le(eps).all().item<boolean>();
}

/** An orthogonal matrix that spans the same, with the signs of QR. */
function makeOrthogonal(a: Tensor): Tensor {
  const [q, r] = qr(a);
  return q.mul(r.diagonal(0, -2, -1).sgn().unsqueeze(-2));
}

class _Orthogonal extends Module {
  declare base: Tensor | null;
  private readonly shape: readonly number[];
  private readonly map: OrthogonalMap;
  private readonly hasBase: boolean;

  constructor(weight: Tensor, map: OrthogonalMap, useTrivialization: boolean) {
    super();
    if (weight.dtype.isComplex && map === 'householder') {
      throw invalidArgument('orthogonalMap', '"matrix_exp" or "cayley" for complex tensors', map);
    }
    this.shape = weight.shape;
    this.map = map;
    this.hasBase = useTrivialization;
    if (useTrivialization) this.registerBuffer('base', null);
    // These maps have an inverse only beside a base.
    else if (map !== 'householder') Object.assign(this, { rightInverse: undefined });
  }

  override forward(given: Tensor): Tensor {
    const wide = given.shape.at(-2)! < given.shape.at(-1)!;
    const x = wide ? given.transpose(-2, -1) : given;
    let q = this.map === 'householder' ? this.householder(x) : this.exponential(x);
    if (this.hasBase && this.base) q = this.base.matmul(q);
    return wide ? q.transpose(-2, -1) : q;
  }

  rightInverse(value: Tensor): Tensor {
    return noGrad(() => this.inverse(value));
  }

  private exponential(x: Tensor): Tensor {
    const [n, k] = x.shape.slice(-2) as [number, number];
    let lower = x.tril();
    if (n !== k) lower = cat([lower, lower.newZeros([...x.shape.slice(0, -1), n - k])], -1);
    const a = lower.sub(lower.transpose(-2, -1).conj());
    const id = eye(n, { dtype: a.dtype, device: a.device });
    const q = this.map === 'matrix_exp' ? a.matrixExp() : solve(id.add(a, { alpha: -0.5 }), id.add(a, { alpha: 0.5 }));
    return n === k ? q : q.narrow(-1, 0, k);
  }

  private householder(x: Tensor): Tensor {
    const a = x.tril(-1);
    const tau = a.mul(a).sum(-2).add(1).reciprocal().mul(2);
    const signs = x.diagonal(0, -2, -1).int().unsqueeze(-2);
    return householderProduct(a, tau).mul(signs);
  }

  private inverse(value: Tensor): Tensor {
    if (String(value.shape) !== String(this.shape)) {
      throw mustHave('value', `shape [${this.shape.join(', ')}]`, value.shape);
    }
    const wide = value.shape.at(-2)! < value.shape.at(-1)!;
    let q = wide ? value.transpose(-2, -1) : value;
    const [n, k] = q.shape.slice(-2) as [number, number];
    if (!this.hasBase) {
      const [a, tau] = geqrf(q);
      const diagonal = a.diagonal(0, -2, -1);
      diagonal.sign_();
      diagonal.mul_(tau.eq(0).to({ dtype: a.dtype }).mul(-2).add(1));
      return wide ? a.transpose(-2, -1) : a;
    }
    if (n === k) {
      q = isOrthogonal(q) ? q.clone() : makeOrthogonal(q);
    } else {
      const more = q.newEmpty([...q.shape.slice(0, -2), n, n - k]).normal_();
      q = makeOrthogonal(cat([q, more], -1));
    }
    this.base = q;
    const negative = zerosLike(value);
    negative.diagonal(0, -2, -1).fill_(-1);
    return negative;
  }
}

/** Options of {@link orthogonal}. */
export interface OrthogonalOptions {
  /** Default `'weight'`. */
  name?: string;
  /** Default null: `'matrix_exp'` for square and complex weights, `'householder'` otherwise. */
  orthogonalMap?: OrthogonalMap | null;
  /** Map the difference to the weight that is there, which is kept as the buffer `base`; default true. */
  useTrivialization?: boolean;
}

const readOrthogonal = optionsOf('parametrizations.orthogonal()', {
  name: [text, 'weight'],
  orthogonalMap: [orNull(oneOf('matrix_exp', 'cayley', 'householder')), null],
  useTrivialization: [flag, true],
});

/**
 * Keeps a weight orthogonal: its columns, or its rows where there are fewer, are orthonormal.
 *
 * @throws {TorchClipError} `ERR_SHAPE` for a weight of fewer than 2 dimensions.
 *
 * @example
 * const layer = nn.utils.parametrizations.orthogonal(new nn.Linear(20, 40));
 * layer.weight.t().matmul(layer.weight); // the identity, up to rounding
 *
 * @see Lezcano-Casado and Martinez-Rubio 2019
 */
export function orthogonal<M extends Module>(module: M, options: OrthogonalOptions = {}): M {
  const { name, orthogonalMap, useTrivialization } = readOrthogonal(options);
  const weight = tensorOf(module, name);
  const { shape, dtype } = weight;
  if (shape.length < 2) throw mustHave('name', 'a tensor of 2 or more dimensions', shape);
  const square = shape.at(-2) === shape.at(-1) || dtype.isComplex;
  const map = orthogonalMap ?? (square ? 'matrix_exp' : 'householder');
  return registerParametrization(module, name, new _Orthogonal(weight, map, useTrivialization) as never, {
    unsafe: true,
  });
}
