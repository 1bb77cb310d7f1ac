import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { type Bytes, decode, golden, refusalOf } from '../support.js';
import { expectNear, leaf, type Nest } from './support.js';

const { functional, forwardAd, gradgradcheck } = torch.autograd;
const { inputs, functional: cases } = golden<{
  inputs: Bytes[];
  functional: Record<string, Record<string, Nest<Bytes>>>;
}>('autograd');

// As scripts/golden/autograd.py.
const functions: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
  vector: (x, y) => x.sin().mul(y.sum()).add(x.pow(3)),
  scalar: (x, y) => x.exp().mul(y.prod()).sum().add(y.pow(3).sum()),
  matrix: (x, y) => x.outer(y).tanh(),
  unused: (x, _) => x.pow(2),
};
const line = (shape: number[]) =>
  torch
    .linspace(
      -1,
      1,
      shape.reduce((a, b) => a * b, 1),
      { dtype: torch.float64 },
    )
    .reshape(shape);

describe('autograd.functional', () => {
  const xs = inputs.map(decode);
  const vs = xs.map((x) => line(x.shape));
  for (const [name, want] of Object.entries(cases)) {
    const f = functions[name]! as (...inputs: Tensor[]) => Tensor;
    it(`jacobian of ${name}, both strategies`, () => {
      for (const strategy of ['reverse-mode', 'forward-mode'] as const) {
        expectNear(functional.jacobian(f, xs, { strategy }), want.jacobian!, strategy);
      }
    });
    it(`vjp and jvp of ${name}`, () => {
      expectNear(functional.vjp(f, xs, line(f(...xs).shape)), want.vjp!, 'vjp');
      expectNear(functional.jvp(f, xs, vs), want.jvp!, 'jvp');
    });
    it(`forward mode of ${name}`, () => {
      const { dualLevel, makeDual, unpackDual } = forwardAd;
      const dual = dualLevel(() => unpackDual(f(...xs.map((x, i) => makeDual(x, vs[i]!)))).tangent!);
      expectNear(dual, want.forward!, 'tangent');
    });
    if (want.hessian === undefined) continue;
    it(`hessian, vhp and hvp of ${name}`, () => {
      for (const outerJacobianStrategy of ['reverse-mode', 'forward-mode'] as const) {
        expectNear(functional.hessian(f, xs, { outerJacobianStrategy }), want.hessian!, outerJacobianStrategy);
      }
      expectNear(functional.vhp(f, xs, vs), want.vhp!, 'vhp');
      expectNear(functional.hvp(f, xs, vs), want.hvp!, 'hvp');
    });
  }

  it('a single input and output come without arrays', () => {
    const x = torch.tensor([1, 2], { dtype: torch.float64 });
    const square = (t: Tensor) => t.pow(2);
    expect(functional.jacobian(square, x).tolist()).deep.equal([
      [2, 0],
      [0, 4],
    ]);
    const two = functional.jacobian((t) => [t.sum(), t.mul(3)], x);
    expect(two.map((t) => t.shape)).deep.equal([[2], [2, 2]]);
    expect(functional.hessian((t) => t.pow(3).sum(), x).tolist()).deep.equal([
      [6, 0],
      [0, 12],
    ]);
    const [value, product] = functional.vjp((t) => t.sum(), x);
    expect([value.item(), product.tolist(), product.requiresGrad]).deep.equal([3, [1, 1], false]);
    expect(functional.jacobian((t) => t.mul(2), torch.zeros([0])).shape).deep.equal([0, 0]);
  });

  it('is differentiable itself with createGraph', () => {
    const x = leaf([1, 2]);
    const jacobian = functional.jacobian((t) => t.pow(3), x, { createGraph: true });
    jacobian.sum().backward();
    expect(x.grad!.tolist()).deep.equal([6, 12]);
    const w = leaf([3]);
    const [, vhp] = functional.vhp((t) => t.pow(3).mul(w).sum(), x, torch.onesLike(x), { createGraph: true });
    expect(torch.autograd.grad(vhp.sum(), w)[0]!.tolist()).deep.equal([18]);
  });

  const strictly: [string, (f: (t: Tensor) => Tensor, x: Tensor) => unknown][] = [
    ['jacobian', (f, x) => functional.jacobian(f, x, { strict: true })],
    ['hessian', (f, x) => functional.hessian((t) => f(t).sum(), x, { strict: true })],
    ['vjp', (f, x) => functional.vjp((t) => f(t).sum(), x, null, { strict: true })],
    ['jvp', (f, x) => functional.jvp(f, x, torch.onesLike(x), { strict: true })],
    ['vhp', (f, x) => functional.vhp((t) => f(t).sum(), x, torch.onesLike(x), { strict: true })],
    ['hvp', (f, x) => functional.hvp((t) => f(t).sum(), x, torch.onesLike(x), { strict: true })],
  ];
  for (const [name, call] of strictly) {
    it(`${name}: strict refuses a constant`, () => {
      const error = refusalOf(() => call(() => torch.ones([2]), torch.ones([2])));
      expect(error).property('code', 'ERR_AUTOGRAD');
      expect(error.message).match(/does not depend on/);
    });
  }

  const refused: [string, () => unknown, RegExp][] = [
    ['inputs that are not tensors', () => functional.jacobian((t) => t, 5 as never), /"inputs" must be a Tensor/],
    ['a result that is not a tensor', () => functional.jacobian(() => 5 as never, torch.ones([1])), /result of func/],
    [
      'no function',
      () => functional.jacobian(5 as never, torch.ones([1])),
      /"func" must be a synchronous function, got 5/,
    ],
    ['a hessian of many', () => functional.hessian((t) => t, torch.ones([2])), /one Tensor of one element/],
    [
      'v of another shape',
      () => functional.jvp((t) => t, torch.ones([2]), torch.ones([3])),
      /shape \[2\] at 0, got \[3\]/,
    ],
    ['no v', () => functional.vjp((t) => t, torch.ones([2])), /"v" must be given/],
    [
      'another strategy',
      () => functional.jacobian((t) => t, torch.ones([1]), { strategy: 'x' as never }),
      /"strategy" must be "reverse-mode" or "forward-mode"/,
    ],
  ];
  for (const [name, call, message] of refused) {
    it(`refuses ${name}`, () => expect(refusalOf(call).message).match(message));
  }
});

