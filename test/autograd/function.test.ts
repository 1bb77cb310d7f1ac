import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { type Bytes, decode, golden, refusalOf } from '../support.js';
import { expectCollected, expectNear, leaf } from './support.js';

type Context = torch.autograd.FunctionContext;
const { gradcheck, gradgradcheck, grad } = torch.autograd;

class Exp extends torch.autograd.Function {
  static forward(ctx: Context, x: Tensor) {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: Context, gradient: Tensor) {
    return gradient.mul(ctx.savedTensors[0]!);
  }
}

class Scaled extends torch.autograd.Function {
  static forward(ctx: Context, x: Tensor, scale: number, weight: Tensor) {
    ctx.scale = scale;
    ctx.saveForBackward(x, weight);
    const largest = x.argmax();
    ctx.markNonDifferentiable(largest);
    return [x.pow(3).mul(scale).mul(weight), largest] as const;
  }
  static backward(ctx: Context, g: Tensor, _: Tensor) {
    const [x, weight] = ctx.savedTensors as [Tensor, Tensor];
    const scale = ctx.scale as number;
    return [g.mul(3).mul(x.pow(2)).mul(scale).mul(weight), null, g.mul(x.pow(3)).mul(scale).sum()];
  }
}

/** y = 2x, written over x. */
class Twice extends torch.autograd.Function {
  static forward(ctx: Context, x: Tensor) {
    ctx.markDirty(x);
    return x.mul_(2);
  }
  static backward(_: Context, gradient: Tensor) {
    return gradient.mul(2);
  }
}

/** [sin x, cos x], with the derivative of forward mode, set up apart. */
class Circle extends torch.autograd.Function {
  static forward(x: Tensor) {
    return [x.sin(), x.cos()] as const;
  }
  static setupContext(ctx: Context, [x]: [Tensor], [sin, cos]: readonly [Tensor, Tensor]) {
    ctx.saveForBackward(sin, cos);
    ctx.saveForForward(x);
  }
  static backward(ctx: Context, dSin: Tensor, dCos: Tensor) {
    const [sin, cos] = ctx.savedTensors as [Tensor, Tensor];
    return dSin.mul(cos).sub(dCos.mul(sin));
  }
  static jvp(ctx: Context, tangent: Tensor) {
    const [x] = ctx.savedTensors as [Tensor];
    return [tangent.mul(x.cos()), tangent.mul(x.sin()).neg()];
  }
}

