// Randomised decompositions of matrices of low rank: Halko, Martinsson & Tropp, "Finding structure with randomness", 2009.
import { check, flag, integer, orNull } from '../check.js';
import { mustHave } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { sparseCoo } from '../layout.js';
import { mm, randn } from '../ops/generated/functions.js';
import { qr, svd } from '../ops/generated/linalg.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { floatOf, multiply } from './products.js';

/** `U diag(S) V^H`, approximately. */
export type LowRank = [u: Tensor, s: Tensor, v: Tensor];

function checkMatrix(a: Tensor): [m: number, n: number] {
  if (check('a', a, tensorKind).ndim < 2) throw mustHave('a', 'at least 2 dimensions', a.shape);
  return [a.size(-2), a.size(-1)];
}

/** Columns that span nearly what those of `a - mean` span: algorithm 4.4 of the paper. */
function basisOf(a: Tensor, q: number, niter: number, mean: Tensor | null): Tensor {
  const by = (matrix: Tensor, of: Tensor | null, x: Tensor) => {
    const product = multiply(matrix, x);
    return of === null ? product : product.sub(multiply(of, x));
  };
  const r = randn([a.size(-1), q], { dtype: a.dtype.isComplex ? a.dtype : floatOf(a), device: a.device });
  const orthogonal = (x: Tensor) => qr(x)[0];
  let basis = orthogonal(by(a, mean, r));
  for (let i = 0; i < niter; i++) {
    const back = orthogonal(by(a.mH, mean?.mH ?? null, basis));
    basis = orthogonal(by(a, mean, back));
  }
  return basis;
}

/** Algorithm 5.1 of the paper. */
function decompose(given: Tensor, q: number, niter: number, givenMean: Tensor | null): LowRank {
  const wide = given.size(-2) < given.size(-1);
  const a = wide ? given.mH : given;
  const mean = wide ? (givenMean?.mH ?? null) : givenMean;
  const basis = basisOf(a, q, niter, mean);
  const projected = multiply(basis.mH, a);
  const [u, s, vh] = svd(mean === null ? projected : projected.sub(multiply(basis.mH, mean)), { fullMatrices: false });
  const [left, right] = [basis.matmul(u), vh.mH];
  return wide ? [right, s, left] : [left, s, right];
}

const readSvd = optionsOf('svdLowrank()', {
  q: [integer(0), 6],
  niter: [integer(0), 2],
  M: [orNull(tensorKind), null],
});

/**
 * An approximate singular value decomposition `U diag(S) V^H` of a large matrix of low rank, dense or sparse, by a randomised method: the same
 * seed gives the same result as in PyTorch. `torch.linalg.svd` is the faster one for dense matrices.
 *
 * @param a of shape `[..., m, n]`.
 * @param options.q somewhat more than the rank; default 6.
 * @param options.niter iterations of the subspace method; default 2.
 * @param options.M subtracted from `a` before; default null.
 * @returns `U` of shape `[..., m, q]`, `S` of shape `[..., q]` and `V` of shape `[..., n, q]`.
 *
 * @example
 * const [u, s, v] = torch.svdLowrank(torch.randn([100, 50]), { q: 10 });
 * @see https://pytorch.org/docs/stable/generated/torch.svd_lowrank.html
 */
export function svdLowrank(a: Tensor, options: { q?: number; niter?: number; M?: Tensor | null } = {}): LowRank {
  const { q, niter, M } = readSvd(options);
  checkMatrix(a);
  return decompose(a, q, niter, M === null ? null : M.broadcastTo(a.shape));
}

const readPca = optionsOf('pcaLowrank()', {
  q: [orNull(integer(0)), null],
  center: [flag, true],
  niter: [integer(0), 2],
});

/**
 * The principal components of a data matrix of low rank: {@link svdLowrank} of the matrix less the means of its columns.
 *
 * The columns of `V` are the principal directions, `S^2 / (m - 1)` the variances along them.
 *
 * @param a `m` samples of `n` features, of shape `[..., m, n]`; a sparse one of shape `[m, n]`.
 * @param options.q somewhat more than the rank, at most `min(m, n)`; default `min(6, m, n)`.
 * @param options.center subtract the means; default true.
 * @param options.niter iterations of the subspace method; default 2.
 *
 * @example
 * const [, , v] = torch.pcaLowrank(points, { q: 2 });
 * const plane = points.matmul(v);
 * @see https://pytorch.org/docs/stable/generated/torch.pca_lowrank.html
 */
export function pcaLowrank(a: Tensor, options: { q?: number | null; center?: boolean; niter?: number } = {}): LowRank {
  const read = readPca(options);
  const [m, n] = checkMatrix(a);
  const q = read.q === null ? Math.min(6, m, n) : check('q', read.q, integer(0, Math.min(m, n)));
  if (!read.center) return decompose(a, q, read.niter, null);
  if (a.layout !== sparseCoo) return decompose(a.sub(a.mean({ dim: [-2], keepdim: true })), q, read.niter, null);
  if (a.ndim !== 2) throw mustHave('a', '2 dimensions, since it is sparse', a.shape);
  const ones = { dtype: a.dtype, device: a.device };
  const mean = a.sum([0]).toDense().div(m);
  return decompose(a, q, read.niter, mm(mean.newOnes([m, 1], ones), mean.unsqueeze(0)));
}
