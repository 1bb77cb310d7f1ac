import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const { gradcheck } = torch.autograd;

function input(shape: number[], seed: number): Tensor {
  const generator = new torch.Generator().manualSeed(seed);
  return torch.randn(shape, { dtype: torch.float64, generator }).requiresGrad_();
}

const spread = (x: Tensor) => x.detach().mul(1).requiresGrad_();

describe('gradcheck', () => {
  const { functional } = torch.nn;
  const functions: Record<string, [fn: (...inputs: Tensor[]) => Tensor | Tensor[], shapes: number[][]]> = {
    'products and sums': [
      (a, b) => a.matmul(b).add(1).pow(2),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    'elementwise functions': [(x) => x.tanh().exp().add(x.sigmoid()).sub(x.sin()), [[4]]],
    'logarithms and roots': [(x) => x.pow(2).add(1).log().add(x.pow(2).add(1).sqrt()), [[5]]],
    'softmax and log-softmax': [(x) => [x.softmax(1), x.logSoftmax(1)], [[2, 4]]],
    normalization: [(x, w, b) => functional.layerNorm(x, [4], { weight: w, bias: b }), [[3, 4], [4], [4]]],
    convolution: [(x, w, b) => functional.conv2d(x, w, { bias: b, padding: 1 }), [[1, 2, 4, 4], [3, 2, 3, 3], [3]]],
    'views and indexing': [(x) => x.transpose(0, 1).at({ start: 1 }).reshape([-1]).flip([0]), [[3, 3]]],
    'a norm of everything': [(x) => torch.linalg.norm(x), [[3, 2]]],
    'a determinant and an inverse': [(x) => [torch.linalg.det(x), torch.linalg.inv(x)], [[3, 3]]],
    concatenation: [
      (a, b) => torch.cat([a, b.mul(2)], { dim: 0 }),
      [
        [2, 2],
        [1, 2],
      ],
    ],
    'a loss': [(x, y) => functional.mseLoss(x, y), [[6], [6]]],
    einsum: [
      (a, b) => torch.einsum('ij,kj->ik', [a, b]),
      [
        [2, 3],
        [4, 3],
      ],
    ],
  };
  for (const [name, [fn, shapes]] of Object.entries(functions)) {
    it(`passes on ${name}`, () => {
      expect(gradcheck(fn, shapes.map(input))).to.equal(true);
    });
  }

  it('fails on a wrong gradient and names the element', () => {
    // The forward is x² + x, autograd sees only x².
    const wrong = (x: Tensor) => x.pow(2).add(x.detach());
    const x = spread(torch.tensor([1, 2], { dtype: torch.float64 }));
    expect(gradcheck(wrong, [x], { raiseException: false })).to.equal(false);
    const refused = refusalOf(() => gradcheck(wrong, [x]));
    expect(refused.code).to.equal('ERR_AUTOGRAD');
    expect(refused.message).to.include('output 0[0] by input 0[0]');
    expect(x.tolist()).to.deep.equal([1, 2]);
  });

  it('refuses inputs that it cannot check', () => {
    const identity = (x: Tensor) => x.mul(1);
    expect(refusalOf(() => gradcheck(identity, [torch.ones([1])])).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => gradcheck(identity, [torch.ones([1], { requiresGrad: true })])).code).to.equal('ERR_DTYPE');
  });
});
