import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('torch.scope', () => {
  it('frees what was made inside and not returned', () => {
    const made: Tensor[] = [];
    const result = torch.scope(() => {
      for (let i = 0; i < 3; i++) made.push(torch.ones([4]));
      return made[0]!.add(made[1]!);
    });
    expect(made.map((t) => t.isDisposed)).to.deep.equal([true, true, true]);
    expect(result.tolist()).to.deep.equal([2, 2, 2, 2]);
  });

  it('keeps tensors inside returned containers', () => {
    const all = torch.scope(() => ({
      list: [torch.ones([1]), [torch.ones([1])]],
      map: new Map([['a', torch.ones([1])]]),
      set: new Set([torch.ones([1])]),
      deep: { er: { t: torch.ones([1]) } },
    }));
    const [a, [b]] = all.list as [Tensor, [Tensor]];
    const kept = [a, b, all.map.get('a')!, ...all.set, all.deep.er.t];
    expect(kept.map((t) => t.isDisposed)).to.deep.equal([false, false, false, false, false]);
  });

  it('ends with cyclic results', () => {
    const cyclic: { self?: unknown; t?: Tensor } = {};
    torch.scope(() => {
      cyclic.self = cyclic;
      cyclic.t = torch.ones([1]);
      return cyclic;
    });
    expect(cyclic.t!.isDisposed).to.equal(false);
  });

  it('leaves older tensors and module parameters alone', () => {
    const old = torch.ones([2]);
    const layer = torch.scope(() => new torch.nn.Linear(2, 2));
    torch.scope(() => layer.forward(old).sum().backward());
    expect(old.isDisposed).to.equal(false);
    expect(layer.weight.grad!.shape).to.deep.equal([2, 2]);
  });

  it('nests: what an inner scope returns belongs to the outer one', () => {
    let inner!: Tensor;
    let deep!: Tensor;
    const result = torch.scope(() => {
      inner = torch.scope(() => {
        deep = torch.ones([1]);
        return deep.add(1);
      });
      expect(deep.isDisposed).to.equal(true);
      expect(inner.isDisposed).to.equal(false);
      return 5;
    });
    expect(result).to.equal(5);
    expect(inner.isDisposed).to.equal(true);
  });

  it('frees everything when the body throws, and lets the error through', () => {
    const failure = new Error('mine');
    let made!: Tensor;
    expect(() =>
      torch.scope(() => {
        made = torch.ones([1]);
        throw failure;
      }),
    ).to.throw(failure);
    expect(made.isDisposed).to.equal(true);
    const after = torch.ones([1]);
    expect(after.isDisposed).to.equal(false);
  });

  it('spares what keep is called with', () => {
    let kept!: Tensor;
    torch.scope(() => {
      torch.scope(() => {
        kept = torch.keep(torch.ones([1]));
      });
    });
    expect(kept.isDisposed).to.equal(false);
  });

  it('refuses async bodies', async () => {
    expect(refusalOf(() => torch.scope(async () => 1)).code).to.equal('ERR_ASYNC_SCOPE');
    expect(refusalOf(() => torch.scope(() => Promise.resolve(1))).code).to.equal('ERR_ASYNC_SCOPE');
    expect(refusalOf(() => torch.scope(() => Promise.reject(new Error('unseen')))).code).to.equal('ERR_ASYNC_SCOPE');
    for (const body of [undefined, 1, {}]) {
      expect(refusalOf(() => torch.scope(body as unknown as () => void)).code).to.equal('ERR_ARGUMENT');
    }
  });
});
