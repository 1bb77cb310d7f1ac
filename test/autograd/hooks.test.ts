import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const alive = (refs: WeakRef<object>[]) => refs.filter((ref) => ref.deref() !== undefined).length;

/** Collects in a few turns of the event loop; a WeakRef that is looked at lives on until its turn ends. */
async function collected(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    torch.collectGarbage();
  }
}

const leaf = (values: number[]) => torch.tensor(values, { requiresGrad: true });

describe('registerHook', () => {
  it('sees the gradient', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((g) => {
      seen.push(g.tolist());
      return undefined;
    });
    y.mul(torch.tensor([1, 10]))
      .sum()
      .backward();
    expect(seen).to.deep.equal([[1, 10]]);
    expect(x.grad!.tolist()).to.deep.equal([3, 30]);
  });

  it("puts what it returns in the gradient's place, one hook after the other", () => {
    const x = leaf([1]);
    x.registerHook((g) => g.mul(2));
    x.registerHook((g) => g.add(1));
    x.mul(5).sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([11]);
  });

  it('runs until it is removed; a second removal does nothing', () => {
    const x = leaf([1]);
    let calls = 0;
    const counted = () => {
      calls++;
      return undefined;
    };
    const [first, second] = [x.registerHook(counted), x.registerHook(counted)];
    x.sum().backward();
    first.remove();
    first.remove();
    x.sum().backward();
    second.remove();
    x.sum().backward();
    expect(calls).to.equal(3);
  });

  it('throws the very error that the hook threw, and later backwards work', () => {
    for (const thrown of [new Error('mine'), new TypeError('mine'), 'a string', 5, null, undefined, { any: 'thing' }]) {
      const x = leaf([1]);
      const y = x.mul(2);
      const handle = y.registerHook(() => {
        throw thrown;
      });
      let caught: unknown = 'nothing';
      try {
        y.sum().backward();
      } catch (error) {
        caught = error;
      }
      expect(caught).to.equal(thrown);
      handle.remove();
      x.mul(2).sum().backward();
      expect(x.grad!.tolist()).to.deep.equal([2]);
    }
  });

  it('refuses results that are no tensor or do not fit', () => {
    for (const [result, code] of [
      [5, 'ERR_ARGUMENT'],
      ['x', 'ERR_ARGUMENT'],
      [{}, 'ERR_ARGUMENT'],
    ] as const) {
      const x = leaf([1]);
      x.registerHook(() => result as unknown as Tensor);
      expect(refusalOf(() => x.sum().backward()).code).to.equal(code);
    }
    const x = leaf([1, 2]);
    x.registerHook(() => torch.ones([3]));
    expect(() => x.sum().backward()).to.throw(torch.TorchClipError);
    const disposed = torch.ones([1]);
    disposed.dispose();
    const y = leaf([1]);
    y.registerHook(() => disposed);
    expect(refusalOf(() => y.sum().backward()).code).to.equal('ERR_DISPOSED');
  });

  it('refuses what cannot have a hook', () => {
    expect(refusalOf(() => torch.ones([1]).registerHook(() => undefined)).code).to.equal('ERR_AUTOGRAD');
    for (const hook of [undefined, 1, {}, 'x']) {
      expect(refusalOf(() => leaf([1]).registerHook(hook as never)).code).to.equal('ERR_ARGUMENT');
    }
  });

  it('is part of the graph under createGraph', () => {
    const x = leaf([3]);
    const y = x.mul(x);
    y.registerHook((g) => g.mul(2));
    const [dx] = torch.autograd.grad(y.sum(), x, { createGraph: true });
    expect(dx!.item()).to.equal(12);
    const [ddx] = torch.autograd.grad(dx!.sum(), x);
    expect(ddx!.item()).to.equal(4);
  });

  it('may run backward itself, dispose tensors and collect garbage', () => {
    const x = leaf([2]);
    const y = x.mul(3);
    let inner: number | undefined;
    y.registerHook(() => {
      const z = leaf([5]);
      torch.enableGrad(() => z.pow(2).sum()).backward();
      inner = z.grad!.item();
      z.dispose();
      y.dispose();
      torch.collectGarbage();
      return undefined;
    });
    y.sum().backward();
    expect(inner).to.equal(10);
    expect(x.grad!.item()).to.equal(3);
  });

  it('is let go with its graph', async () => {
    const hooks: WeakRef<object>[] = [];
    const make = () => {
      const hook = () => undefined;
      hooks.push(new WeakRef(hook));
      leaf([1]).mul(2).registerHook(hook);
    };
    for (let i = 0; i < 20; i++) make();
    await collected();
    // The collector may still see the last one on the stack.
    expect(alive(hooks)).to.be.below(2);
  });

  it('is let go when it is removed', async () => {
    const x = leaf([1]);
    const hooks: WeakRef<object>[] = [];
    const make = () => {
      const hook = () => undefined;
      hooks.push(new WeakRef(hook));
      x.registerHook(hook).remove();
    };
    for (let i = 0; i < 20; i++) make();
    await collected();
    expect(alive(hooks)).to.be.below(2);
    x.sum().backward();
    expect(x.grad!.item()).to.equal(1);
  });
});
