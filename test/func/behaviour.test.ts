// What transforms of torch.func do beside computing: errors, escapes, modes, hooks, memory.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { line } from './functions.js';
import { depth, expectOutside } from './support.js';

const { func, vmap } = torch;
const { grad, gradAndValue, hessian, jacfwd, jacrev, jvp, linearize, vjp } = func;
const f64 = { dtype: torch.float64 };
const x = line([3]);
const square = (t: Tensor) => t.square().sum();

afterEach(expectOutside);

describe('a transform whose function throws', () => {
  const mine = new Error('mine');
  const fail = (..._: Tensor[]): never => {
    throw mine;
  };
  const calls: Record<string, () => unknown> = {
    grad: () => grad(fail)(x),
    gradAndValue: () => gradAndValue(fail)(x),
    vjp: () => vjp(fail, x),
    jvp: () => jvp(fail, [x], [x]),
    linearize: () => linearize(fail, x),
    jacrev: () => jacrev(fail)(x),
    jacfwd: () => jacfwd(fail)(x),
    hessian: () => hessian(fail)(x),
    vmap: () => vmap(fail)(x),
    'vmap in chunks': () => vmap(fail, { chunkSize: 1 })(x),
    nested: () => vmap((t: Tensor) => grad((u: Tensor) => jvp(fail, [u], [u])[0] as never)(t))(x),
    'an operator': () => vmap((t: Tensor) => grad((u: Tensor) => u.add(torch.ones([4])).sum())(t.reshape([1])))(x),
    'a hook': () =>
      grad((t: Tensor) => {
        const y = t.mul(2);
        y.registerHook(fail);
        return y.sum();
      })(x),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: leaves all of them, with the same error`, () => {
      if (name === 'an operator') expect(call()).property('shape').deep.equal([3, 1]);
      else expect(call).throw(mine);
      expect(depth()).equal(0);
      // Forward mode is closed, too.
      expect(jvp(square, [x], [x])[1].item()).closeTo(2 * square(x).item(), 1e-12);
    });
  }
});

describe('values inside of a transform', () => {
  it('can be read inside of grad, and decide', () => {
    const seen: unknown[] = [];
    const f = (t: Tensor) => {
      seen.push(t.select(0, 0).item(), t.tolist());
      return t.select(0, 0).item() > 100 ? t.sum() : t.mul(3).sum();
    };
    expect(grad(f)(x).tolist()).deep.equal([3, 3, 3]);
    expect(seen).deep.equal([x.select(0, 0).item(), x.tolist()]);
  });

  const reads: Record<string, (t: Tensor) => unknown> = {
    item: (t) => t.sum().item(),
    itemAsync: (t) => t.sum().itemAsync(),
    tolist: (t) => t.tolist(),
    toTypedArray: (t) => t.toTypedArray(),
    isNonzero: (t) => t.sum().isNonzero(),
    equal: (t) => t.equal(t),
    nonzero: (t) => t.nonzero(),
    'a mask': (t) => t.index([t.gt(0)]),
  };
  for (const [name, read] of Object.entries(reads)) {
    it(`${name} is refused inside of vmap`, () => {
      const error = refusalOf(() =>
        vmap((t: Tensor) => {
          read(t);
          return t;
        })(line([2, 3])),
      );
      expect(error.code).equal('ERR_STATE');
      expect(error.message)
        .match(/vmap/)
        .not.match(/please file|\n/);
    });
  }

  it('are printed as PyTorch prints them', () => {
    let [one, two, three] = ['', '', ''];
    grad((t: Tensor) => {
      one = String(t.detach());
      return t.sum();
    })(torch.tensor([1, 2]));
    vmap((t: Tensor) => {
      two = String(t);
      grad((u: Tensor) => {
        three = String(u);
        return u.sum();
      })(t);
      return t;
    })(torch.tensor([[1, 2]]));
    expect(one).equal('GradTrackingTensor(lvl=1, value=\n    tensor([1., 2.])\n)');
    expect(two).equal('BatchedTensor(lvl=1, bdim=0, value=\n    tensor([[1., 2.]])\n)');
    expect(three).equal(
      'GradTrackingTensor(lvl=2, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n        tensor([[1., 2.]])\n    )\n)',
    );
  });

  it('have a shape, so that loops and ifs work', () => {
    const f = (t: Tensor) => {
      let y = t;
      for (let i = 0; i < t.shape[0]!; i++) y = i % 2 === 0 ? y.sin() : y.mul(2);
      return y;
    };
    expect(vmap(f)(line([2, 3])).equal(line([2, 3]).sin().mul(2).sin())).equal(true);
  });
});

describe('a tensor that is kept from a transform', () => {
  const kept = (size = 2) => {
    let inside!: Tensor;
    vmap((t: Tensor) => {
      inside = t.mul(2);
      return t;
    })(line([size, 3]));
    return inside;
  };

  it('of vmap cannot be used afterwards', () => {
    const inside = kept();
    for (const use of [() => inside.add(1), () => inside.shape, () => inside.tolist(), () => inside.sum().item()]) {
      const error = refusalOf(use);
      expect(error.code).equal('ERR_STATE');
      expect(error.message).match(/a transform of torch.func that has ended/);
    }
    expect(String(inside)).equal('tensor(<disposed>)');
  });

  it('of vmap is not taken for another batch', () => {
    const inside = kept();
    expect(refusalOf(() => vmap((t: Tensor) => t.add(inside))(line([2, 3]))).message).match(/has ended/);
    expect(refusalOf(() => vmap((t: Tensor) => [t, inside])(line([2, 3]))).message).match(/has ended/);
  });

  it('of grad is its value', () => {
    let inside!: Tensor;
    grad((t: Tensor) => {
      inside = t.mul(2);
      return inside.sum();
    })(x);
    expect(inside.tolist()).deep.equal(x.mul(2).tolist());
    expect([inside.requiresGrad, inside.dataPtr() > 0n]).deep.equal([false, true]);
    expect(new nn.Parameter(inside).requiresGrad).equal(true);
  });

  it('of grad inside of vmap is refused after vmap', () => {
    let inside!: Tensor;
    vmap((t: Tensor) =>
      grad((u: Tensor) => {
        inside = u.mul(2);
        return inside.sum();
      })(t),
    )(line([2, 3]));
    expect(refusalOf(() => inside.add(1)).message).match(/has ended/);
  });

  it('cannot hide in the grad of another, or in its data', () => {
    const w = torch.zeros([3], { ...f64, requiresGrad: true });
    const put = (set: (t: Tensor) => void) =>
      refusalOf(() =>
        vmap((t: Tensor) => {
          set(t);
          return t;
        })(line([2, 3])),
      );
    const setGrad = put((t) => {
      w.grad = t;
    });
    expect([setGrad.code, w.grad]).deep.equal(['ERR_STATE', null]);
    const setData = put((t) => {
      w.data = t;
    });
    expect(setData.code).equal('ERR_STATE');
    expect(put((t) => w.mul(2).backward({ gradient: t })).code).equal('ERR_STATE');
    expect(w.grad).equal(null);
  });

  it('cannot hide in the function that vjp returns', () => {
    let pull!: (g: Tensor) => unknown;
    const inside = vmap((t: Tensor) => {
      [, pull] = vjp((u: Tensor) => u.mul(t), t);
      return (pull(t) as Tensor[])[0]!;
    })(line([2, 3]));
    expect(inside.shape).deep.equal([2, 3]);
    expect(refusalOf(() => pull(x)).message).match(/has ended/);
    expect(refusalOf(() => vmap((t: Tensor) => (pull(t) as Tensor[])[0]!)(line([2, 3]))).message).match(/has ended/);
  });

  it('lets go of its memory at once', () => {
    const batch = torch.zeros([64, 1024]);
    const before = torch.memoryStats().bytes;
    let during = 0;
    const sums = vmap((t: Tensor) => {
      const y = t.add(1).mul(2);
      during = torch.memoryStats().bytes - before;
      return y.sum();
    })(batch);
    expect(during).least(2 * 64 * 1024 * 4);
    expect(torch.memoryStats().bytes - before).most(64 * 4 + batch.numel());
    expect(sums.shape).deep.equal([64]);
  });
});

describe('modes around and inside of a transform', () => {
  it('noGrad inside makes constants, and does nothing outside', () => {
    const f = (t: Tensor) =>
      t
        .square()
        .sum()
        .sub(torch.noGrad(() => t.square().sum()));
    expect(grad(f)(x).tolist()).deep.equal(x.mul(2).tolist());
    expect(grad((t: Tensor) => torch.noGrad(() => square(t)))(x).tolist()).deep.equal([0, 0, 0]);
    const outside = torch.noGrad(() => [grad(grad((t: Tensor) => t.pow(3)))(torch.tensor(2, f64)), grad(square)(x)]);
    expect(outside.map((t) => t.tolist())).deep.equal([12, x.mul(2).tolist()]);
  });

  it('work in inference mode', () => {
    const t = torch.tensor(2, f64);
    torch.inferenceMode(() => {
      expect(grad((u: Tensor) => u.pow(3))(t).item()).equal(12);
      expect(grad(grad((u: Tensor) => u.pow(3)))(torch.tensor(2, f64)).item()).equal(12);
      expect(jvp((u: Tensor) => u.pow(3), [t], [t])[1].item()).equal(24);
      expect(vmap(grad(square))(line([2, 3])).shape).deep.equal([2, 3]);
      const [, pull] = vjp((u: Tensor) => u.pow(3), t);
      expect(pull(t)[0].item()).equal(24);
      expect(torch.isInferenceModeEnabled()).equal(true);
      expect(torch.isGradEnabled()).equal(false);
    });
  });

  it('what the function captures keeps the graph outside', () => {
    const w = torch.tensor(3, { ...f64, requiresGrad: true });
    const slope = grad((t: Tensor) => t.mul(w).square())(torch.tensor(2, f64));
    expect(slope.requiresGrad).equal(true);
    slope.backward();
    // d(2 t w^2)/dw
    expect(w.grad!.item()).equal(24);
    const batch = vmap((t: Tensor) => t.mul(w))(x);
    batch.sum().backward();
    expect(w.grad!.item()).closeTo(24 + x.sum().item(), 1e-12);
  });

  it('random operations are refused unless it is said what they do', () => {
    const error = refusalOf(() => vmap((t: Tensor) => t.add(torch.rand([1])))(x));
    expect([error.code, /randomness/.test(error.message)]).deep.equal(['ERR_STATE', true]);
  });

  it('a scope around and inside keeps what is returned', () => {
    const result = torch.scope(() => vmap((t: Tensor) => torch.scope(() => t.mul(2).add(1)))(line([2, 3])));
    expect(result.equal(line([2, 3]).mul(2).add(1))).equal(true);
    const gradient = torch.scope(() => grad((t: Tensor) => torch.scope(() => t.square().sum()))(x));
    expect(gradient.tolist()).deep.equal(x.mul(2).tolist());
  });
});
