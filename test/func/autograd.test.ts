// What else autograd has, inside of transforms.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { line } from './functions.js';
import { expectOutside } from './support.js';

const { func, vmap } = torch;
const { grad, jacrev, jvp } = func;
const f64 = { dtype: torch.float64 };
const x = line([3]);
const square = (t: Tensor) => t.square().sum();

afterEach(expectOutside);

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
