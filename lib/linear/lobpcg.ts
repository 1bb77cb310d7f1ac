import { noGrad } from '../autograd/index.js';
import { check, finitePositive, flag, integer, oneOf, orNull } from '../check.js';
import { float64 } from '../dtype.js';
import { invalidArgument, mustHave, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { strided } from '../layout.js';
import { cat, eye, randn, stack, zeros } from '../ops/generated/functions.js';
import { cholesky, solveTriangular } from '../ops/generated/linalg.js';
import { optionsOf } from '../options.js';
import { sameShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Eigenpairs } from './eigenpairs.js';
import { floatOf, multiply, orthonormal, quadratic, symmetricEigen } from './products.js';

/** Options of {@link lobpcg}. */
export interface LobpcgOptions {
  /** How many eigenpairs; default the columns of `X`, or 1. */
  k?: number | null;
  /** The right-hand side of the generalised problem, symmetric and positive definite; default null, the identity. */
  B?: Tensor | null;
  /** The first approximation, `[..., m, n]` with `k <= n`; default random. */
  X?: Tensor | null;
  /** The columns of a random first approximation; default `k`. */
  n?: number | null;
  /** A preconditioner of the shape of the matrix; default null. */
  iK?: Tensor | null;
  /** The largest number of iterations, -1 for as many as it takes; default 1000. */
  niter?: number;
  /** The residual at which to stop; default the root of the dtype's precision. */
  tol?: number | null;
  /** The largest eigenvalues rather than the least; default true. */
  largest?: boolean;
  /** `'ortho'`, which is robust, or `'basic'`; default `'ortho'`. */
  method?: 'ortho' | 'basic';
}

const readLobpcg = optionsOf('lobpcg()', {
  k: [orNull(integer(1)), null],
  B: [orNull(tensorKind), null],
  X: [orNull(tensorKind), null],
  n: [orNull(integer(1)), null],
  iK: [orNull(tensorKind), null],
  niter: [integer(-1), 1000],
  tol: [orNull(finitePositive), null],
  largest: [flag, true],
  method: [oneOf('ortho', 'basic'), 'ortho'],
});

interface Problem {
  readonly A: Tensor;
  readonly B: Tensor | null;
  readonly iK: Tensor | null;
  readonly k: number;
  readonly niter: number;
  readonly tol: number;
  readonly largest: boolean;
  readonly method: 'ortho' | 'basic';
}

const norm = (x: Tensor): number => x.norm().item();

/** The iteration: the search space consists of the approximations X, their last changes P and the residuals W. */
class Iteration {
  X: Tensor;
  E: Tensor;
  #residual: Tensor;
  #P: Tensor;
  #W: Tensor;
  #converged = 0;
  readonly #norms: { a: number; b: number };

  constructor(
    private readonly problem: Problem,
    X: Tensor,
  ) {
    const { A, B } = problem;
    const scale = 1 / norm(X);
    this.#norms = { a: norm(multiply(A, X)) * scale, b: norm(multiply(B, X)) * scale };
    const ritz = this.#rayleighRitz(X);
    const [values, vectors] = symmetricEigen(quadratic(quadratic(A, X), ritz), problem.largest);
    this.X = X.matmul(ritz.matmul(vectors));
    // PyTorch's method 'ortho' begins with eigenvalues of 0.
    this.E = problem.method === 'basic' ? values : X.newZeros([X.size(-1)]);
    this.#residual = this.#update();
    this.#P = X.narrow(1, 0, 0);
    this.#W = this.#directions(this.#residual);
  }

  run(): void {
    const { k, niter } = this.problem;
    for (let left = niter - 1; left !== 0 && this.#converged < k; left--) this.#step();
  }

  #step(): void {
    const { A, largest, method } = this.problem;
    const n = this.X.size(-1);
    const done = this.#converged;
    const S = cat([this.X.narrow(1, done, n - done), this.#P, this.#W], 1);
    const rest = n - done;
    const ritz = method === 'basic' ? this.#rayleighRitz(S) : null;
    const inner = quadratic(A, S);
    const [values, vectors] = symmetricEigen(ritz === null ? inner : quadratic(inner, ritz), largest);
    const Z = ritz === null ? vectors : ritz.matmul(vectors);
    const columns = Z.size(-1);
    const settled = this.X.narrow(1, 0, done);
    this.X = cat([settled, S.matmul(Z.narrow(1, 0, rest))], 1);
    this.E = cat([this.E.narrow(0, 0, done), values.narrow(0, 0, rest)], 0);
    if (ritz === null) {
      const corner = vectors.narrow(0, 0, rest).narrow(1, rest, columns - rest);
      this.#P = S.matmul(vectors.narrow(1, rest, columns - rest).matmul(orthonormal(corner.mT)));
    } else {
      const from = Math.min(n, columns);
      this.#P = S.matmul(Z.narrow(1, from, Math.min(2 * n - done, columns) - from));
    }
    this.#residual = this.#update();
    const left = this.#residual.size(1) - this.#converged;
    this.#W = this.#directions(this.#residual.narrow(1, this.#converged, left));
  }

  /** The residual, and how many of the first pairs have converged. */
  #update(): Tensor {
    const { A, B, tol } = this.problem;
    const { X, E } = this;
    const residual = multiply(A, X).sub(multiply(B, X).mul(E));
    const { a, b } = this.#norms;
    const scale = X.norm(2, [0]).mul(E.abs().mul(b).add(a));
    const converged = residual.norm(2, [0]).div(scale).lt(tol).tolist<boolean>() as boolean[];
    const first = converged.indexOf(false);
    this.#converged = Math.max(this.#converged, first < 0 ? converged.length : first);
    return residual;
  }

  /** New directions of the search, from residuals. */
  #directions(residual: Tensor): Tensor {
    const { method, iK } = this.problem;
    if (method === 'basic') return multiply(iK, residual);
    return this.#orthogonal(residual, cat([this.X, this.#P], 1));
  }

  /** What reduces the generalised problem in the span of `S` to a standard one. */
  #rayleighRitz(S: Tensor): Tensor {
    const SBS = quadratic(this.problem.B, S);
    const row = SBS.diagonal({ dim1: -2, dim2: -1 }).pow(-0.5);
    const R = cholesky(SBS.mul(row).mul(row.unsqueeze(-1)), { upper: true });
    return solveTriangular(R, row.diagEmbed(), { upper: true, left: false });
  }

  /** Columns that span those of `U` and are orthonormal by B: algorithm 4 of Duersch, 2015. */
  #normal(given: Tensor): Tensor {
    if (given.numel() === 0) return given;
    let U = given;
    let UBU = quadratic(this.problem.B, U);
    const filled = UBU.diagonal({ dim1: -2, dim2: -1 }).ne(0);
    if (!filled.all().item<boolean>()) {
      U = U.indexSelect(1, filled.nonzero().squeeze(1));
      if (U.numel() === 0) return U;
      UBU = quadratic(this.problem.B, U);
    }
    const d = UBU.diagonal({ dim1: -2, dim2: -1 }).pow(-0.5).unsqueeze(-1);
    const [values, vectors] = symmetricEigen(UBU.mul(d).mul(d.mT), false);
    const least = values.abs().max().mul(this.problem.tol);
    return U.mul(d.mT).matmul(vectors.mul(values.maximum(least).pow(-0.5)));
  }

  /** {@link #normal} of `given`, orthogonal by B to the columns of `V`: algorithm 3 of Duersch, 2015. */
  #orthogonal(given: Tensor, V: Tensor): Tensor {
    const { B, tol } = this.problem;
    let U = given;
    const width = norm(multiply(B, V));
    let VBU = V.mT.matmul(multiply(B, U));
    for (let i = 0; i < 3; i++) {
      U = U.sub(V.matmul(VBU));
      let BU = multiply(B, U);
      for (let j = 0; j < 3; j++) {
        U = this.#normal(U);
        if (U.numel() === 0) return U;
        BU = multiply(B, U);
        const off = U.mT.matmul(BU);
        const error = norm(off.sub(eye(off.size(-1), { dtype: off.dtype, device: off.device })));
        if (error / (norm(BU) * norm(U)) < tol) break;
      }
      VBU = V.mT.matmul(BU);
      if (norm(VBU) / (width * norm(U)) < tol) break;
    }
    return U;
  }
}

