// norm, with PyTorch's arguments.
import { expect } from 'chai';
import torch from '../../lib/index.js';
import { decode, refusalOf } from '../support.js';
import { expectClose, expected } from './support.js';

describe('norm', () => {
  const { x, tangent, cases, sparse } = expected.norms;
  const unquoted = (value: unknown) => (value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value);
  for (const { options, out, grad, tangent: moved } of cases) {
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, unquoted(value)]));
    it(`of ${JSON.stringify(options)}, and its derivatives backward and forward`, () => {
      const leaf = decode(x).requiresGrad_();
      const value = leaf.norm(given);
      value.sum().backward();
      expectClose(value, out, 'out', 1e-13);
      if (grad === null) expect(leaf.grad).to.equal(null);
      else expectClose(leaf.grad!, grad, 'grad', 1e-13);
      expectClose(torch.norm(decode(x), given), out, 'as a function', 1e-13);
      const { forwardAd } = torch.autograd;
      const got = forwardAd.dualLevel(() => {
        const dual = forwardAd.makeDual(decode(x), decode(tangent)).norm(given);
        return forwardAd.unpackDual(dual).tangent?.clone() ?? null;
      });
      if (moved === null) expect(got).to.equal(null);
      else expectClose(got!, moved, 'tangent', 1e-13);
    });
  }

  it('takes p, dim and keepdim by position, and writes to a tensor', () => {
    const t = torch.tensor([
      [3, 4],
      [6, 8],
    ]);
    expect(t.norm(2, 1).tolist()).to.deep.equal([5, 10]);
    expect(t.norm('fro', [1], true).tolist()).to.deep.equal([[5], [10]]);
    expect(t.norm(1, { dim: 0 }).tolist()).to.deep.equal([9, 12]);
    expect(torch.norm(t, null, 1, { keepdim: true }).shape).to.deep.equal([2, 1]);
    const out = torch.empty([2]);
    expect(torch.norm(t, 2, 1, { out })).to.equal(out);
    expect(out.tolist()).to.deep.equal([5, 10]);
    expect(t.norm({ dtype: torch.float64 }).dtype).to.equal(torch.float64);
  });

  it('of sparse tensors', () => {
    const t = decode(sparse.x).toSparse();
    expectClose(t.norm(), sparse.two, 'two');
    expectClose(t.norm(1), sparse.one, 'one');
    expect(refusalOf(() => t.norm({ dtype: torch.float32 })).message).to.contain('need a dense tensor');
  });

  it('refuses what is no order and no dimension', () => {
    const t = torch.ones([2, 2]);
    for (const [body, message] of [
      [() => t.norm('max' as never), '"p" must be a number, "fro", "nuc" or null, got "max"'],
      [() => t.norm(2, 0.5), '"dim" must be an integer or an array of integers or null, got 0.5'],
      [() => t.norm(2, 0, true, 1 as never), 'norm() takes at most p, dim and keepdim by position, got 4 arguments'],
      [() => t.norm(2, { p: 1 } as never), '"p" of norm() is given twice'],
      [() => torch.norm([3, 4] as never), '"input" must be a Tensor, got [3, 4]'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
    expect(refusalOf(() => t.norm({ dims: 0 } as never)).message).to.contain('dims');
  });
});
