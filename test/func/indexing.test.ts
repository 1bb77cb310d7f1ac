import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('what a transform has one of for each sample', () => {
  const rows = torch.tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const picks = torch.tensor([0n, 2n]);

  it('picks as an index', () => {
    expect(
      torch
        .vmap((row: Tensor, i: Tensor) => row.at(i))(rows, picks)
        .tolist(),
    ).deep.equal([1, 6]);
    const set = torch.vmap((row: Tensor, i: Tensor) => row.indexPut([i], 9));
    expect(set(rows, picks).tolist()).deep.equal([
      [9, 2, 3],
      [4, 5, 9],
    ]);
    const shared = torch.tensor(1n);
    expect(
      torch
        .vmap((row: Tensor) => row.at(shared))(rows)
        .tolist(),
    ).deep.equal([2, 5]);
  });

  it('is not summed up in grad by backward()', () => {
    const w = torch.tensor([1, 2], { requiresGrad: true });
    const inside = [(x: Tensor) => x.mul(w).sum().backward(), (x: Tensor) => torch.autograd.backward(x.mul(w).sum())];
    for (const pass of inside) {
      const f = (x: Tensor) => {
        pass(x);
        return x.sum();
      };
      for (const transformed of [torch.func.grad(f), torch.vmap(f)]) {
        const { code, message } = refusalOf(() => transformed(torch.tensor([3, 4])));
        expect(code).equal('ERR_STATE');
        expect(message).include('backward() cannot be used inside of a transform of torch.func');
      }
    }
    expect(w.grad).equal(null);
    w.mul(2).sum().backward();
    expect(w.grad!.tolist()).deep.equal([2, 2]);
  });
});

describe('layers on images of one pixel, and of none', () => {
  it('refuse to normalise a single value, as in PyTorch', () => {
    for (const layer of [new nn.InstanceNorm2d(3), new nn.InstanceNorm2d(3, { trackRunningStats: true })]) {
      const { code, message } = refusalOf(() => layer.forward(torch.ones([1, 3, 1, 1])));
      expect(code).equal('ERR_SHAPE');
      expect(message).include('more than 1 spatial element');
    }
    const evaluated = new nn.InstanceNorm2d(3, { trackRunningStats: true }).eval();
    expect(evaluated.forward(torch.ones([1, 3, 1, 1])).shape).deep.equal([1, 3, 1, 1]);
  });

  it('give as many windows as are asked for, none too', () => {
    expect(new nn.AdaptiveAvgPool2d([null, 0]).forward(torch.ones([1, 1, 4, 4])).shape).deep.equal([1, 1, 4, 0]);
  });
});
