import { expect } from 'chai';
import torch, { optim, TorchClipError } from '../../../lib/index.js';

const ones = (n: number) => torch.ones([n], { dtype: torch.float64, requiresGrad: true });

describe('optim.ACClip', () => {
  it('clips each coordinate of the momentum at its own moment', () => {
    const p = ones(2);
    const optimizer = new optim.ACClip([p], { lr: 1, betas: [0.5, 0.75], eps: 0 });
    p.grad = torch.tensor([4, 0], { dtype: torch.float64 });
    optimizer.step();
    expect(p.tolist()).deep.equal([0, 1]);
  });

  it('a square beyond float32 stays infinite and leaves its parameter to the momentum', () => {
    const p = torch.ones([1], { requiresGrad: true });
    const optimizer = new optim.ACClip([p], { lr: 0, alpha: 2 });
    p.grad = torch.tensor([1e30]);
    for (let t = 0; t < 3; t++) optimizer.step();
    expect((optimizer.stateDict().state[0]!.exp_avg_abs as torch.Tensor).tolist()).deep.equal([Infinity]);
    expect(p.tolist()).deep.equal([1]);
  });

  for (const alpha of [0.5, 2.5, Number.NaN]) {
    it(`refuses alpha ${alpha}`, () => {
      expect(() => new optim.ACClip([ones(1)], { alpha })).throw(
        TorchClipError,
        `Invalid alpha value: ${alpha} ("alpha" must be a number in [1, 2])`,
      );
    });
  }
});
