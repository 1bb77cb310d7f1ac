// The transforms of torch.func against PyTorch's values: scripts/golden/func.py.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { type Bytes, decode, golden } from '../support.js';
import { decodeAll, functions, line, type Nested, scalarOf } from './functions.js';
import { depth, expectNested } from './support.js';

const { grad, gradAndValue, hessian, jacfwd, jacrev, jvp, linearize, rearrange, stackModuleState, vjp, vmap } =
  torch.func;
const { functionalCall } = torch.func;
const { functional: F } = nn;
const f64 = { dtype: torch.float64 };

type F1 = (x: Tensor) => Tensor;
const stack = (tensors: Tensor[], dim = 0) => torch.stack(tensors, dim);

const transforms: Record<string, (f: F1, x: Tensor) => unknown> = {
  grad: (f, x) => grad(scalarOf(f))(x),
  gradAndValue: (f, x) => gradAndValue(scalarOf(f))(x),
  vjp: (f, x) => {
    const [y, pull] = vjp(f, x);
    return [y, pull(line(y.shape))[0]];
  },
  jvp: (f, x) => jvp(f, [x], [line(x.shape)]),
  linearize: (f, x) => {
    const [y, push] = linearize(f, x);
    return [y, push(line(x.shape))];
  },
  jacrev: (f, x) => jacrev(f)(x),
  'jacrev in chunks': (f, x) => [jacrev(f, { chunkSize: 1 })(x), jacrev(f, { chunkSize: 3 })(x)],
  jacfwd: (f, x) => jacfwd(f)(x),
  hessian: (f, x) => hessian(scalarOf(f))(x),
  'jacrev of jacfwd': (f, x) => jacrev(jacfwd(scalarOf(f)))(x),
  'jacrev of jacrev': (f, x) => jacrev(jacrev(f))(x),
  'grad of grad': (f, x) => grad((y: Tensor) => grad(scalarOf(f))(y).sin().sum())(x),
  'jvp of grad': (f, x) => jvp(grad(scalarOf(f)), [x], [line(x.shape)]),
  vmap: (f, x) => vmap(f)(stack([x, x.cos(), x.mul(2)])),
  'vmap of dimension 1 to the last': (f, x) => vmap(f, 1, { outDims: -1 })(stack([x, x.cos()], 1)),
  'vmap in chunks': (f, x) => vmap(f, { chunkSize: 2 })(stack([x, x.cos(), x.mul(2)])),
  'vmap of vmap': (f, x) => vmap(vmap(f), 1)(stack([x, x.cos(), x.mul(2), x.tan()]).unflatten(0, [2, 2])),
  'vmap of grad': (f, x) => vmap(grad(scalarOf(f)))(stack([x, x.cos(), x.mul(2)])),
  'grad of vmap': (f, x) => grad((y: Tensor) => vmap(f)(y).sin().sum())(stack([x, x.cos()])),
  'vmap of jvp': (f, x) => vmap((t: Tensor) => jvp(f, [x], [t])[1])(stack([x, x.cos()])),
  'vmap of jacfwd': (f, x) => vmap(jacfwd(f))(stack([x, x.cos()])),
};

