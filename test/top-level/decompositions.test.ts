// Decompositions of large matrices.
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { decode, refusalOf } from '../support.js';
import { expectClose, expected } from './support.js';

describe('decompositions of large matrices', () => {
  for (const [i, { name, a, sparse, options, s, product, next }] of expected.decompositions.entries()) {
    it(`${i}: ${name} with ${Object.keys(options).join(', ') || 'defaults'}${sparse ? ', sparse' : ''}`, () => {
      const given = Object.fromEntries(
        Object.entries(options).map(([key, value]) => [key, typeof value === 'object' ? decode(value) : value]),
      );
      torch.manualSeed(name === 'lobpcg' ? 11 : 7);
      const matrix = sparse ? decode(a).toSparse() : decode(a);
      if (name === 'lobpcg') {
        const [values, vectors] = torch.lobpcg(matrix, given);
        // Not converged, or only so far: what rounding does is then seen.
        const rough = 'niter' in given || 'tol' in given;
        expectClose(values, s, 'values', rough ? 1e-6 : 1e-9);
        expectClose(vectors.unsqueeze(-2).pow(2), product, 'vectors', rough ? 1e-3 : 1e-5);
      } else {
        const [u, values, v] = torch[name](matrix, given);
        expectClose(values, s, 'values');
        expectClose(u.mul(values.unsqueeze(-2)).matmul(v.mH), product, 'product');
      }
      expect(torch.rand([1]).item(), 'as many numbers are drawn').to.equal(next);
    });
  }

  it('lobpcg gives eigenvalues their gradients', () => {
    const a = torch.diag(torch.tensor([1, 2, 3, 4, 5, 9], { dtype: torch.float64 })).requiresGrad_();
    torch.manualSeed(0);
    torch.lobpcg(a, { k: 1 })[0].sum().backward();
    expect(
      a
        .grad!.sub(torch.diag(torch.tensor([0, 0, 0, 0, 0, 1], { dtype: torch.float64 })))
        .abs()
        .max()
        .item(),
    ).below(1e-5);
  });

  const { a: matrix, weights, cases } = expected.eigenvectors;
  for (const { k, largest, lobpcg, eigh } of cases) {
    it(`lobpcg gives ${k} ${largest ? 'largest' : 'least'} eigenvectors their gradients`, () => {
      const a = decode(matrix).requiresGrad_();
      torch.manualSeed(5);
      const [e, x] = torch.lobpcg(a.add(a.t()).div(2), { k, largest, niter: 500, tol: 1e-13 });
      const w = decode(weights).narrow(1, 0, k);
      e.square().sum().add(x.square().mul(w).sum()).backward();
      expectClose(a.grad!, eigh, 'eigh', 1e-9);
      // PyTorch's goes through the characteristic polynomial, which costs it digits.
      expectClose(a.grad!, lobpcg, 'lobpcg', 1e-5);
    });
  }

  it("lobpcg's gradients of the generalised problem are those of all eigenpairs, and can be differentiated again", () => {
    torch.manualSeed(1);
    const options = { dtype: torch.float64 };
    const made = torch.randn([9, 9], options);
    const [base, other] = [made.matmul(made.t()).add(torch.eye(9)), made.add(made.t()).mul(0.1)];
    const A = base.detach().requiresGrad_();
    const B = other.matmul(other).add(torch.eye(9).mul(2)).detach().requiresGrad_();
    const [X, weights] = [torch.randn([9, 2], options), torch.randn([9, 2], options)];
    const half = (t: Tensor) => t.add(t.t()).div(2);
    const loss = (e: Tensor, x: Tensor) => e.sum().add(x.square().mul(weights).sum());
    const some = () => loss(...torch.lobpcg(half(A), { k: 2, B: half(B), X, niter: 60, tol: 1e-13 }));
    // The standard problem that the Cholesky factor of B makes of it.
    const all = () => {
      const root = torch.linalg.cholesky(half(B));
      const inner = torch.linalg.solveTriangular(root, half(A), { upper: false });
      const reduced = torch.linalg.solveTriangular(root, inner.t(), { upper: false });
      const [e, y] = torch.linalg.eigh(half(reduced)) as unknown as [Tensor, Tensor];
      const x = torch.linalg.solveTriangular(root.t(), y.narrow(1, 7, 2).flip([1]), { upper: true });
      return loss(e.narrow(0, 7, 2).flip([0]), x);
    };
    const derivatives = (f: () => Tensor) => {
      const first = torch.autograd.grad(f(), [A, B], { createGraph: true }) as [Tensor, Tensor];
      const second = torch.autograd.grad(first[0].square().sum().add(first[1].square().sum()), [A, B]) as Tensor[];
      return [...first, ...second];
    };
    const [got, want] = [derivatives(some), derivatives(all)];
    got.forEach((t, i) => {
      const scale = Math.max(1, want[i]!.abs().max().item());
      expect(t.sub(want[i]!).abs().max().item() / scale, `derivative ${i}`).to.be.below(i < 2 ? 1e-9 : 1e-7);
    });
  });

  it('refuse shapes that do not fit', () => {
    const square = torch.eye(4);
    for (const [body, message] of [
      [() => torch.lobpcg(torch.ones([2, 3])), '"A" must have two last dimensions of one size, got [2, 3]'],
      [() => torch.lobpcg(square, { k: 2 }), '"A" must have at least 3 x 2 rows for 2 eigenpairs, got 4'],
      [() => torch.lobpcg(square, { B: torch.eye(3) }), '"B" must have the shape 4 x 4 of A, got [3, 3]'],
      [() => torch.svdLowrank(torch.ones([3])), '"a" must have at least 2 dimensions, got [3]'],
      [() => torch.pcaLowrank(square, { q: 5 }), '"q" must be an integer from 0 to 4, got 5'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
  });

  it('lu is what luSolve takes', () => {
    const a = torch.tensor(
      [
        [4, 1],
        [2, 3],
      ],
      { dtype: torch.float64 },
    );
    const b = torch.tensor([[1], [2]], { dtype: torch.float64 });
    const [factors, pivots, infos] = a.lu({ getInfos: true });
    expect(infos!.item()).to.equal(0);
    expect(
      a
        .matmul(torch.luSolve(b, factors!, pivots!))
        .sub(b)
        .abs()
        .max()
        .item(),
    ).below(1e-15);
    expect(torch.lu(a)).to.have.length(2);
  });
});
