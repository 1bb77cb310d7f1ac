import { expect } from 'chai';
import torch, { clip, optim, type Tensor } from '../../../lib/index.js';
import { type Bytes, decode, golden, refusalOf } from '../../support.js';

interface Golden {
  sparse: Record<string, { options: object; weights: Bytes[]; state: Record<string, Bytes | number> }>;
  lbfgs: Record<
    string,
    {
      options: object;
      points: [Bytes, Bytes][];
      losses: number[];
      calls: number;
      evaluations: number;
      iterations: number;
    }
  >;
}
const { sparse, lbfgs } = golden<Golden>('optim-own');
const { float64 } = torch;

function expectNear(got: Tensor, want: Bytes, what: string, tolerance = 1e-12): void {
  const b = decode(want).to({ dtype: float64 });
  expect(got.shape, what).deep.equal(b.shape);
  const off = got.detach().to({ dtype: float64 }).sub(b).abs().max().item();
  expect(off, what).most(tolerance * Math.max(1, b.abs().max().item()));
}

// As scripts/golden/optim_own.py.
const rows = (t: number) => torch.tensor([t % 5, (2 * t + 1) % 5, t % 5].map(BigInt));
const table = () => torch.linspace(-1, 1, 15, { dtype: float64 }).reshape([5, 3]).requiresGrad_();
function backward(weight: Tensor, t: number, asSparse = true): void {
  weight.grad = null;
  torch
    .embedding(weight, rows(t), { sparse: asSparse })
    .pow(2)
    .sum()
    .mul((t + 1) / 4)
    .backward();
}
type Class = new (params: Tensor[], options: object) => optim.Optimizer;
const classOf = (name: string) => (optim as unknown as Record<string, Class>)[name.split(',')[0]!]!;

