import { expect } from 'chai';
import torch, { nn, optim } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('the data of a tensor', () => {
  it('shares memory and is outside the graph', () => {
    const x = torch.ones([2], { requiresGrad: true });
    x.data.fill_(3);
    expect([x.tolist(), x.data.requiresGrad]).to.deep.equal([[3, 3], false]);
  });

  it('can be set to that of another tensor, of any shape and dtype', () => {
    for (const data of [torch.full([2], 5), torch.full([3, 1], 5), torch.full([2], 5, { dtype: torch.float64 })]) {
      const x = torch.ones([2], { requiresGrad: true });
      x.data = data;
      expect([x.shape, x.dtype, x.requiresGrad, x.isLeaf]).to.deep.equal([data.shape, data.dtype, true, true]);
      expect(x.dataPtr()).to.equal(data.dataPtr());
      x.mul(2).sum().backward();
      expect(x.grad!.tolist()).to.deep.equal(torch.full(data.shape, 2).tolist());
    }
  });

  it('is what an optimizer and a module go on with', () => {
    const model = new nn.Linear(2, 1, { bias: false });
    const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
    for (let i = 1; i <= 3; i++) {
      model.weight.data = torch.zeros([1, 2]);
      optimizer.zeroGrad();
      model
        .forward(torch.ones([1, 2]))
        .sum()
        .backward();
      optimizer.step();
      expect(model.weight.tolist()).to.deep.equal([[-1, -1]]);
    }
  });

  it('is refused where it cannot be that of the tensor, which stays as it was', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const disposed = torch.ones([2]);
    disposed.dispose();
    for (const data of [
      ...[undefined, null, 5, [1, 2], {}, new Float32Array(2)],
      ...[torch.ones([2], { dtype: torch.int64 }), torch.ones([2]).toSparse(), disposed],
      torch.inferenceMode(() => torch.ones([2])),
    ]) {
      refusalOf(() => {
        x.data = data as torch.Tensor;
      });
      expect([x.shape, x.dtype, x.tolist()]).to.deep.equal([[2], torch.float32, [1, 1]]);
    }
  });
});
