import { expect } from 'chai';
import torch, { optim } from '../../../lib/index.js';

const ones = (n: number) => torch.ones([n], { dtype: torch.float64, requiresGrad: true });

describe('optim.Lion', () => {
  it('moves every element that has a direction by lr', () => {
    const p = ones(3);
    p.grad = torch.tensor([1e-20, 0, -1e20], { dtype: torch.float64 });
    new optim.Lion([p], { lr: 0.25 }).step();
    expect(p.tolist()).deep.equal([0.75, 1, 1.25]);
  });

  it('has no sign for NaN', () => {
    const p = ones(2);
    p.grad = torch.tensor([Number.NaN, 1], { dtype: torch.float64 });
    new optim.Lion([p], { lr: 0.25 }).step();
    expect(p.tolist()).deep.equal([Number.NaN, 0.75]);
  });
});