/**
 * The largest or least eigenvalues, and their eigenvectors, of a large symmetric positive definite matrix, dense or sparse, by the locally
 * optimal block preconditioned conjugate gradient method; with `B`, of the generalised problem `A x = lambda B x`.
 *
 * Gradients flow to dense `A` and `B` from eigenvalues and eigenvectors, as exact as `tol` has these; an eigenvalue that occurs twice gives
 * its eigenvectors none that is finite. To sparse matrices they flow from the eigenvalues alone. `torch.linalg.eigh` finds all eigenpairs.
 *
 * Knyazev, "Toward the optimal preconditioned eigensolver", 2001; Stathopoulos & Wu, "A block orthogonalization procedure with constant
 * synchronization requirements", 2002; Duersch et al., "A robust and efficient implementation of LOBPCG", 2018.
 *
 * @param A of shape `[..., m, m]`, m at least three times the number of columns `n`; float32 or float64.
 * @returns the eigenvalues `[..., k]` and the eigenvectors `[..., m, k]`.
 * @throws {TorchClipError} `ERR_SHAPE` where the shapes do not fit.
 *
 * @example
 * const [values, vectors] = torch.lobpcg(A, { k: 3, largest: false });
 * @see https://pytorch.org/docs/stable/generated/torch.lobpcg.html
 */
