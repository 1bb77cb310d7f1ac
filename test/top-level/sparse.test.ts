// torch.sparse, and sparse gradients under optimizers.
import { expect } from 'chai';
import torch, { nn, optim, type Tensor } from '../../lib/index.js';
import { decode, refusalOf } from '../support.js';
import { expectClose, expected } from './support.js';

describe('torch.sparse', () => {
  const { a, b, c, results } = expected.sparse;
  const compute: Record<string, (s: Tensor) => Tensor> = {
    mm: (s) => torch.sparse.mm(s, decode(b)),
    addmm: (s) => torch.sparse.addmm(decode(c), s, decode(b), { beta: 0.5, alpha: 2 }),
    sumAll: (s) => torch.sparse.sum(s),
    sumRows: (s) => torch.sparse.sum(s, { dim: 0 }).toDense(),
    softmax: (s) => torch.sparse.softmax(s, 1).toDense(),
    logSoftmax: (s) => torch.sparse.logSoftmax(s, 0).toDense(),
  };
  for (const [name, want] of Object.entries(results)) {
    it(`${name}, and its sparse derivative`, () => {
      const s = decode(a).toSparse().requiresGrad_();
      const out = compute[name]!(s);
      out.mul(out).sum().backward();
      expectClose(out, want.out, 'out');
      expectClose(s.grad!.toDense(), want.grad, 'grad');
    });
  }
  it('refuses what is not sparse, or no dimension', () => {
    expect(refusalOf(() => torch.sparse.sum(torch.eye(2))).message).to.contain('sparse_coo');
    expect(refusalOf(() => torch.sparse.softmax(torch.eye(2).toSparse(), 0.5)).message).to.equal(
      '"dim" must be an integer, got 0.5',
    );
  });
});

/** Four steps, by gradients that stay sparse. */
function train(e: nn.Embedding, w: nn.Parameter, optimizer: optim.Optimizer): void {
  for (let t = 0; t < 4; t++) {
    optimizer.zeroGrad();
    e.forward(torch.tensor([BigInt(t), BigInt((2 * t) % 6), 1n]))
      .mul(w)
      .pow(2)
      .sum()
      .backward();
    expect(e.weight.grad!.isSparse).to.equal(true);
    optimizer.step();
    expect(e.weight.grad!.isSparse).to.equal(true);
  }
}

describe('sparse gradients under SGD', () => {
  for (const { options, weight, dense } of expected.embedding.runs) {
    it(JSON.stringify(options), () => {
      const e = nn.Embedding.fromPretrained(decode(expected.embedding.start), { freeze: false, sparse: true });
      const w = new nn.Parameter(decode(expected.embedding.dense));
      const optimizer = new optim.SGD([e.weight, w], { lr: 0.1, ...options });
      train(e, w, optimizer);
      expectClose(e.weight, weight, 'embedding', 1e-14);
      expectClose(w, dense, 'dense', 1e-14);
    });
  }

  it('rows without a gradient are not touched, not even read', () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    p.detach().select(0, 2).fill_(Number.NaN);
    p.grad = torch.sparseCooTensor(torch.tensor([[0n]]), torch.ones([1, 2]), [3, 2]);
    new optim.SGD([p], { lr: torch.tensor(0.5) }).step();
    expect(p.tolist()).to.deep.equal([
      [0.5, 0.5],
      [1, 1],
      [Number.NaN, Number.NaN],
    ]);
  });
});

describe('sparse gradients under SGD with momentum, and Adagrad', () => {
  const run = (name: 'SGD' | 'Adagrad', weight: nn.Parameter, w: nn.Parameter, options: object) => {
    const Class = optim[name] as new (params: Tensor[], options: object) => optim.Optimizer;
    return new Class([weight, w], { lr: 0.1, ...options });
  };
  for (const { name, options, start, other, weight, dense, state } of expected.sparseMethods) {
    it(`${name} ${JSON.stringify(options)} of ${start.dtype}`, () => {
      const e = nn.Embedding.fromPretrained(decode(start), { freeze: false, sparse: true });
      const w = new nn.Parameter(decode(other));
      const optimizer = run(name, e.weight, w, options);
      train(e, w, optimizer);
      expectClose(e.weight, weight, 'embedding', 1e-14);
      expectClose(w, dense, 'dense', 1e-14);
      const own = optimizer.stateDict().state[0]!;
      for (const [key, want] of Object.entries(state)) {
        if (key !== 'step') expectClose(own[key] as Tensor, want, key, 1e-14);
        else expect((own.step as Tensor).item()).to.equal(decode(want).item());
      }
      // The same, whatever of it is dense.
      const again = run(name, new nn.Parameter(decode(start)), new nn.Parameter(decode(other)), options);
      again.loadStateDict(optimizer.stateDict());
      expect(Object.keys(again.stateDict().state[0]!)).to.deep.equal(Object.keys(own));
    });
  }

  it('Adagrad touches no other row, and a dense step may follow', () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    p.detach().select(0, 2).fill_(Number.NaN);
    const optimizer = new optim.Adagrad([p], { lr: 0.5, eps: 0 });
    p.grad = torch.sparseCooTensor(torch.tensor([[0n, 0n]]), torch.ones([2, 2]), [3, 2]);
    optimizer.step();
    expect(p.tolist()).to.deep.equal([
      [0.5, 0.5],
      [1, 1],
      [Number.NaN, Number.NaN],
    ]);
    p.detach().select(0, 2).fill_(1);
    p.grad = torch.ones([3, 2]);
    optimizer.step();
    expect((optimizer.stateDict().state[0]!.step as Tensor).item()).to.equal(2);
    const [first, second] = p.tolist() as number[][];
    expect(first![0]).to.be.closeTo(0.5 - 0.5 / Math.sqrt(5), 1e-6);
    expect(second![0]).to.be.closeTo(0.5, 1e-6);
  });

  it("loads the sparse momentum that PyTorch's SGD has saved", () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    const optimizer = new optim.SGD([p], { lr: 0.1, momentum: 0.9 });
    p.grad = torch.ones([3, 2]);
    optimizer.step();
    const dict = optimizer.stateDict();
    const sparse = torch.sparseCooTensor(torch.tensor([[1n]]), torch.ones([1, 2]).mul(3), [3, 2]);
    dict.state[0]!.momentum_buffer = sparse;
    optimizer.loadStateDict(dict);
    expect((optimizer.stateDict().state[0]!.momentum_buffer as Tensor).tolist()).to.deep.equal([
      [0, 0],
      [3, 3],
      [0, 0],
    ]);
    dict.state[0]!.momentum_buffer = torch.sparseCooTensor(torch.tensor([[1n]]), torch.ones([1, 2]), [2 ** 40, 2]);
    expect(refusalOf(() => optimizer.loadStateDict(dict)).message).to.contain('has shape');
  });
});