describe('autograd.forwardAd', () => {
  const x = torch.tensor([1, 2], { dtype: torch.float64 });
  it('levels do not nest, and end when body throws', () => {
    const { dualLevel, enterDualLevel, exitDualLevel, makeDual, unpackDual } = forwardAd;
    expect(refusalOf(() => dualLevel(() => dualLevel(() => 1))).message).match(/levels cannot be nested/);
    expect(() =>
      dualLevel(() => {
        throw new Error('mine');
      }),
    ).throw('mine');
    expect(refusalOf(() => makeDual(x, x)).message).match(/inside of forwardAd.dualLevel/);
    expect(refusalOf(() => exitDualLevel()).message).match(/is not open/);
    const level = enterDualLevel();
    const dual = makeDual(x, x.mul(3));
    expect(unpackDual(dual.mul(dual)).tangent!.tolist()).deep.equal([6, 24]);
    expect(unpackDual(x).tangent).equal(null);
    exitDualLevel({ level });
    expect(unpackDual(dual).tangent).equal(null);
  });

  it('refuses tangents that do not fit', () => {
    const { dualLevel, makeDual } = forwardAd;
    const integers = torch.tensor([1n]);
    expect(refusalOf(() => dualLevel(() => makeDual(integers, integers)))).property('code', 'ERR_DTYPE');
    expect(() => dualLevel(() => makeDual(x, torch.ones([3], { dtype: torch.float64 })))).throw(torch.TorchClipError);
    expect(refusalOf(() => dualLevel(async () => 1))).property('code', 'ERR_ASYNC_SCOPE');
  });
});

describe('gradgradcheck', () => {
  it('accepts right second derivatives and refuses wrong ones, and draws nothing from the default generator', () => {
    const random = torch.getRngState();
    expect(gradgradcheck((a, b) => a.mul(b).sin(), [leaf([1, 2]), leaf([0.5, 3])])).equal(true);
    expect(torch.getRngState().equal(random)).equal(true);
    class Wrong extends torch.autograd.Function {
      static forward(ctx: torch.autograd.FunctionContext, x: Tensor) {
        ctx.saveForBackward(x);
        return x.pow(3);
      }
      static backward(ctx: torch.autograd.FunctionContext, g: Tensor) {
        // The first derivative is right; its own derivative is not seen.
        return g.mul(ctx.savedTensors[0]!.detach().pow(2).mul(3));
      }
    }
    const wrong = (t: Tensor) => Wrong.apply(t);
    expect(torch.autograd.gradcheck(wrong, [leaf([2])])).equal(true);
    expect(gradgradcheck(wrong, [leaf([2])], { raiseException: false })).equal(false);
    expect(refusalOf(() => gradgradcheck(wrong, [leaf([2])]))).property('code', 'ERR_AUTOGRAD');
  });
});
