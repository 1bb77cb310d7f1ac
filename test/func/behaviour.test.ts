// What transforms of torch.func do beside computing: errors, escapes, modes, hooks, memory.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { line } from './functions.js';
import { depth } from './support.js';

const { func, vmap } = torch;
const { grad, gradAndValue, hessian, jacfwd, jacrev, jvp, linearize, vjp } = func;
const f64 = { dtype: torch.float64 };
const x = line([3]);
const square = (t: Tensor) => t.square().sum();

afterEach(() => {
  expect(depth()).equal(0);
  expect(torch.isGradEnabled()).equal(true);
});

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

describe('what else autograd has, inside of a transform', () => {
  it('hooks see the gradients', () => {
    let seen = 0;
    const f = (t: Tensor) => {
      const y = t.mul(2);
      y.registerHook((g) => {
        seen++;
        return g.mul(10);
      });
      return y.square().sum();
    };
    expect(grad(f)(x).tolist()).deep.equal(x.mul(80).tolist());
    expect(vmap(grad(f))(line([2, 3])).equal(line([2, 3]).mul(80))).equal(true);
    expect(seen).equal(2);
  });

  it('autograd.grad and backward work inside of grad', () => {
    const f = (t: Tensor) => torch.autograd.grad(t.pow(3).sum(), [t], { createGraph: true })[0]!.sum();
    expect(grad(f)(x).sub(x.mul(6)).abs().max().item()).below(1e-12);
  });

  it('checkpoint is refused inside, and may be around', () => {
    const { checkpoint } = torch.utils.checkpoint;
    const inside = (t: Tensor) => checkpoint((u: Tensor) => square(u.sin()), [t]);
    expect(refusalOf(() => grad(inside)(x)).message).match(/checkpoint\(\), cannot be used inside/);
    const leaf = line([3]).requiresGrad_();
    checkpoint((t: Tensor) => grad((u: Tensor) => u.pow(3).sum())(t).sum(), [leaf]).backward();
    expect(leaf.grad!.sub(x.mul(6)).abs().max().item()).below(1e-12);
  });

  class Cube extends torch.autograd.Function {
    static forward(t: Tensor) {
      return t.detach().clone().mul(t).mul(t);
    }
    static setupContext(ctx: torch.autograd.FunctionContext, [t]: [Tensor], y: Tensor) {
      ctx.saveForBackward(t, y);
    }
    static backward(ctx: torch.autograd.FunctionContext, g: Tensor) {
      // By the output, so that second derivatives depend on its graph.
      const [t, y] = ctx.savedTensors;
      return g.mul(y!).div(t!).mul(3);
    }
  }
  class Plain extends torch.autograd.Function {
    static forward(_: torch.autograd.FunctionContext, t: Tensor) {
      return t.mul(2);
    }
    static backward(_: torch.autograd.FunctionContext, g: Tensor) {
      return g.mul(2);
    }
  }

  it('an autograd.Function with setupContext is differentiated, as often as wanted', () => {
    const t = torch.tensor(2, f64);
    const cube = (u: Tensor) => Cube.apply(u);
    expect(grad(cube)(t).item()).closeTo(12, 1e-12);
    expect(grad(grad(cube))(t).item()).closeTo(12, 1e-12);
    expect(grad(grad(grad(cube)))(t).item()).closeTo(6, 1e-12);
    const leaf = torch.tensor(2, { ...f64, requiresGrad: true });
    grad(cube)(leaf).backward();
    expect(leaf.grad!.item()).closeTo(12, 1e-12);
    expect(
      vmap((u: Tensor) => u.add(cube(t)))(x)
        .sub(x.add(8))
        .abs()
        .max()
        .item(),
    ).below(1e-12);
  });

  it('others are refused in a sentence', () => {
    expect(refusalOf(() => grad((t: Tensor) => Plain.apply(t).sum())(x)).message).equal(
      'Plain needs a static setupContext() to be differentiated by a transform of torch.func',
    );
    for (const call of [
      () => vmap((t: Tensor) => Cube.apply(t))(x),
      () => vmap(grad((t: Tensor) => Cube.apply(t)))(x),
    ]) {
      expect(refusalOf(call).message).match(
        /^vmap\(\) cannot map over Cube, an autograd.Function, unless it has a static/,
      );
    }
  });

  /** w t^3, by a backward pass that uses the output. */
  class Scaled extends torch.autograd.Function {
    static readonly generateVmapRule = true;
    static forward(t: Tensor, w: Tensor, power: number) {
      return t.pow(power).mul(w);
    }
    static setupContext(ctx: torch.autograd.FunctionContext, [t, w, power]: [Tensor, Tensor, number], y: Tensor) {
      ctx.power = power;
      ctx.saveForBackward(t, w, y);
    }
    static backward(ctx: torch.autograd.FunctionContext, g: Tensor) {
      const [t, w, y] = ctx.savedTensors;
      return [
        g
          .mul(y!)
          .div(t!)
          .mul(ctx.power as number),
        g.mul(y!).div(w!),
        null,
      ];
    }
  }
  const plain = (t: Tensor, w: Tensor) => t.pow(3).mul(w);
  const custom = (t: Tensor, w: Tensor) => Scaled.apply(t, w, 3);
  const w = torch.tensor(1.5, f64);
  const batch = line([4, 3], 0.5, 2);
  const rules: Record<string, (f: typeof plain) => unknown> = {
    vmap: (f) => vmap(f, [0, null])(batch, w),
    'vmap over another dimension': (f) => vmap(f, [1, null], { outDims: 1 })(batch, w),
    'vmap over both': (f) => vmap(f, [0, 0])(batch, batch.select(1, 0)),
    'vmap over the second': (f) => vmap(f, [null, 0])(batch, line([2], 1, 2)),
    'vmap of vmap': (f) => vmap(vmap(f, [0, null]), [0, null])(batch, w),
    'vmap of grad': (f) =>
      vmap(
        grad((t: Tensor, s: Tensor) => f(t, s).sum(), [0, 1]),
        [0, null],
      )(batch, w),
    'grad of vmap': (f) => grad((t: Tensor, s: Tensor) => vmap(f, [0, null])(t, s).sin().sum(), [0, 1])(batch, w),
    'grad of vmap over both': (f) =>
      grad((t: Tensor, s: Tensor) => vmap(f)(t, s).sum(), [0, 1])(batch, batch.select(1, 0)),
    'grad of grad of vmap': (f) =>
      grad((s: Tensor) =>
        grad((t: Tensor) => vmap(f, [0, null])(t, s).sum())(batch)
          .square()
          .sum(),
      )(w),
    'vmap of grad of grad': (f) =>
      vmap(
        grad((t: Tensor) =>
          grad((u: Tensor) => f(u, w).sum())(t)
            .square()
            .sum(),
        ),
      )(batch),
    jacrev: (f) => jacrev((t: Tensor) => f(t, w))(batch.select(0, 0)),
    'backward of vmap': (f) => {
      const leaves = [batch.detach().requiresGrad_(), w.detach().requiresGrad_()] as const;
      vmap(f, [0, null])(...leaves)
        .sin()
        .sum()
        .backward();
      return leaves.map((leaf) => leaf.grad!);
    },
  };
  for (const [name, run] of Object.entries(rules)) {
    it(`a rule that is generated: ${name}`, () => {
      const [got, want] = [run(custom), run(plain)].map((v) => (Array.isArray(v) ? v : [v]) as Tensor[]);
      for (const [i, t] of want!.entries()) {
        expect(got![i]!.shape).deep.equal(t.shape);
        expect(got![i]!.detach().sub(t.detach()).abs().max().item()).below(1e-10);
      }
    });
  }

  it('a rule of its own is told of the batch', () => {
    const told: unknown[] = [];
    class Double extends torch.autograd.Function {
      static forward(t: Tensor) {
        return t.mul(2);
      }
      static setupContext() {}
      static backward(_: torch.autograd.FunctionContext, g: Tensor) {
        return g.mul(2);
      }
      static vmap(info: torch.autograd.VmapInfo, inDims: readonly (number | null)[], t: Tensor) {
        told.push(info, inDims, t.shape);
        return [Double.apply(t), inDims[0]];
      }
    }
    class Wrong extends Double {
      static override vmap(_: torch.autograd.VmapInfo, __: readonly (number | null)[], t: Tensor) {
        return [t, 7];
      }
    }
    expect(vmap((t: Tensor) => Double.apply(t), 1)(batch).equal(batch.t().mul(2))).equal(true);
    expect(told).deep.equal([{ batchSize: 3, randomness: 'error' }, [1], [4, 3]]);
    expect(vmap(grad((t: Tensor) => Double.apply(t).sum()))(batch).equal(torch.fullLike(batch, 2))).equal(true);
    expect(refusalOf(() => vmap((t: Tensor) => Wrong.apply(t))(batch)).message).match(
      /^Wrong.vmap\(\) must return \[output/,
    );
  });

  it('backward hooks of modules run', () => {
    const layer = new nn.Linear(3, 2);
    let calls = 0;
    layer.registerFullBackwardHook((_, gradInput) => {
      calls++;
      return gradInput.map((g) => g?.mul(2) ?? null);
    });
    const t = line([3]).float();
    const g = grad((u: Tensor) => layer.call(u).sum())(t);
    expect(calls).least(1);
    expect(g.sub(layer.weight.detach().sum(0).mul(2)).abs().max().item()).below(1e-6);
  });

  it('forward-mode levels and jvp do not mix', () => {
    const { dualLevel } = torch.autograd.forwardAd;
    expect(refusalOf(() => dualLevel(() => jvp(square, [x], [x]))).message).match(/levels cannot be nested/);
    expect(refusalOf(() => jvp((t: Tensor) => dualLevel(() => square(t)), [x], [x])).message).match(
      /levels cannot be nested/,
    );
    expect(dualLevel(() => 1)).equal(1);
  });

  it('batch normalisation is refused with running statistics, and works without', () => {
    const norm = new nn.Sequential(new nn.Linear(3, 3), new nn.BatchNorm1d(3));
    const run = vmap((t: Tensor) => norm.forward(t) as Tensor);
    const samples = line([4, 5, 3]).float();
    expect(refusalOf(() => run(samples)).message).match(/running/i);
    func.replaceAllBatchNormModules_(norm);
    expect(run(samples).shape).deep.equal([4, 5, 3]);
    expect(norm.namedBuffers()).deep.equal([]);
  });
});

describe('what a transform refuses', () => {
  const a = line([3, 2]);
  const id = (t: Tensor) => t;
  // Without their types, which refuse most of this.
  interface Loose {
    (...args: unknown[]): unknown;
    [i: number]: (...args: unknown[]) => unknown;
  }
  const { grad, jacrev, jvp, vjp, vmap } = torch.func as unknown as Record<string, (...args: unknown[]) => Loose>;
  const any = <T>(value: unknown) => value as T;
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  type Case = [name: string, call: () => unknown, code: string, message: RegExp];
  const cases: Case[] = [
    ['no function', () => grad!(any(5)), 'ERR_ARGUMENT', /^"func" of grad\(\) must be a function, got 5$/],
    [
      'an async function',
      () => grad!(any(async () => x)),
      'ERR_ASYNC_SCOPE',
      /"func" of grad\(\) must be a synchronous/,
    ],
    ['a promise', () => vmap!(() => any<Tensor>(Promise.resolve(x)))(), 'ERR_ARGUMENT', /at least one argument/],
    [
      'a promise of vmap',
      () => vmap!((_: Tensor) => any<Tensor>(Promise.resolve(1)))(x),
      'ERR_ASYNC_SCOPE',
      /"func" of vmap/,
    ],
    [
      'a result that is not a number',
      () => grad!(id)(x),
      'ERR_SHAPE',
      /without dimensions, got \[3\]; vjp\(\) and jacrev\(\)/,
    ],
    ['a result that is not a tensor', () => grad!(any(() => 5))(x), 'ERR_ARGUMENT', /must return a Tensor, got 5/],
    ['integers', () => grad!((t: Tensor) => t.sum())(torch.tensor([1n])), 'ERR_DTYPE', /floating-point.*got int64/],
    [
      'argnums beyond',
      () => grad!((t: Tensor) => t.sum(), 3)(x),
      'ERR_ARGUMENT',
      /is 3, but there are only 1 arguments/,
    ],
    ['argnums twice', () => grad!((t: Tensor) => t.sum(), [0, -1])(x), 'ERR_ARGUMENT', /must be different arguments/],
    [
      'argnums that are none',
      () => grad!(square, any('x')),
      'ERR_ARGUMENT',
      /"argnums" must be an integer or an array/,
    ],
    ['no argnums', () => grad!(square, any([])), 'ERR_ARGUMENT', /"argnums" must be/],
    ['a wrong option', () => grad!(square, any({ argnum: 1 })), 'ERR_ARGUMENT', /did you mean "argnums"/],
    ['no aux', () => grad!(any(square), any({ hasAux: true }))(x), 'ERR_ARGUMENT', /array \[output, aux\]/],
    ['no output', () => vjp!(() => [], x), 'ERR_ARGUMENT', /at least one Tensor/],
    [
      'cotangents nested otherwise',
      () => vjp!(id, x)[1]!(any([x])),
      'ERR_ARGUMENT',
      /nested as the output is, \*, got \[\*\]/,
    ],
    ['cotangents of another shape', () => vjp!(id, x)[1]!(a), 'ERR_SHAPE', /must have the shape \[3\], got \[3, 2\]/],
    ['cotangents of another dtype', () => vjp!(id, x)[1]!(x.float()), 'ERR_DTYPE', /must have the dtype float64/],
    [
      'tangents nested otherwise',
      () => jvp!(id, [x], any([])),
      'ERR_ARGUMENT',
      /nested as the arguments are, \[\*\], got \[\]/,
    ],
    ['tangents of another shape', () => jvp!(id, [x], [a]), 'ERR_SHAPE', /must have the shape/],
    ['primals that are no array', () => jvp!(id, any(x), [x]), 'ERR_ARGUMENT', /"primals" must be an array/],
    ['no primals', () => jvp!(() => x, [], []), 'ERR_ARGUMENT', /at least one Tensor/],
    ['independence where strict', () => jvp!(() => x, [x], [x], { strict: true }), 'ERR_AUTOGRAD', /does not depend/],
    [
      'complex arguments',
      () => jacrev!((t: Tensor) => t.abs())(x.to({ dtype: torch.complex128 })),
      'ERR_DTYPE',
      /must be real/,
    ],
    [
      'a chunk of none',
      () => jacrev!(id, { chunkSize: 0 }),
      'ERR_ARGUMENT',
      /"chunkSize" must be an integer >= 1 or null/,
    ],
    ['a dimension beyond', () => vmap!(id, 2)(a), 'ERR_INDEX', /is 2 for a Tensor with 2 dimensions/],
    ['a dimension that is none', () => vmap!(id, any('x'))(a), 'ERR_ARGUMENT', /"inDims" must be an integer or null/],
    ['nothing to map over', () => vmap!(id, { inDims: null })(a), 'ERR_ARGUMENT', /at least one Tensor to map over/],
    ['no tensor', () => vmap!(any(id))(any(5)), 'ERR_ARGUMENT', /maps over Tensors only, got 5/],
    [
      'other numbers of samples',
      () => vmap!((s: Tensor, _: Tensor) => s)(a, x.narrow(0, 0, 2)),
      'ERR_SHAPE',
      /got 3 and 2/,
    ],
    [
      'inDims nested otherwise',
      () => vmap!(id, [0, 0])(a),
      'ERR_ARGUMENT',
      /nested as the arguments are, \[\*\], got \[\*, \*\]/,
    ],
    ['outDims nested otherwise', () => vmap!(id, { outDims: [0, 0] })(a), 'ERR_ARGUMENT', /nested as the results are/],
    ['outDims beyond', () => vmap!(id, { outDims: 2 })(a), 'ERR_INDEX', /is 2 for a result with 2 dimensions/],
    ['a batch as one value', () => vmap!(id, { outDims: null })(a), 'ERR_ARGUMENT', /differs between samples/],
    [
      'a result of vmap that is not a tensor',
      () => vmap!(any(() => 1))(a),
      'ERR_ARGUMENT',
      /must return Tensors only, got 1/,
    ],
    ['a randomness', () => vmap!(id, { randomness: any('none') }), 'ERR_ARGUMENT', /"error", "same" or "different"/],
    ['what holds itself', () => vmap!(any(id))(any(cyclic)), 'ERR_ARGUMENT', /256 deep at most; it may hold itself/],
    ['holes', () => vmap!(any(id))(any(new Array(2 ** 32 - 1))), 'ERR_ARGUMENT', /without holes/],
    ['disposed tensors', () => grad!(square)(disposed()), 'ERR_DISPOSED', /disposed/],
    ['writing to what is captured', () => vmap!((t: Tensor) => line([3]).add_(t))(line([4, 3])), 'ERR_STATE', /vmap/],
    ...Object.entries({
      set_: (t: Tensor) => t.set_(line([4])),
      'set_ to what is mapped over': (t: Tensor) => t.set_(t.mul(2)),
      'set_ to nothing': (t: Tensor) => t.set_(),
      resize_: (t: Tensor) => t.resize_([7]),
      'resize_ to less': (t: Tensor) => t.resize_([1]),
      resizeAs_: (t: Tensor) => t.resizeAs_(torch.zeros([4])),
      asStrided_: (t: Tensor) => t.asStrided_([1], [1]),
    }).map(
      ([name, rebind]): Case => [
        `other memory by ${name} for a batch`,
        () => vmap!((t: Tensor) => rebind(t.mul(1)))(line([3, 2])),
        'ERR_STATE',
        /cannot give a tensor that vmap\(\) maps over other memory/,
      ],
    ),
    [
      'a batch that begins a graph',
      () => vmap!((t: Tensor) => t.requiresGrad_())(a),
      'ERR_AUTOGRAD',
      /cannot begin a graph/,
    ],
  ];
  const disposed = () => {
    const t = line([3]);
    t.dispose();
    return t;
  };
  for (const [name, call, code, message] of cases) {
    it(name, () => {
      const error = refusalOf(call);
      expect(error.message).match(message);
      expect(error.code).equal(code);
    });
  }

  it('but other sizes of a batch, and other memory of what it shares, are none', () => {
    const flat = vmap!((t: Tensor) => t.mul(1).resize_([4]))(line([3, 2, 2]));
    expect((flat as Tensor).tolist()).deep.equal(line([3, 4]).tolist());
    const shared = vmap!((t: Tensor) =>
      line([1])
        .set_(line([2]))
        .add(t),
    )(line([3, 2]));
    expect((shared as Tensor).tolist()).deep.equal(
      line([3, 2])
        .add(line([2]))
        .tolist(),
    );
  });

  it('more than 48 transforms in each other', () => {
    let f: (t: Tensor) => unknown = (t) => t.sum();
    for (let i = 0; i < 49; i++) f = vmap!(f);
    expect(refusalOf(() => f(torch.zeros(new Array<number>(49).fill(1)))).message).match(/48 deep at most/);
  });

  it('patterns of rearrange', () => {
    const { rearrange } = func;
    const t = line([2, 4, 3]);
    const patterns: [string, RegExp, Record<string, number>?][] = [
      ['a b c', /-> between/],
      ['a b c -> a b', /same axes on both sides, but c/],
      ['a b -> b a', /with 2 dimensions, got \[2, 4, 3\]/],
      ['a a b -> a b', /a twice/],
      ['a (b d c -> a b c d', /not closed/],
      ['a b) c -> a b c', /not opened/],
      ['a ((b)) c -> a b c', /nest/],
      ['a (b d) c -> a b c d', /sizes of b and d open/],
      ['a (b d) c -> a b c d', /does not fit a dimension of size 4/, { d: 3 }],
      ['a b c -> a b c', /"axesLengths" must be an object of sizes/, { z: 3 }],
      ['a 2 c -> a c', /the number 2/],
      ['a * c -> a c', /cannot have "\*"/],
      ['a (... c) -> a c ...', /on the left/],
    ];
    for (const [pattern, message, lengths] of patterns) {
      expect(refusalOf(() => rearrange(t, pattern, lengths)).message, pattern).match(message);
    }
    expect(refusalOf(() => rearrange(t, any(5))).message).match(/"pattern" must be a string/);
    expect(rearrange([x, x], 'a b -> b a').shape).deep.equal([3, 2]);
  });

  it('states of modules that do not belong together', () => {
    const { functionalCall, stackModuleState } = func;
    const make = () => new nn.Linear(3, 2);
    const message = (models: unknown) => refusalOf(() => stackModuleState(any(models))).message;
    expect(message([])).match(/at least one Module/);
    expect(message(5)).match(/an array of Modules/);
    expect(message([make(), 5])).match(/models\[1\]/);
    expect(message([make(), new nn.ReLU()])).match(/one class/);
    expect(message([make(), make().eval()])).match(/training mode/);
    expect(message([make(), make().requiresGrad_(false)])).match(/require gradients in all/);
    const w = make().weight.detach();
    expect(refusalOf(() => functionalCall(make(), [{ weight: w }, { weight: w }], x)).message).match(/"weight" twice/);
    expect(refusalOf(() => functionalCall(make(), any([5]), x)).message).match(/state\[0\]/);
  });
});
