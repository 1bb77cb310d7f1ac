import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { device, refusalOf } from '../support.js';

const alive = (refs: WeakRef<object>[]) => refs.filter((ref) => ref.deref() !== undefined).length;

/** Collects in a few turns of the event loop; a WeakRef that is looked at lives on until its turn ends. */
async function collected(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    torch.collectGarbage();
  }
}

const leaf = (values: number[]) => torch.tensor(values, { requiresGrad: true, device });

describe('registerHook', () => {
  it('sees the gradient', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((g) => {
      seen.push(g.tolist());
      return undefined;
    });
    y.mul(torch.tensor([1, 10], { device }))
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
    x.registerHook(() => torch.ones([3], { device }));
    expect(() => x.sum().backward()).to.throw(torch.TorchClipError);
    const disposed = torch.ones([1], { device });
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

describe('hooks that change the hooks', () => {
  it('may remove themselves, in thousands of backward passes', () => {
    const x = leaf([1]);
    for (let i = 0; i < 2000; i++) {
      const y = x.mul(2);
      const handle = y.registerHook((g) => {
        handle.remove();
        return g.mul(10);
      });
      y.sum().backward({ retainGraph: true });
      y.sum().backward();
    }
    expect(x.grad!.item()).to.equal(2000 * (20 + 2));
  });

  it('may remove later ones, which then do not run, and earlier ones', () => {
    const x = leaf([1]);
    const ran: string[] = [];
    const note = (name: string) => () => {
      ran.push(name);
    };
    const first = x.registerHook(note('first'));
    x.registerHook(() => {
      ran.push('second');
      first.remove();
      third.remove();
    });
    const third = x.registerHook(note('third'));
    x.registerHook(note('fourth'));
    x.sum().backward();
    x.sum().backward();
    expect(ran).to.deep.equal(['first', 'second', 'fourth', 'second', 'fourth']);
  });

  it('may add others, which see the next gradient', () => {
    const x = leaf([1]);
    let added = 0;
    const add = () => {
      for (let i = 0; i < 100; i++) x.registerHook(() => void added++);
    };
    const handle = x.registerHook(() => {
      handle.remove();
      add();
    });
    x.sum().backward();
    expect(added).to.equal(0);
    x.sum().backward();
    expect(added).to.equal(100);
  });

  it('may dispose the tensor and everything around it', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    const loss = y.sum();
    y.registerHook((g) => {
      for (const t of [g, y, loss]) t.dispose();
      torch.collectGarbage();
      return torch.ones([1], { device }).mul(4);
    });
    loss.backward();
    expect(x.grad!.item()).to.equal(8);
  });

  it('leave everything usable when they throw after a removal', () => {
    const x = leaf([1]);
    const handle = x.registerHook(() => {
      handle.remove();
      throw new RangeError('mine');
    });
    expect(() => x.sum().backward()).to.throw(RangeError, 'mine');
    x.sum().backward();
    expect(x.grad!.item()).to.equal(1);
  });
});

describe('a removal', () => {
  it('takes off the hook that it is of, also after an operation in place', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    const ran: string[] = [];
    const a = y.registerHook(() => void ran.push('A'));
    y.mul_(3);
    y.registerHook(() => void ran.push('B'));
    a.remove();
    y.sum().backward();
    expect(ran).to.deep.equal(['B']);
    expect(x.grad!.item()).to.equal(6);
  });

  it('of a hook after an operation in place leaves that before it', () => {
    const y = leaf([1]).mul(2);
    const seen: number[] = [];
    y.registerHook((g) => void seen.push(g.item()));
    y.mul_(3);
    const b = y.registerHook((g) => void seen.push(g.item()));
    y.sum().backward({ retainGraph: true });
    b.remove();
    y.sum().backward();
    expect(seen).to.deep.equal([1, 3, 3]);
  });

  it('works when the tensor was disposed', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    let calls = 0;
    const handle = y.registerHook(() => void calls++);
    const loss = y.sum();
    y.dispose();
    handle.remove();
    handle.remove();
    loss.backward();
    expect([calls, x.grad!.item()]).to.deep.equal([0, 2]);
  });
});

describe('hooks', () => {
  it('that are async are refused', () => {
    const refuse = (hook: unknown) => refusalOf(() => leaf([1]).registerHook(hook as never)).code;
    expect(refuse(async () => {})).to.equal('ERR_ASYNC_SCOPE');
    const x = leaf([1]);
    x.registerHook((() => Promise.reject(new Error('late'))) as never);
    expect(refusalOf(() => x.sum().backward()).code).to.equal('ERR_ASYNC_SCOPE');
  });

  it('may run backward inside one another, 100 deep', () => {
    const nested = (depth: number): number => {
      const z = leaf([2]);
      const y = z.mul(3);
      let inner = 0;
      y.registerHook(() => {
        inner = depth === 0 ? 0 : torch.enableGrad(() => nested(depth - 1));
      });
      y.sum().backward();
      return inner + z.grad!.item();
    };
    expect(nested(100)).to.equal(303);
  });

  it('end in an error where they go round without end', () => {
    const x = leaf([1]);
    x.registerHook(() => torch.enableGrad(() => x.sum()).backward());
    expect(() => x.sum().backward()).to.throw(RangeError);
    expect(leaf([1]).add(1).item()).to.equal(2);
  });

  it('that refer to their own tensor keep neither it nor its graph', () => {
    const round = (use: boolean) => {
      const y = leaf([1, 2]).mul(2);
      y.registerHook(() => void y.shape);
      if (use) y.sum().backward();
    };
    torch.collectGarbage();
    const before = torch.memoryStats().handles;
    for (let i = 0; i < 500; i++) round(i % 2 === 0);
    torch.collectGarbage();
    torch.collectGarbage();
    expect(torch.memoryStats().handles - before).to.be.below(20);
  });

  it('of a tensor that only the graph holds are called after any number of collections', () => {
    const x = leaf([1]);
    const seen: number[] = [];
    const make = () => {
      const y = x.mul(2);
      torch.collectGarbage();
      y.registerHook((g) => {
        seen.push(g.item());
        return y.mul(g);
      });
      torch.collectGarbage();
      return y.mul(5).sum();
    };
    const loss = make();
    for (let i = 0; i < 3; i++) torch.collectGarbage();
    loss.backward();
    expect([seen, x.grad!.item()]).to.deep.equal([[5], 20]);
  });

  it('of a tensor that is used again after a collection are called', () => {
    const y = leaf([1]).mul(2);
    const seen: number[] = [];
    y.registerHook((g) => void seen.push(g.item()));
    torch.collectGarbage();
    torch.collectGarbage();
    y.mul(7).sum().backward();
    expect(seen).to.deep.equal([7]);
  });
});