export function lobpcg(A: Tensor, options: LobpcgOptions = {}): [values: Tensor, vectors: Tensor] {
  const read = readLobpcg(options);
  check('A', A, tensorKind);
  const m = A.ndim < 2 ? 0 : A.size(-1);
  if (A.ndim < 2 || A.size(-2) !== m) throw mustHave('A', 'two last dimensions of one size', A.shape);
  const dtype = floatOf(A);
  if (A.dtype !== dtype || A.dtype.itemsize < 4)
    throw invalidArgument('A', 'of float32 or float64', A.dtype, 'ERR_DTYPE');
  const { B, X, iK } = read;
  for (const [name, t] of Object.entries({ B, iK })) {
    if (t !== null && !sameShape(t.shape, A.shape))
      throw mustHave(name, `the shape ${A.shape.join(' x ')} of A`, t.shape);
  }
  const k = read.k ?? X?.size(-1) ?? 1;
  const n = X === null ? (read.n ?? k) : X.size(-1);
  if (X !== null && !sameShape(X.shape, [...A.shape.slice(0, -1), n]))
    throw mustHave('X', `${m} rows, as A has`, X.shape);
  if (m < 3 * n) {
    throw new TorchClipError('ERR_SHAPE', `"A" must have at least 3 x ${n} rows for ${n} eigenpairs, got ${m}`);
  }
  if (k > n) throw invalidArgument('k', `an integer from 1 to ${n}`, k);
  const tol = read.tol ?? Math.sqrt(dtype === float64 ? 2.23e-16 : 1.2e-7);
  const dense = A.layout === strided && (B === null || B.layout === strided);
  const solve = (a: Tensor, b: Tensor | null, x: Tensor | null, p: Tensor | null): [Tensor, Tensor] => {
    const find = (A: Tensor, B: Tensor | null): [Tensor, Tensor] => {
      const start = x ?? randn([m, n], { dtype, device: A.device });
      const { niter, largest, method } = read;
      const iteration = new Iteration({ A, B, iK: p, k, niter, tol, largest, method }, start);
      iteration.run();
      return [iteration.E.narrow(0, 0, k), iteration.X.narrow(1, 0, k)];
    };
    if (dense) return Eigenpairs.apply(a, b, find);
    const [values, vectors] = noGrad(() => find(a, b));
    if (!a.requiresGrad && b?.requiresGrad !== true) return [values, vectors];
    const along = (of: Tensor | null) => vectors.mul(multiply(of, vectors)).sum(0);
    return [along(a).div(along(b)), vectors];
  };
  if (A.ndim === 2) return solve(A, B, X, iK);
  const batch = A.shape.slice(0, -2);
  const flat = (t: Tensor) => t.reshape([-1, t.size(-2), t.size(-1)]).unbind(0);
  const parts = flat(A).map((a, i) => solve(a, B && flat(B)[i]!, X && flat(X)[i]!, iK && flat(iK)[i]!));
  if (parts.length === 0) return [zeros([...batch, k], { dtype }), zeros([...batch, m, k], { dtype })];
  const [values, vectors] = [stack(parts.map(([e]) => e)), stack(parts.map(([, v]) => v))];
  return [values.reshape([...batch, k]), vectors.reshape([...batch, m, k])];
}
