import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const codeOf = (body: () => unknown) => refusalOf(body).code;
const leaf = (values: number[]) => torch.tensor(values, { requiresGrad: true });

describe('backward', () => {
  it('adds to grad, again and again', () => {
    const x = leaf([1, 2, 3]);
    x.pow(2).sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([2, 4, 6]);
    x.pow(2).sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([4, 8, 12]);
  });

  it('takes a gradient for outputs of many elements', () => {
    const x = leaf([1, 2, 3]);
    x.mul(2).backward({ gradient: torch.tensor([1, 0, -1]) });
    expect(x.grad!.tolist()).to.deep.equal([2, 0, -2]);
    expect(codeOf(() => x.mul(2).backward())).to.equal('ERR_AUTOGRAD');
    expect(codeOf(() => x.mul(2).backward({ gradient: torch.ones([2]) }))).to.equal('ERR_SHAPE');
  });

  it('releases the graph unless it is told to retain it', () => {
    const x = leaf([3]);
    const y = x.mul(x).sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(x.grad!.tolist()).to.deep.equal([12]);
    expect(codeOf(() => y.backward())).to.equal('ERR_AUTOGRAD');
  });

  it('records itself with createGraph', () => {
    const x = leaf([2]);
    x.pow(3).sum().backward({ createGraph: true });
    const first = x.grad!;
    expect(first.requiresGrad).to.equal(true);
    x.grad = null;
    first.sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([12]);
  });

  it('needs an input where inputs are named', () => {
    const x = leaf([1, 2]);
    const message = '"inputs" must be an array of at least one Tensor, got []';
    expect(refusalOf(() => x.sum().backward({ inputs: [] })).message).equal(message);
    expect(refusalOf(() => torch.autograd.backward([x.sum()], null, { inputs: [] })).message).equal(message);
    expect(x.grad).equal(null);
  });

  it('accumulates from several outputs into the named inputs only', () => {
    const [x, y] = [leaf([2]), leaf([3])];
    torch.autograd.backward([x.mul(y), x.mul(2)], null, { inputs: [x] });
    expect([x.grad!.item(), y.grad]).deep.equal([5, null]);
  });

  it('names the element of an array that is missing', () => {
    const holes = new Array(1) as never;
    expect(refusalOf(() => torch.autograd.backward([leaf([2])], holes)).message).equal(
      '"gradTensors[0]" must be a Tensor or null, got undefined',
    );
  });

  it('accumulates into the named inputs only', () => {
    const [x, y] = [leaf([2]), leaf([5])];
    x.mul(y)
      .sum()
      .backward({ inputs: [x] });
    expect(x.grad!.tolist()).to.deep.equal([5]);
    expect(y.grad).to.equal(null);
  });

  it('is refused where there is no graph', () => {
    expect(codeOf(() => torch.ones([1]).backward())).to.equal('ERR_AUTOGRAD');
    const y = torch.noGrad(() => leaf([1]).mul(2));
    expect(codeOf(() => y.backward())).to.equal('ERR_AUTOGRAD');
  });

  it('refuses what an in-place op has overwritten', () => {
    const x = leaf([1, 2]);
    const y = x.exp();
    const z = y.sum();
    y.add_(1);
    expect(codeOf(() => z.backward())).to.equal('ERR_AUTOGRAD');
    expect(codeOf(() => x.add_(1))).to.equal('ERR_AUTOGRAD');
  });

  it('refuses wrong options', () => {
    const y = leaf([1]).sum();
    for (const options of [
      null,
      1,
      y,
      { gradient: 1 },
      { retainGraph: 1 },
      { createGraph: 'x' },
      { inputs: 3 },
      { inputs: [1] },
    ]) {
      expect(codeOf(() => y.backward(options as never))).to.equal('ERR_ARGUMENT');
    }
    y.backward();
  });

  it('of several outputs at once adds their gradients', () => {
    const x = leaf([1, 2]);
    torch.autograd.backward([x.sum(), x.mul(3)], [null, torch.tensor([1, 10])]);
    expect(x.grad!.tolist()).to.deep.equal([4, 31]);
    expect(codeOf(() => torch.autograd.backward([x.sum()], []))).to.equal('ERR_ARGUMENT');
  });
});