describe('torch.func gives what PyTorch does', () => {
  afterEach(() => expect(depth()).equal(0));

  const all = Object.entries(golden<Record<string, Nested>>('func/transforms'));
  it('has cases of every transform', () => {
    expect(all).length.above(600);
    expect([...new Set(all.map(([name]) => name.split(':')[0]))]).members(Object.keys(transforms));
  });
  for (const transform of Object.keys(transforms)) {
    it(transform, () => {
      for (const [name, want] of all) {
        if (!name.startsWith(`${transform}: `)) continue;
        const [, f, shape] = /: (.*) of (\[.*\])$/.exec(name)!;
        const x = line(JSON.parse(shape!) as number[]);
        expectNested(transforms[transform]!(functions[f!]!, x), want, name, 1e-11);
      }
    });
  }

  const a = line([3, 2]);
  const b = line([2], 0.5, 2);
  const p = line([2]);
  const w = { w: line([2, 2]), b: line([2], 0, 1) };
  const f = (q: typeof w, x: Tensor) => q.w.matmul(x).tanh().add(q.b.sum());
  const g = (x: Tensor, y: Tensor) => ({ s: x.mul(y).sum(), l: [x.sin().mul(y), y.pow(2)] as [Tensor, Tensor] });
  const both = (x: Tensor, y: Tensor) => x.mul(y).sum().sin();
  const sinCos = (x: Tensor) => [x.sin(), x.cos()] as const;
  const stacked = { w: stack([w.w, w.w.cos(), w.w.mul(2)]), b: stack([w.b, w.b, w.b], 1) };

  const nested: Record<string, () => unknown> = {
    'grad by both': () => grad(both, [0, 1])(a, b),
    'grad by the last': () => grad(both, -1)(a, b),
    'grad by a record': () => grad((q: typeof w, x: Tensor) => f(q, x).sum())(w, p),
    'grad with aux': () => grad((x: Tensor) => [x.sin().sum(), x.cos()] as const, { hasAux: true })(b),
    'gradAndValue with aux': () =>
      gradAndValue((x: Tensor) => [x.sin().sum(), [x.cos(), x.sum()]] as const, { hasAux: true })(b),
    'vjp of records': () => {
      const [out, pull] = vjp(g, p, b);
      return [out, pull({ s: torch.tensor(2, f64), l: [b, b.sin()] })];
    },
    'vjp with aux': () => {
      const [out, pull, aux] = vjp(sinCos, b, { hasAux: true });
      return [out, pull(b), aux];
    },
    'jvp of records': () => jvp(g, [p, b], [b, p]),
    'jvp with aux': () => jvp(sinCos, [b], [p], { hasAux: true }),
    'linearize of two': () => {
      const [out, push] = linearize((x: Tensor, y: Tensor) => x.mul(y.sin()), p, b);
      return [out, push(b, p)];
    },
    'jacrev of records': () => jacrev(g, [0, 1])(p, b),
    'jacfwd of records': () => jacfwd(g, [0, 1])(p, b),
    'jacrev by a record': () => jacrev(f)(w, p),
    'jacfwd by a record': () => jacfwd(f)(w, p),
    'jacrev with aux': () => jacrev(sinCos, { hasAux: true })(b),
    'jacfwd with aux': () => jacfwd(sinCos, { hasAux: true })(b),
    'hessian by both': () => hessian(both, [0, 1])(p, b),
    'jacrev of many in chunks': () => jacrev(g, [0, 1], { chunkSize: 2 })(p, b),
    'vmap with a shared argument': () => vmap((x: Tensor, y: Tensor) => x.mul(y), [0, null])(a, b),
    'vmap of shared records': () => vmap(f, [null, 0])(w, a),
    'vmap of records': () => vmap(f, [{ w: 0, b: 1 }, 0])(stacked, a),
    'vmap to records': () =>
      vmap((x: Tensor) => ({ s: x.sum(), l: [x, x.mul(2)] }), { outDims: { s: 0, l: [1, 0] } })(a),
    'vmap to a tuple': () => vmap((x: Tensor) => [x.sum(), x], { outDims: [0, 1] })(a),
    'vmap to what is shared': () => vmap((x: Tensor) => [x, b], { outDims: [0, null] })(a),
    'vmap of an unbatched result': () => vmap((_: Tensor) => b.mul(2))(a),
    'vmap over no samples': () => vmap((x: Tensor) => x.sum())(torch.zeros([0, 3], f64)),
    'vmap over a negative dimension': () => vmap((x: Tensor) => x.cumsum(0), -1, { outDims: 1 })(a),
    'vmap of matrices': () => vmap((x: Tensor, y: Tensor) => x.matmul(y), [null, 0])(line([4, 3]), line([5, 3, 2])),
    'vmap of vmap of outer': () =>
      vmap(
        vmap((x: Tensor, y: Tensor) => torch.outer(x, y), [null, 0]),
        [0, null],
      )(line([2, 3]), line([4, 2])),
    'vmap of indexing': () =>
      vmap((x: Tensor, i: Tensor) => x.index([i]).mul(x.gather(0, i)))(
        line([3, 4]),
        torch.tensor([
          [0n, 3n],
          [1n, 1n],
          [2n, 0n],
        ]),
      ),
    'vmap of solve': () =>
      vmap((m: Tensor, y: Tensor) => torch.linalg.solve(m, y), [0, null])(
        line([3, 2, 2]).add(torch.eye(2, f64).mul(3)),
        b,
      ),
    'vmap of conv2d': () =>
      vmap((x: Tensor, k: Tensor) => F.conv2d(x, k))(line([2, 1, 2, 4, 4]), line([2, 3, 2, 3, 3])),
    'vmap of addr': () =>
      vmap((m: Tensor, x: Tensor, y: Tensor) => torch.addr(m, x, y), [0, 0, null])(line([3, 2, 2]), a, b),
    'vmap of a histogram': () => vmap((x: Tensor) => torch.histc(x, 3, -1, 1))(line([4, 5])),
  };
  const nestedWant = golden<Record<string, Nested>>('func/nested');
  it('has every case in containers', () => expect(Object.keys(nested)).members(Object.keys(nestedWant)));
  for (const [name, run] of Object.entries(nested)) {
    it(name, () => expectNested(run(), nestedWant[name]!, name));
  }
});