describe('autograd.Function', () => {
  it("values and first and second derivatives are PyTorch's", () => {
    interface Golden {
      inputs: Bytes[];
      custom: { y: Bytes; largest: number; first: Bytes[]; second: Bytes[] };
    }
    const { inputs, custom } = golden<Golden>('autograd');
    const x = decode(inputs[0]!).requiresGrad_();
    const weight = torch.tensor(1.5, { dtype: torch.float64, requiresGrad: true });
    const [y, largest] = Scaled.apply(x, 2, weight);
    expectNear(y, custom.y, 'y');
    expect([largest.item(), largest.requiresGrad]).deep.equal([custom.largest, false]);
    const first = grad(y.sin().sum(), [x, weight], { createGraph: true });
    expectNear(first, custom.first, 'first');
    expectNear(grad(first[0]!.pow(2).sum().add(first[1]!), [x, weight]), custom.second, 'second');
  });

  it('agrees with differences, twice', () => {
    const x = leaf([0.5, -1, 2]);
    for (const fn of [
      (t: Tensor) => Exp.apply(t),
      (t: Tensor) => [...Circle.apply(t)],
      (t: Tensor) => Scaled.apply(t, 2, t.sum())[0],
      (t: Tensor) => Twice.apply(t.clone()),
    ]) {
      expect(gradcheck(fn, [x])).equal(true);
      expect(gradgradcheck(fn, [x])).equal(true);
    }
  });

  it('has a name in the graph and says which arguments need gradients', () => {
    const seen: unknown[] = [];
    class Watch extends torch.autograd.Function {
      static forward(ctx: Context, ...args: unknown[]) {
        seen.push(ctx.needsInputGrad, torch.isGradEnabled());
        return (args[0] as Tensor).add(1);
      }
      static backward(ctx: Context, g: Tensor) {
        seen.push(ctx.needsInputGrad);
        return [g, null, null];
      }
    }
    const y = Watch.apply(leaf([1]), 5, torch.ones([1]));
    expect([y.gradFn, y.requiresGrad]).deep.equal(['WatchBackward', true]);
    y.backward();
    expect(seen).deep.equal([[true, false, false], false, [true, false, false]]);
    const plain = Watch.apply(torch.ones([1]), 5, null);
    expect([plain.gradFn, plain.requiresGrad]).deep.equal([null, false]);
    expect(torch.noGrad(() => Watch.apply(leaf([1]))).requiresGrad).equal(false);
  });

  it('writes in place, and the object stays the same', () => {
    const x = leaf([1, 2]).mul(1);
    const { version } = x;
    const y = Twice.apply(x);
    expect(y).equal(x);
    expect([y.gradFn, y.version > version, y.tolist()]).deep.equal(['TwiceBackward', true, [2, 4]]);
    const error = refusalOf(() => Twice.apply(leaf([1])));
    expect(error).include({ code: 'ERR_AUTOGRAD' });
  });

  it('an input that is returned as it is becomes a view with a gradient', () => {
    class Same extends torch.autograd.Function {
      static forward(_: Context, x: Tensor) {
        return x;
      }
      static backward(_: Context, g: Tensor) {
        return g.mul(10);
      }
    }
    const x = leaf([1]);
    const y = Same.apply(x);
    y.backward();
    expect([y.isSame(x), x.grad!.item()]).deep.equal([false, 10]);
  });

  for (const on of [true, false]) {
    it(`outputs without a gradient give ${on ? 'zeros' : 'null'} under setMaterializeGrads(${on})`, () => {
      let seen: unknown;
      class Two extends torch.autograd.Function {
        static forward(ctx: Context, x: Tensor) {
          ctx.setMaterializeGrads(on);
          return [x.add(1), x.add(2)] as const;
        }
        static backward(_: Context, a: Tensor, b: Tensor | null) {
          seen = b === null ? null : b.tolist();
          return a;
        }
      }
      Two.apply(leaf([1, 2]))[0]
        .sum()
        .backward();
      expect(seen).deep.equal(on ? [0, 0] : null);
    });
  }

  it('carries derivatives of forward mode', () => {
    const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
    const x = torch.tensor([0.5, 2], { dtype: torch.float64 });
    const tangents = dualLevel(() =>
      Circle.apply(makeDual(x, torch.ones([2], { dtype: torch.float64 }))).map((y) => unpackDual(y).tangent!.tolist()),
    );
    expect(tangents).deep.equal([x.cos().tolist(), x.sin().neg().tolist()]);
    const error = refusalOf(() => dualLevel(() => Exp.apply(makeDual(x, torch.onesLike(x)))));
    expect(error).include({ code: 'ERR_AUTOGRAD' });
    expect(error.message).match(/Exp has no static jvp/);
  });

  it('gives what was saved once unless the graph is kept', () => {
    const y = Exp.apply(leaf([1])).sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(refusalOf(() => y.backward())).include({ code: 'ERR_AUTOGRAD' });
  });

  it('refuses a saved tensor that was written', () => {
    const y = Exp.apply(leaf([1]));
    torch.noGrad(() => y.mul_(2));
    const error = refusalOf(() => y.sum().backward());
    expect(error).include({ code: 'ERR_AUTOGRAD' });
    expect(error.message).match(/modified by an inplace operation/);
  });

  it('throws the very error of forward and backward, and goes on', () => {
    for (const where of ['forward', 'backward']) {
      const thrown = new RangeError('mine');
      class Broken extends torch.autograd.Function {
        static forward(_: Context, x: Tensor) {
          if (where === 'forward') throw thrown;
          return x.add(1);
        }
        static backward(): Tensor {
          throw thrown;
        }
      }
      let caught: unknown;
      try {
        Broken.apply(leaf([1])).backward();
      } catch (error) {
        caught = error;
      }
      expect(caught).equal(thrown);
      expect(torch.isGradEnabled()).equal(true);
    }
  });

  const returns: [string, unknown, RegExp][] = [
    ['too few', [], /must return one gradient per argument of apply\(\), 2, got 0/],
    ['too many', [torch.ones([1]), null, torch.ones([1])], /per argument of apply\(\), 2, got 3/],
    ['no tensor', [5, null], /gradient 0 of Wrong.backward\(\) must be a Tensor or null, got 5/],
    ['one for a number', [null, torch.ones([1])], /gradient 1 .* must be null, as the argument is not a Tensor/],
    ['another shape', [torch.ones([3]), null], /invalid gradient at index 0/],
    ['a promise', Promise.resolve(null), /must be a synchronous function/],
  ];
  for (const [name, result, message] of returns) {
    it(`refuses a backward pass that returns ${name}`, () => {
      class Wrong extends torch.autograd.Function {
        static forward(_: Context, x: Tensor, _n: number) {
          return x.add(1);
        }
        static backward() {
          return result as Tensor;
        }
      }
      const x = torch.ones([2], { requiresGrad: true });
      const error = refusalOf(() => Wrong.apply(x, 1).sum().backward());
      expect(error.message).match(message);
      expect(x.grad).equal(null);
    });
  }

  const misuse: [string, () => unknown, RegExp][] = [
    [
      'no forward',
      () => (class Empty extends torch.autograd.Function {} as never as typeof Exp).apply(leaf([1])),
      /Empty needs a static forward/,
    ],
    [
      'no backward, when there is a backward pass',
      () =>
        (
          class Half extends torch.autograd.Function {
            static forward(_: Context, x: Tensor) {
              return x.add(1);
            }
          } as never as typeof Exp
        )
          .apply(leaf([1]))
          .backward(),
      /Half needs a static backward/,
    ],
    [
      'a result that is not a tensor',
      () =>
        class Five extends torch.autograd.Function {
          static forward(_: Context, _x: Tensor) {
            return 5;
          }
          static backward() {
            return null;
          }
        }.apply(leaf([1])),
      /Five.forward\(\) must return a Tensor or an array with Tensors, got 5/,
    ],
    [
      'something else to save',
      () =>
        class Saves extends torch.autograd.Function {
          static forward(ctx: Context, x: Tensor) {
            ctx.saveForBackward(5 as never);
            return x;
          }
          static backward() {
            return null;
          }
        }.apply(leaf([1])),
      /argument 0 of ctx.saveForBackward\(\) must be a Tensor, got 5/,
    ],
    [
      'reading what was saved in forward',
      () =>
        class Reads extends torch.autograd.Function {
          static forward(ctx: Context, x: Tensor) {
            return ctx.savedTensors[0] ?? x;
          }
          static backward() {
            return null;
          }
        }.apply(leaf([1])),
      /ctx.savedTensors can be read in backward\(\) and jvp\(\) only/,
    ],
    [
      'saving in backward',
      () =>
        class Late extends torch.autograd.Function {
          static forward(_: Context, x: Tensor) {
            return x.add(1);
          }
          static backward(ctx: Context, g: Tensor) {
            ctx.saveForBackward(g);
            return g;
          }
        }
          .apply(leaf([1]))
          .backward(),
      /ctx.saveForBackward\(\) can be called in forward\(\) or setupContext\(\) only/,
    ],
  ];
  for (const [name, use, message] of misuse) {
    it(`refuses ${name}`, () => expect(refusalOf(use).message).match(message));
  }

  it('straight-through: the backward pass may call others and run backward itself', () => {
    class Nested extends torch.autograd.Function {
      static forward(ctx: Context, x: Tensor) {
        ctx.saveForBackward(x);
        return x.round();
      }
      static backward(ctx: Context, g: Tensor) {
        const inner = ctx.savedTensors[0]!.detach().requiresGrad_();
        torch.enableGrad(() => Exp.apply(inner).sum()).backward();
        return g.mul(inner.grad!);
      }
    }
    const x = leaf([0, 0.25]);
    Nested.apply(x).sum().backward();
    expect(x.grad!.tolist()).deep.equal([1, Math.exp(0.25)]);
  });

  it('backward passes nested far deeper than libtorch allows on one thread', () => {
    let depth = 0;
    class Deep extends torch.autograd.Function {
      static forward(_: Context, x: Tensor) {
        return x.add(1);
      }
      static backward(_: Context, g: Tensor) {
        if (++depth < 100) torch.enableGrad(() => Deep.apply(leaf([1]))).backward();
        return g;
      }
    }
    Deep.apply(leaf([1])).backward();
    expect(depth).equal(100);
  });

  it('is let go with its graph', () =>
    expectCollected((held) => {
      class Holds extends torch.autograd.Function {
        static forward(ctx: Context, x: Tensor) {
          ctx.held = held;
          const y = x.exp();
          ctx.saveForBackward(x, y);
          ctx.saveForForward(x, y);
          return y;
        }
        static backward(ctx: Context, g: Tensor) {
          return ctx.held === held ? g.mul(ctx.savedTensors[1]!) : null;
        }
      }
      const y = Holds.apply(leaf([1]));
      if (Math.random() < 0.5) y.sum().backward();
    }));
});