describe('grad', () => {
  it('is null before backward, and can be set and cleared', () => {
    const x = leaf([1, 2]);
    expect(x.grad).to.equal(null);
    x.grad = torch.tensor([5, 6]);
    x.sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([6, 7]);
    x.grad = null;
    expect(x.grad).to.equal(null);
  });

  it('must fit its tensor', () => {
    const x = leaf([1, 2]);
    const set = (grad: unknown) => () => (x.grad = grad as Tensor);
    expect(codeOf(set(torch.ones([3])))).to.equal('ERR_SHAPE');
    expect(codeOf(set(torch.ones([2], { dtype: torch.float64 })))).to.equal('ERR_DTYPE');
    expect(codeOf(set(torch.ones([2], { device: 'meta' })))).to.equal('ERR_DEVICE');
    expect(codeOf(set(x))).to.equal('ERR_ARGUMENT');
    for (const value of [1, 'x', {}, [1, 2], undefined]) expect(codeOf(set(value))).to.equal('ERR_ARGUMENT');
    expect(x.grad).to.equal(null);
  });

  it('of a tensor that is not a leaf is kept on request', () => {
    const x = leaf([1, 2]);
    const [y, z] = [x.mul(2), x.mul(3)];
    y.retainGrad();
    y.mul(z).sum().backward();
    expect(y.grad!.tolist()).to.deep.equal([3, 6]);
    expect(z.grad).to.equal(null);
    expect(codeOf(() => torch.ones([1]).retainGrad())).to.equal('ERR_AUTOGRAD');
  });
});

describe('requiresGrad', () => {
  it('is for floating-point and complex leaves', () => {
    expect(leaf([1]).isLeaf).to.equal(true);
    const y = leaf([1]).mul(torch.ones([1]));
    expect([y.isLeaf, y.requiresGrad, y.gradFn]).to.deep.equal([false, true, 'MulBackward0']);
    expect(() => (torch.ones([1], { dtype: torch.int64 }).requiresGrad = true)).to.throw(torch.TorchClipError);
    expect(codeOf(() => (y.requiresGrad = false))).to.equal('ERR_AUTOGRAD');
    expect(codeOf(() => (y.requiresGrad = 1 as never))).to.equal('ERR_ARGUMENT');
    expect(y.detach().requiresGrad).to.equal(false);
    expect(torch.zeros([1]).requiresGrad_().requiresGrad_(false).requiresGrad).to.equal(false);
  });
});

describe('autograd.grad', () => {
  it('returns gradients without touching grad', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const [dx, dy] = torch.autograd.grad(x.mul(y).sum(), [x, y]);
    expect(dx!.tolist()).to.deep.equal([3, 4]);
    expect(dy!.tolist()).to.deep.equal([1, 2]);
    expect(x.grad).to.equal(null);
  });

  it('differentiates twice and three times with createGraph', () => {
    const x = leaf([2]);
    const [first] = torch.autograd.grad(x.pow(4).sum(), x, { createGraph: true });
    const [second] = torch.autograd.grad(first!.sum(), x, { createGraph: true });
    const [third] = torch.autograd.grad(second!.sum(), x);
    expect([first!.item(), second!.item(), third!.item()]).to.deep.equal([32, 48, 48]);
  });

  it('takes weights for the outputs', () => {
    const x = leaf([1, 2]);
    const [dx] = torch.autograd.grad(x.mul(3), x, { gradOutputs: torch.tensor([1, 2]) });
    expect(dx!.tolist()).to.deep.equal([3, 6]);
    expect(codeOf(() => torch.autograd.grad(x.sum(), x, { gradOutputs: [] }))).to.equal('ERR_ARGUMENT');
  });

  it('gives null for unused inputs only when that is allowed', () => {
    const [x, y] = [leaf([1]), leaf([1])];
    const loss = x.sum();
    expect(codeOf(() => torch.autograd.grad(loss, [x, y], { retainGraph: true }))).to.equal('ERR_AUTOGRAD');
    const [, dy] = torch.autograd.grad(loss, [x, y], { allowUnused: true });
    expect(dy).to.equal(null);
  });
});