describe('losses under vmap and in forward over reverse', () => {
  type Loss = (x: Tensor, y: Tensor, options: Record<string, unknown>) => Tensor;
  interface Case {
    input: Bytes;
    target: Bytes;
    options: Record<string, unknown>;
    mean: Nested;
    sum: Nested;
    none: Nested;
    reverse: Nested;
    hessian: Nested | null;
  }
  for (const [name, want] of Object.entries(golden<Record<string, Case>>('func/losses'))) {
    const loss = (F as unknown as Record<string, Loss>)[name.split(' ')[0]!]!;
    const [x, y] = [decode(want.input), decode(want.target)];
    const options = Object.fromEntries(
      Object.entries(want.options).map(([key, value]) => [
        key,
        typeof value === 'object' ? decode(value as Bytes) : value,
      ]),
    );
    for (const reduction of ['mean', 'sum', 'none'] as const) {
      it(`${name}, ${reduction}`, () => {
        const one = (s: Tensor, t: Tensor) =>
          loss(s, t, { reduction, ...options })
            .sum()
            .sin();
        expectNested(vmap(gradAndValue(one))(x, y), want[reduction], name);
      });
    }
    it(`second derivatives of ${name}`, () => {
      const one = (s: Tensor) => loss(s, y.select(0, 0), options).sin();
      expectNested(jacrev(jacrev(one))(x.select(0, 0)), want.reverse, `${name}, reverse over reverse`);
      if (want.hessian !== null)
        expectNested(hessian(one)(x.select(0, 0)), want.hessian, `${name}, forward over reverse`);
    });
  }

  const x = line([3, 4]);
  const [w, b] = [line([4], 0.5, 2), line([4])];
  const done = (t: Tensor) => t.mul(x).sum().sin();
  const cases: Record<string, () => Tensor> = {
    trace: () => hessian((t: Tensor) => t.matmul(t.t()).trace().sin())(x),
    logSigmoid: () => hessian((t: Tensor) => F.logsigmoid(t).sum().sin())(x.select(0, 0)),
    layerNorm: () => hessian((t: Tensor) => done(F.layerNorm(t, [4], { weight: w, bias: b })))(x),
    'layerNorm by its weight': () => hessian((v: Tensor) => done(F.layerNorm(x, [4], { weight: v, bias: b })))(w),
    'layerNorm of all dimensions': () => hessian((t: Tensor) => done(F.layerNorm(t, [3, 4])))(x),
    'batchNorm in training': () =>
      hessian((t: Tensor) => done(F.batchNorm(t, null, null, { weight: w, bias: b, training: true })))(x),
    'batchNorm in evaluation': () => hessian((t: Tensor) => done(F.batchNorm(t, b, w, { weight: w, bias: b })))(x),
    softmax: () => hessian((t: Tensor) => done(F.softmax(t, 1)))(x),
    logSoftmax: () => hessian((t: Tensor) => done(F.logSoftmax(t, 0)))(x),
    attention: () => hessian((t: Tensor) => done(F.softmax(t.matmul(t.t()).div(2), -1).matmul(t)))(x),
  };
  const want = golden<Record<string, Nested>>('func/forward-over-reverse');
  it('has every decomposition', () => expect(Object.keys(cases)).members(Object.keys(want)));
  for (const [name, run] of Object.entries(cases)) it(`hessian: ${name}`, () => expectNested(run(), want[name]!, name));
});

