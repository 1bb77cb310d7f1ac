// Functions that PyTorch completes in Python, and losses with weights of elements.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { decode, refusalOf } from '../support.js';
import { expectClose, expected } from './support.js';

describe('weights of elements', () => {
  const { input, target, weight, cases } = expected.losses;
  for (const { name, reduction, out, grad } of cases) {
    it(`${name}, reduction ${reduction}`, () => {
      const x = decode(input).requiresGrad_();
      const loss = nn.functional[name](x, decode(target), { reduction, weight: decode(weight) });
      loss.sum().backward();
      expectClose(loss, out, 'loss', 1e-14);
      expectClose(x.grad!, grad, 'grad', 1e-14);
    });
  }
  it('must have the shape of the input', () => {
    const x = torch.ones([2]);
    expect(refusalOf(() => nn.functional.mseLoss(x, x, { weight: torch.ones([1]) })).message).to.equal(
      '"weight" must have the input\'s shape [2], got [1]',
    );
  });
});

describe('functions that PyTorch completes in Python', () => {
  const { inputs, values } = expected.composites;
  const of = (name: string) => decode(inputs[name]!);
  const [a, b, c, cube, other, wave, window] = ['a', 'b', 'c', 'cube', 'other', 'wave', 'window'].map(of) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const [rows, more] = [of('rows'), of('more')];
  const first = (t: Tensor) => t.select(0, 0);
  const spectrum = () => torch.stft(wave, 16, { window, returnComplex: true });
  const calls: Record<string, () => Tensor> = {
    einsum: () => torch.einsum('ij,jk,kl->il', a, b, c),
    'einsum of an array': () => torch.einsum('ij,jk->k', [a, b]),
    'einsum by numbers': () => torch.einsum(a, [0, 1], b, [1, 2], [2, 0]),
    'einsum by numbers without a result': () => torch.einsum(cube, ['...', 1], b.t(), [1, 30]),
    tensordot: () => torch.tensordot(cube, torch.ones([3, 4, 2], { dtype: torch.float64 })),
    'tensordot of one dimension': () => torch.tensordot(a, b, 1),
    'tensordot of none': () => torch.tensordot(a, b, { dims: 0 }),
    'tensordot of lists': () =>
      torch.tensordot(cube, other, [
        [1, 0],
        [0, 1],
      ]),
    cdist: () => torch.cdist(rows, more),
    'cdist of 1': () => torch.cdist(rows, more, 1),
    'cdist with a product': () => torch.cdist(rows.narrow(0, 0, 4), more, { computeMode: 'use_mm_for_euclid_dist' }),
    'cdist without': () => torch.cdist(rows, more, 2, { computeMode: 'donot_use_mm_for_euclid_dist' }),
    meshgrid: () => torch.stack(torch.meshgrid(first(a), first(b), { indexing: 'ij' })),
    'meshgrid by columns': () => torch.stack(torch.meshgrid([first(a), first(b)], { indexing: 'xy' })),
    cartesianProd: () => torch.cartesianProd(first(a), first(b), first(c)),
    'cartesianProd of one': () => torch.cartesianProd(first(a)),
    blockDiag: () => torch.blockDiag(a, b, first(c), torch.tensor(2, { dtype: torch.float64 })),
    broadcastTensors: () => torch.stack(torch.broadcastTensors(a.narrow(1, 0, 1), first(b))),
    chainMatmul: () => torch.chainMatmul(a, b, c),
    atleast3d: () => torch.atleast3d(a),
    'atleast2d of several': () => torch.cat(torch.atleast2d(first(a), a), 0),
    split: () => torch.cat(torch.split(b, 3, 1).map((x) => x.sum(1))),
    'split by sizes': () => torch.cat(b.split([1, 3], 1).map((x) => x.sum(1))),
    stft: () => torch.viewAsReal(spectrum()),
    'stft, other padding': () =>
      torch.viewAsReal(
        torch.stft(wave, 16, {
          hopLength: 5,
          winLength: 12,
          window: window.narrow(0, 0, 12),
          padMode: 'constant',
          normalized: true,
          returnComplex: true,
        }),
      ),
    'stft, not centred': () =>
      torch.viewAsReal(torch.stft(first(wave), 16, { center: false, onesided: false, window, returnComplex: true })),
    istft: () => torch.istft(spectrum(), 16, { window, length: 60 }),
  };

  it('are all compared', () => {
    expect(Object.keys(calls).sort()).to.deep.equal(Object.keys(values).sort());
  });
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => expectClose(call(), values[name]!, name, 1e-12));
  }

  it('take the other forms as well, and write to a tensor', () => {
    const out = torch.empty([2, 4], { dtype: torch.float64 });
    expect(torch.tensordot(a, b, [1], [0], { out })).to.equal(out);
    expect(out.sub(a.matmul(b)).abs().max().item()).to.be.below(1e-14);
    expect(torch.blockDiag([a, b], { out: torch.empty([5, 7], { dtype: torch.float64 }) }).shape).to.deep.equal([5, 7]);
    expect(torch.atleast1d([torch.tensor(1), a]).map((t) => t.shape)).to.deep.equal([[1], [2, 3]]);
    expect(torch.meshgrid(torch.arange(2), torch.arange(3)).map((t) => t.shape)).to.deep.equal([
      [2, 3],
      [2, 3],
    ]);
    expect(torch.cdist(rows, more, { p: 1, computeMode: null }).equal(torch.cdist(rows, more, 1))).to.equal(true);
  });

  it('refuse what does not fit in a sentence', () => {
    for (const [body, message] of [
      [() => torch.meshgrid(a, { indexing: 'yx' } as never), '"indexing" must be "ij" or "xy", got "yx"'],
      [() => torch.blockDiag(a, 1 as never), '"tensors[1]" must be a Tensor, got 1'],
      [() => torch.cartesianProd(1 as never), '"tensors" must be Tensors or an array of them, got 1'],
      [() => torch.einsum(a, [52]), '"args[1][0]" must be an integer from 0 to 51, got 52'],
      [() => torch.tensordot(a, b, 3), '"dims" must be an integer from 0 to 2, got 3'],
      [
        () => torch.tensordot(a, b, { dims: 'x' } as never),
        '"dims" must be a number or two arrays of dimensions, got "x"',
      ],
      [() => torch.tensordot(a, b, 1, { dims: 1 } as never), '"dims" of tensordot() is given twice'],
      [() => torch.cdist(a, a, 2, { p: 1 } as never), '"p" of cdist() is given twice'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
    expect(refusalOf(() => torch.cdist(a, a, { computeMode: 'fast' as never })).message).to.contain(
      '"computeMode" must be',
    );
    expect(refusalOf(() => torch.cdist(a, a, { q: 1 } as never)).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => torch.einsum('ij,jk', a)).message).to.contain('einsum');
  });
});