describe('optim: sparse gradients', () => {
  for (const [name, want] of Object.entries(sparse)) {
    it(`follow PyTorch's: ${name}`, () => {
      const weight = table();
      const optimizer = new (classOf(name))([weight], want.options);
      for (const [t, expected] of want.weights.entries()) {
        backward(weight, t);
        expect(weight.grad!.layout).equal(torch.sparseCoo);
        optimizer.step();
        expectNear(weight, expected, `step ${t}`);
        expect(weight.grad!.layout).equal(torch.sparseCoo);
      }
      const state = optimizer.stateDict().state[0] ?? {};
      for (const [key, value] of Object.entries(want.state)) {
        if (typeof value === 'number') expect(state[key], key).equal(value);
        else expectNear(state[key] as Tensor, value, key);
      }
    });
  }

  for (const name of ['SGD', 'Adagrad']) {
    it(`are clipped as dense ones, and written back where asked: ${name}`, () => {
      for (const writeBack of [false, true]) {
        const [a, b] = [table(), table()];
        const options = { lr: 0.25, clip: clip.norm(0.5), writeBack };
        const [first, second] = [new (classOf(name))([a], options), new (classOf(name))([b], options)] as const;
        for (let t = 0; t < 3; t++) {
          backward(a, t);
          backward(b, t, false);
          first.step();
          second.step();
        }
        expect(a.equal(b)).equal(true);
        expect(a.grad!.layout).equal(writeBack ? torch.strided : torch.sparseCoo);
      }
    });
  }

  it('are taken by SparseAdam alone, which refuses dense ones and changes nothing', () => {
    const [weight, other] = [table(), table()];
    const optimizer = new optim.SparseAdam([weight, other]);
    backward(weight, 0);
    backward(other, 0, false);
    const error = refusalOf(() => optimizer.step());
    expect(error.message).match(/SparseAdam does not support dense gradients/);
    expect(weight.equal(table())).equal(true);
    expect(optimizer.stateDict().state).deep.equal({});
    expect(refusalOf(() => new optim.SparseAdam([weight], { clip: clip.norm(1) } as never)).message).match(
      /SparseAdam has no option "clip": it takes its steps itself/,
    );
    for (const options of [null, -2, 'lr', Symbol('lr'), [0.1]]) {
      for (const Own of [optim.SparseAdam, optim.LBFGS]) {
        const { message } = refusalOf(() => new Own([weight], options as never));
        expect(message).match(/options" of (SparseAdam|LBFGS) must be a plain object/);
      }
    }
    expect(refusalOf(() => new optim.SparseAdam([weight], { lr: 0 })).message).match(/Invalid learning rate: 0/);
  });

  it('SparseAdam goes on from its state dict', () => {
    const [a, b] = [table(), table()];
    const first = new optim.SparseAdam([a]);
    for (let t = 0; t < 3; t++) {
      backward(a, t);
      first.step();
    }
    torch.noGrad(() => b.copy_(a));
    const second = new optim.SparseAdam([b]);
    second.loadStateDict(first.stateDict());
    for (let t = 3; t < 6; t++) {
      for (const [param, optimizer] of [
        [a, first],
        [b, second],
      ] as const) {
        backward(param, t);
        optimizer.step();
      }
    }
    expect(a.equal(b)).equal(true);
  });
});

/** Rosenbrock's function and a third variable, as in the script. */
function start(dtype = float64) {
  const x = torch.tensor([-1.5, 2], { dtype, requiresGrad: true });
  const y = torch.tensor([[0.5]], { dtype, requiresGrad: true });
  let calls = 0;
  const loss = () => {
    calls++;
    x.grad = null;
    y.grad = null;
    const [a, b] = [x.select(0, 0), x.select(0, 1)];
    const valley = b.sub(a.pow(2)).pow(2).mul(100);
    const value = a.neg().add(1).pow(2).add(valley).add(y.sub(a).pow(2).sum());
    value.backward();
    return value;
  };
  return { params: [x, y] as [Tensor, Tensor], loss, calls: () => calls };
}

describe('optim.LBFGS', () => {
  for (const [name, want] of Object.entries(lbfgs)) {
    it(`is PyTorch's: ${name}`, () => {
      const { params, loss, calls } = start();
      const optimizer = new optim.LBFGS(params, want.options);
      for (const [t, [x, y]] of want.points.entries()) {
        const value = optimizer.step(loss).item();
        expect(value, `loss ${t}`).closeTo(want.losses[t]!, 1e-7 * Math.max(1, Math.abs(want.losses[t]!)));
        expectNear(params[0], x, `x ${t}`, 1e-7);
        expectNear(params[1], y, `y ${t}`, 1e-7);
      }
      expect(calls()).equal(want.calls);
      const state = optimizer.stateDict().state[0]!;
      expect([state.func_evals, state.n_iter]).deep.equal([want.evaluations, want.iterations]);
    });
  }

  it('goes on from its state dict, bit for bit', () => {
    for (const lineSearchFn of ['strong_wolfe', null] as const) {
      const [one, two] = [start(), start()];
      const options = { lineSearchFn, maxIter: 3, lr: lineSearchFn ? 1 : 0.03125 };
      const first = new optim.LBFGS(one.params, options);
      for (let t = 0; t < 3; t++) first.step(one.loss);
      torch.noGrad(() => {
        for (const [i, p] of two.params.entries()) p.copy_(one.params[i]!);
      });
      const second = new optim.LBFGS(two.params, options);
      second.loadStateDict(first.stateDict());
      for (let t = 0; t < 3; t++) {
        first.step(one.loss);
        second.step(two.loss);
      }
      for (const [i, p] of one.params.entries()) expect(p.equal(two.params[i]!)).equal(true);
    }
  });

  it('finds a minimum in float32, within a scope too, and leaves parameters without a gradient', () => {
    const { params, loss } = start(torch.float32);
    const still = torch.ones([2], { requiresGrad: true });
    const optimizer = new optim.LBFGS([...params, still], { lineSearchFn: 'strong_wolfe' });
    for (let t = 0; t < 4; t++) torch.scope(() => optimizer.step(loss));
    expect(loss().item()).below(1e-6);
    expect(still.tolist()).deep.equal([1, 1]);
  });

  it('passes on the error of the closure, and refuses what is not a loss', () => {
    const { params } = start();
    const optimizer = new optim.LBFGS(params);
    expect(() =>
      optimizer.step(() => {
        throw new RangeError('mine');
      }),
    ).throw(RangeError, 'mine');
    expect(refusalOf(() => optimizer.step(() => 'x')).message).match(/the result of closure" must be the loss/);
    expect(refusalOf(() => optimizer.step()).message).match(/"closure" must be a function/);
  });

  const wrong: [string, () => unknown, RegExp][] = [
    [
      'two groups',
      () => new optim.LBFGS([{ params: [table()] }, { params: [table()] }]),
      /LBFGS takes one parameter group, got 2/,
    ],
    ['no iterations', () => new optim.LBFGS([table()], { maxIter: 0 }), /"maxIter" must be an integer >= 1, got 0/],
    [
      'another search',
      () => new optim.LBFGS([table()], { lineSearchFn: 'x' as never }),
      /must be "strong_wolfe" or null/,
    ],
    ['a clipper', () => new optim.LBFGS([table()], { clip: clip.norm(1) } as never), /LBFGS has no option "clip"/],
    ['a negative rate', () => new optim.LBFGS([table()], { lr: -1 }), /Invalid learning rate: -1/],
  ];
  for (const [name, make, message] of wrong) {
    it(`refuses ${name}`, () => expect(refusalOf(make).message).match(message));
  }
});