describe('random numbers under vmap', () => {
  const { input, ...want } = golden<Record<string, Bytes>>('func/random');
  const x = decode(input!);
  const dropout = (t: Tensor) => F.dropout(t, { p: 0.5 });
  const random: Record<string, (x: Tensor) => Tensor> = {
    rand: (t) => t.add(torch.rand([3], f64)),
    randn: (t) => t.mul(torch.randn([2, 3])),
    randLike: (t) => t.add(torch.randLike(t)),
    randint: (t) => t.add(torch.randint(0, 100, [3])),
    dropout,
    bernoulli: (t) => torch.bernoulli(t.sigmoid()),
    'normal in place': (t) => torch.zerosLike(t).normal_().add(t),
    'uniform in place': (t) => torch.emptyLike(t).uniform_(-1, 1).add(t),
    multinomial: (t) => torch.multinomial(t.sigmoid(), 2),
    twice: (t) =>
      torch
        .rand([2])
        .add(torch.rand([2]))
        .add(t.sum()),
  };
  for (const [name, bytes] of Object.entries(want)) {
    it(`draws the same: ${name}`, () => {
      const [, mode, what] = /^(\w+): (.*)$/.exec(name)! as unknown as [string, 'same' | 'different', string];
      const randomness = { randomness: mode };
      const special: Record<string, () => Tensor> = {
        'dropout in chunks': () => vmap(dropout, { ...randomness, chunkSize: 3 })(x),
        'dropout, nested': () => vmap(vmap(dropout, randomness), 0, randomness)(stack([x, x])),
        'grad of dropout': () =>
          vmap(
            grad((t: Tensor) => dropout(t).sin().sum()),
            randomness,
          )(x),
        'jacfwd of dropout': () => jacfwd((t: Tensor) => dropout(t).sin(), { randomness: 'same' })(x.select(0, 0)),
      };
      torch.manualSeed(11);
      const got = special[what]?.() ?? vmap(random[what]!, randomness)(x);
      expectNested(got, bytes, name, 1e-6);
    });
  }
});

describe('networks as functions of their weights', () => {
  const { ensemble, ...want } =
    golden<Record<string, { state: Nested; input: Bytes; target: Bytes; perSample: Nested }>>('func/networks');
  const models: Record<string, () => nn.Module> = {
    mlp: () => new nn.Sequential(new nn.Linear(4, 5), new nn.Tanh(), new nn.Linear(5, 3)),
    cnn: () =>
      new nn.Sequential(
        new nn.Conv2d(1, 2, 3),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(8, 3),
      ),
    norms: () =>
      new nn.Sequential(
        new nn.Linear(4, 6),
        new nn.LayerNorm(6),
        new nn.GELU(),
        new nn.Unflatten(1, [6, 1]),
        new nn.GroupNorm(2, 6),
        new nn.Flatten(),
        new nn.Linear(6, 3),
      ),
  };
  for (const [name, make] of Object.entries(models)) {
    it(`gradients per sample of ${name}`, () => {
      const { state, input, target, perSample } = want[name]!;
      const model = make().double() as nn.TensorModule;
      const weights = decodeAll(state) as Record<string, Tensor>;
      const one = (p: typeof weights, x: Tensor, y: Tensor) =>
        F.crossEntropy(functionalCall(model, p, x.unsqueeze(0)), y.unsqueeze(0));
      expectNested(vmap(gradAndValue(one), [null, 0, 0])(weights, decode(input), decode(target)), perSample, name);
    });
  }

  it('an ensemble', () => {
    const { states, stacked, output } = ensemble as unknown as { states: Nested[]; stacked: Nested; output: Nested };
    const list = states.map((state) => {
      const model = models.mlp!().double() as nn.TensorModule;
      model.loadStateDict(decodeAll(state) as Record<string, Tensor>);
      return model;
    });
    const [parameters, buffers] = stackModuleState(list);
    expectNested(parameters, stacked, 'stacked');
    expect(Object.values(parameters).every((t) => t.requiresGrad && t.isLeaf)).equal(true);
    const run = (q: typeof parameters, s: typeof buffers, x: Tensor) => functionalCall(list[0]!, [q, s], x);
    expectNested(vmap(run, [0, 0, null])(parameters, buffers, line([2, 4])), output, 'output');
  });
});

describe('rearrange', () => {
  const cases = golden<{ pattern: string; lengths: Record<string, number>; output: Bytes }[]>('func/patterns');
  for (const { pattern, lengths, output } of cases) {
    it(pattern, () => {
      expectNested(rearrange(line([2, 4, 3]), pattern, lengths), output, pattern);
    });
  }
});
