import { expect } from 'chai';
import torch, { optim, TorchClipError } from '../../../lib/index.js';

describe('optim.StableAdamW', () => {
  const first = (grad: number[], options: object) => {
    const p = torch.zeros([2], { dtype: torch.float64, requiresGrad: true });
    const optimizer = new optim.StableAdamW([p], { lr: 1, betas: [0, 0.75], eps: 1e-12, ...options });
    for (const g of [[1, 1], grad]) {
      p.grad = torch.tensor(g, { dtype: torch.float64 });
      p.detach().zero_();
      optimizer.step();
    }
    return p.tolist() as number[];
  };

  it('lowers the rate where squares have outgrown their mean', () => {
    // Weights of the squares: .75 / 1.75 and 1 / 1.75.
    const mean = (0.75 + 49) / 1.75;
    const rms = Math.sqrt(49 / mean);
    expect(rms).above(1);
    expect(first([7, 7], {})[0]).closeTo(-7 / Math.sqrt(mean) / rms, 1e-9);
    expect(first([7, 7], { clipThreshold: 2 })[0]).closeTo(-7 / Math.sqrt(mean), 1e-9);
    expect(first([0.5, 0.5], {})[0]).closeTo(-0.5 / Math.sqrt((0.75 + 0.25) / 1.75), 1e-9);
  });

  it('a gradient of zeros moves by the mean alone', () => {
    expect(first([0, 0], { eps: 0 }).map(Math.abs)).deep.equal([0, 0]);
    expect(first([0, 0], { betas: [0.5, 0.75] })[0]).closeTo(-(1 / 3) / Math.sqrt(0.75 / 1.75), 1e-9);
  });

  it('refuses a threshold of 0', () => {
    expect(() => new optim.StableAdamW([torch.ones([1])], { clipThreshold: 0 })).throw(
      TorchClipError,
      'Invalid clip threshold: 0 ("clipThreshold" must be a number > 0)',
    );
  });
});
