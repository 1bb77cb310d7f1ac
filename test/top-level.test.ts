// What PyTorch has at its top level and on its tensors beside the operators, against values of the reference.
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { nn, optim, type Tensor } from '../lib/index.js';
import { type Bytes, decode, dtypeNamed, golden, refusalOf } from './support.js';

interface Loss {
  name: 'mseLoss' | 'l1Loss' | 'huberLoss';
  reduction: 'none' | 'mean' | 'sum';
  out: Bytes;
  grad: Bytes;
}
interface Golden {
  limits: { floats: Record<string, Record<string, number>>; integers: Record<string, Record<string, number | string>> };
  windows: { name: string; m: number; sym: boolean; dtype: string; options: object; out: Bytes }[];
  decompositions: {
    name: 'svdLowrank' | 'pcaLowrank' | 'lobpcg';
    a: Bytes;
    sparse: boolean;
    options: Record<string, Bytes | number | boolean | string>;
    s: Bytes;
    product: Bytes;
    next: number;
  }[];
  shapes: {
    orders: Record<string, { shape: number[]; stride: number[]; order: number[] }>;
    types: Record<string, string>;
    sparseType: string;
    unravelled: number[][];
    broadcast: [number[][], number[]][];
    consecutive: [number[][], number[][]];
  };
  losses: { input: Bytes; target: Bytes; weight: Bytes; cases: Loss[] };
  sparse: { a: Bytes; b: Bytes; c: Bytes; results: Record<string, { out: Bytes; grad: Bytes }> };
  embedding: { start: Bytes; dense: Bytes; runs: { options: optim.SGDGroup; weight: Bytes; dense: Bytes }[] };
  sparseMethods: {
    name: 'SGD' | 'Adagrad';
    options: Record<string, number | boolean>;
    start: Bytes;
    other: Bytes;
    weight: Bytes;
    dense: Bytes;
    state: Record<string, Bytes>;
  }[];
  eigenvectors: { a: Bytes; weights: Bytes; cases: { k: number; largest: boolean; lobpcg: Bytes; eigh: Bytes }[] };
  norms: {
    x: Bytes;
    tangent: Bytes;
    cases: { options: Record<string, unknown>; out: Bytes; grad: Bytes | null; tangent: Bytes | null }[];
    sparse: { x: Bytes; two: Bytes; one: Bytes };
  };
  composites: { inputs: Record<string, Bytes>; values: Record<string, Bytes> };
}

const expected = golden<Golden>('top_level');

/** Whether all elements agree to within rounding. */
function expectClose(t: Tensor, want: Bytes, what: string, tolerance = 1e-9): void {
  const other = decode(want);
  expect(t.shape, what).to.deep.equal(other.shape);
  expect(t.dtype, what).to.equal(other.dtype);
  const limit = t.dtype.itemsize < 8 ? Math.max(tolerance, 1e-5) : tolerance;
  const away = t.numel() === 0 ? 0 : t.detach().sub(other).abs().max().item();
  const size = t.numel() === 0 ? 0 : other.abs().max().item();
  expect(away, what).to.be.at.most(limit * Math.max(1, size));
}

/** PyTorch's name as it is here: `float8_e5m2` is `float8E5m2`. */
const dtypeOf = (name: string) => dtypeNamed(name.replace(/_(e)/, (_, c: string) => c.toUpperCase()));

describe('the limits of dtypes', () => {
  for (const [name, want] of Object.entries(expected.limits.floats)) {
    it(`finfo of ${name}`, () => {
      const { smallest_normal: smallestNormal, ...same } = want;
      expect(torch.finfo(dtypeOf(name))).to.deep.equal({ dtype: dtypeOf(name), smallestNormal, ...same });
    });
  }
  for (const [name, want] of Object.entries(expected.limits.integers)) {
    it(`iinfo of ${name}`, () => {
      const whole = (x: number | string | undefined) => (dtypeOf(name).itemsize === 8 ? BigInt(x!) : x);
      expect(torch.iinfo(dtypeOf(name))).to.deep.equal({
        dtype: dtypeOf(name),
        bits: want.bits,
        max: whole(want.max),
        min: whole(want.min),
      });
    });
  }
  it('are of the other kind of dtype refused', () => {
    expect(refusalOf(() => torch.finfo(torch.int8)).message).to.equal(
      '"dtype" must be a floating-point or complex dtype, got a Dtype',
    );
    expect(refusalOf(() => torch.iinfo(torch.bool)).code).to.equal('ERR_DTYPE');
    expect(torch.finfo().dtype).to.equal(torch.float32);
  });
});

describe('torch.signal.windows', () => {
  for (const { name, m, sym, dtype, options, out } of expected.windows) {
    it(`${name} of ${m}, sym ${sym}, ${dtype}, ${JSON.stringify(options)}`, () => {
      const make = torch.signal.windows[name as keyof typeof torch.signal.windows] as (
        m: number,
        options: object,
      ) => Tensor;
      const window = make(m, { ...options, sym, dtype: dtypeNamed(dtype) });
      expectClose(window, out, name, dtype === 'float64' ? 1e-15 : 3e-7);
    });
  }
  it('can require gradients, and refuse what is not a length or dtype', () => {
    expect(torch.signal.windows.hann(4, { requiresGrad: true }).isLeaf).to.equal(true);
    expect(refusalOf(() => torch.signal.windows.hann(-1)).message).to.equal('"m" must be an integer >= 0, got -1');
    expect(refusalOf(() => torch.signal.windows.hann(3, { dtype: torch.float16 })).code).to.equal('ERR_DTYPE');
    expect(refusalOf(() => torch.signal.windows.exponential(3, { center: 1 })).message).to.contain('sym: false');
    expect(refusalOf(() => torch.signal.windows.generalCosine(3, { a: [] })).message).to.contain('"a" must be');
  });
});

describe('decompositions of large matrices', () => {
  for (const [i, { name, a, sparse, options, s, product, next }] of expected.decompositions.entries()) {
    it(`${i}: ${name} with ${Object.keys(options).join(', ') || 'defaults'}${sparse ? ', sparse' : ''}`, () => {
      const given = Object.fromEntries(
        Object.entries(options).map(([key, value]) => [key, typeof value === 'object' ? decode(value) : value]),
      );
      torch.manualSeed(name === 'lobpcg' ? 11 : 7);
      const matrix = sparse ? decode(a).toSparse() : decode(a);
      if (name === 'lobpcg') {
        const [values, vectors] = torch.lobpcg(matrix, given);
        // Not converged, or only so far: what rounding does is then seen.
        const rough = 'niter' in given || 'tol' in given;
        expectClose(values, s, 'values', rough ? 1e-6 : 1e-9);
        expectClose(vectors.unsqueeze(-2).pow(2), product, 'vectors', rough ? 1e-3 : 1e-5);
      } else {
        const [u, values, v] = torch[name](matrix, given);
        expectClose(values, s, 'values');
        expectClose(u.mul(values.unsqueeze(-2)).matmul(v.mH), product, 'product');
      }
      expect(torch.rand([1]).item(), 'as many numbers are drawn').to.equal(next);
    });
  }

  it('lobpcg gives eigenvalues their gradients', () => {
    const a = torch.diag(torch.tensor([1, 2, 3, 4, 5, 9], { dtype: torch.float64 })).requiresGrad_();
    torch.manualSeed(0);
    torch.lobpcg(a, { k: 1 })[0].sum().backward();
    expect(
      a
        .grad!.sub(torch.diag(torch.tensor([0, 0, 0, 0, 0, 1], { dtype: torch.float64 })))
        .abs()
        .max()
        .item(),
    ).below(1e-5);
  });

  const { a: matrix, weights, cases } = expected.eigenvectors;
  for (const { k, largest, lobpcg, eigh } of cases) {
    it(`lobpcg gives ${k} ${largest ? 'largest' : 'least'} eigenvectors their gradients`, () => {
      const a = decode(matrix).requiresGrad_();
      torch.manualSeed(5);
      const [e, x] = torch.lobpcg(a.add(a.t()).div(2), { k, largest, niter: 500, tol: 1e-13 });
      const w = decode(weights).narrow(1, 0, k);
      e.square().sum().add(x.square().mul(w).sum()).backward();
      expectClose(a.grad!, eigh, 'eigh', 1e-9);
      // PyTorch's goes through the characteristic polynomial, which costs it digits.
      expectClose(a.grad!, lobpcg, 'lobpcg', 1e-5);
    });
  }

  it("lobpcg's gradients of the generalised problem are those of all eigenpairs, and can be differentiated again", () => {
    torch.manualSeed(1);
    const options = { dtype: torch.float64 };
    const made = torch.randn([9, 9], options);
    const [base, other] = [made.matmul(made.t()).add(torch.eye(9)), made.add(made.t()).mul(0.1)];
    const A = base.detach().requiresGrad_();
    const B = other.matmul(other).add(torch.eye(9).mul(2)).detach().requiresGrad_();
    const [X, weights] = [torch.randn([9, 2], options), torch.randn([9, 2], options)];
    const half = (t: Tensor) => t.add(t.t()).div(2);
    const loss = (e: Tensor, x: Tensor) => e.sum().add(x.square().mul(weights).sum());
    const some = () => loss(...torch.lobpcg(half(A), { k: 2, B: half(B), X, niter: 60, tol: 1e-13 }));
    // The standard problem that the Cholesky factor of B makes of it.
    const all = () => {
      const root = torch.linalg.cholesky(half(B));
      const inner = torch.linalg.solveTriangular(root, half(A), { upper: false });
      const reduced = torch.linalg.solveTriangular(root, inner.t(), { upper: false });
      const [e, y] = torch.linalg.eigh(half(reduced)) as unknown as [Tensor, Tensor];
      const x = torch.linalg.solveTriangular(root.t(), y.narrow(1, 7, 2).flip([1]), { upper: true });
      return loss(e.narrow(0, 7, 2).flip([0]), x);
    };
    const derivatives = (f: () => Tensor) => {
      const first = torch.autograd.grad(f(), [A, B], { createGraph: true }) as [Tensor, Tensor];
      const second = torch.autograd.grad(first[0].square().sum().add(first[1].square().sum()), [A, B]) as Tensor[];
      return [...first, ...second];
    };
    const [got, want] = [derivatives(some), derivatives(all)];
    got.forEach((t, i) => {
      const scale = Math.max(1, want[i]!.abs().max().item());
      expect(t.sub(want[i]!).abs().max().item() / scale, `derivative ${i}`).to.be.below(i < 2 ? 1e-9 : 1e-7);
    });
  });

  it('refuse shapes that do not fit', () => {
    const square = torch.eye(4);
    for (const [body, message] of [
      [() => torch.lobpcg(torch.ones([2, 3])), '"A" must have two last dimensions of one size, got [2, 3]'],
      [() => torch.lobpcg(square, { k: 2 }), '"A" must have at least 3 x 2 rows for 2 eigenpairs, got 4'],
      [() => torch.lobpcg(square, { B: torch.eye(3) }), '"B" must have the shape 4 x 4 of A, got [3, 3]'],
      [() => torch.svdLowrank(torch.ones([3])), '"a" must have at least 2 dimensions, got [3]'],
      [() => torch.pcaLowrank(square, { q: 5 }), '"q" must be an integer from 0 to 4, got 5'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
  });

  it('lu is what luSolve takes', () => {
    const a = torch.tensor(
      [
        [4, 1],
        [2, 3],
      ],
      { dtype: torch.float64 },
    );
    const b = torch.tensor([[1], [2]], { dtype: torch.float64 });
    const [factors, pivots, infos] = a.lu({ getInfos: true });
    expect(infos!.item()).to.equal(0);
    expect(
      a
        .matmul(torch.luSolve(b, factors!, pivots!))
        .sub(b)
        .abs()
        .max()
        .item(),
    ).below(1e-15);
    expect(torch.lu(a)).to.have.length(2);
  });
});

describe('what tensors say of themselves', () => {
  const { orders, types, sparseType, unravelled, broadcast, consecutive } = expected.shapes;

  it('the order of their dimensions in memory', () => {
    for (const [name, { shape, stride, order }] of Object.entries(orders)) {
      expect(torch.emptyStrided(shape, stride).dimOrder(), name).to.deep.equal(order);
    }
    const ambiguous = torch.empty([1, 2, 3, 4]);
    expect(refusalOf(() => ambiguous.dimOrder({ ambiguityCheck: true })).code).to.equal('ERR_STATE');
    expect(ambiguous.dimOrder({ ambiguityCheck: [torch.contiguousFormat, torch.channelsLast] })).to.deep.equal([
      0, 1, 2, 3,
    ]);
    expect(refusalOf(() => torch.eye(2).toSparse().dimOrder()).message).to.contain('needs a dense tensor');
  });

  it('the name of their type, which also converts', () => {
    for (const [name, want] of Object.entries(types)) {
      const t = torch.zeros([1], { dtype: dtypeOf(name) });
      expect(t.type()).to.equal(want);
      expect(torch.zeros([1]).type(want).dtype).to.equal(t.dtype);
    }
    expect(torch.eye(2).toSparseCoo().type()).to.equal(sparseType);
    expect(torch.ones([1]).type(torch.int64).dtype).to.equal(torch.int64);
    expect(refusalOf(() => torch.ones([1]).type('float')).message).to.equal(
      `"dtype" must be a dtype, or the name of a type such as 'torch.FloatTensor', got "float"`,
    );
  });

  it('properties and second names', () => {
    const t = torch.zeros([2, 3], { dtype: torch.float64 });
    const { isCpu, isCuda, isMeta, isSparse, isSparseCsr, isQuantized } = t;
    expect([isCpu, isCuda, isMeta, isSparse, isSparseCsr, isQuantized]).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect([t.elementSize(), t.nelement(), t.ndimension()]).to.deep.equal([8, 6, 2]);
    expect(t.constDataPtr()).to.equal(t.dataPtr());
    expect([t.cfloat().dtype, t.cdouble().dtype]).to.deep.equal([torch.complex64, torch.complex128]);
    expect(torch.zeros([1], { device: 'meta' }).isMeta).to.equal(true);
    expect([t.toSparse().isSparse, t.toSparseCsr().isSparseCsr]).to.deep.equal([true, true]);
    expect(torch.quantizePerTensor(torch.zeros([1]), 1, 0, torch.quint8).isQuantized).to.equal(true);
  });

  it('unravelIndex, broadcastShapes and uniqueConsecutive', () => {
    const flat = torch.tensor([0n, 1n, 5n, 23n]);
    expect(torch.unravelIndex(flat, [2, 3, 4]).map((t) => t.tolist())).to.deep.equal(unravelled);
    expect(torch.unravelIndex(flat, 24)[0]!.tolist()).to.deep.equal([0, 1, 5, 23]);
    for (const [shapes, want] of broadcast) expect(torch.broadcastShapes(...shapes)).to.deep.equal(want);
    expect(refusalOf(() => torch.broadcastShapes([2, 3], [2])).message).to.equal(
      '"shapes" must broadcast: [2] does not fit [2, 3]',
    );
    const runs = torch.tensor([1n, 1n, 2n, 2n, 3n, 1n, 1n, 2n]);
    const all = runs.uniqueConsecutive({ returnInverse: true, returnCounts: true });
    expect(all.map((t) => t.tolist())).to.deep.equal(consecutive[0]);
    const rows = torch.tensor([
      [1n, 1n, 2n],
      [1n, 1n, 2n],
      [3n, 1n, 2n],
    ]);
    const some = torch.uniqueConsecutive(rows, { returnCounts: true, dim: 0 });
    expect(some.map((t) => t.tolist())).to.deep.equal(consecutive[1]);
  });

  it('newTensor keeps dtype and device', () => {
    const like = torch.zeros([1], { dtype: torch.float64 });
    expect(like.newTensor([1, 2]).dtype).to.equal(torch.float64);
    expect(like.newTensor([1, 2], { dtype: torch.int8 }).dtype).to.equal(torch.int8);
    expect(torch.zeros([1], { device: 'meta' }).newTensor([1]).isMeta).to.equal(true);
    for (const options of [null, 5, { dtpye: torch.int8 }]) {
      expect(refusalOf(() => like.newTensor([1], options as never)).code).to.equal('ERR_ARGUMENT');
    }
  });
});

describe('tensors among JavaScript operators', () => {
  const x = torch.tensor([1, 2]);
  const loose = x as unknown as number;

  it('are refused with the cure', () => {
    for (const body of [
      () => loose + loose,
      () => loose * 2,
      () => loose > 3,
      () => -loose,
      () => Number(x),
      // biome-ignore lint/style/useTemplate: what is tested
      () => `${loose}` + loose,
      () => Math.sqrt(loose),
      // biome-ignore lint/suspicious/noDoubleEquals: what is tested
      () => loose == 1,
    ]) {
      const { code, message } = refusalOf(body);
      expect(code).to.equal('ERR_ARGUMENT');
      expect(message).to.contain('x.add(y)').and.contain('item()');
    }
  });

  it('have their text where one is asked for', () => {
    expect(`${x}`).to.equal('tensor([1., 2.])');
    expect(String(x)).to.equal('tensor([1., 2.])');
    expect([x].join()).to.equal('tensor([1., 2.])');
  });

  it('are refused as JSON', () => {
    expect(refusalOf(() => JSON.stringify({ x })).message).to.contain('torch.save()');
  });

  it('give their rows one after the other, as views', () => {
    const m = torch.tensor([
      [1, 2],
      [3, 4],
    ]);
    expect([...m].map((row) => row.tolist())).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
    const [first] = m;
    first!.fill_(0);
    expect(m.tolist()).to.deep.equal([
      [0, 0],
      [3, 4],
    ]);
    expect([...torch.zeros([0, 3])]).to.deep.equal([]);
    expect(refusalOf(() => [...torch.tensor(1)]).message).to.contain('has no rows');
    // Of rows without number, only those that are asked for are made.
    const [many] = torch.zeros([2 ** 40, 0]);
    expect(many!.shape).to.deep.equal([0]);
    const [, second] = torch.arange(200_000);
    expect(second!.item()).to.equal(1);
  });
});

describe('torch.sparse', () => {
  const { a, b, c, results } = expected.sparse;
  const compute: Record<string, (s: Tensor) => Tensor> = {
    mm: (s) => torch.sparse.mm(s, decode(b)),
    addmm: (s) => torch.sparse.addmm(decode(c), s, decode(b), { beta: 0.5, alpha: 2 }),
    sumAll: (s) => torch.sparse.sum(s),
    sumRows: (s) => torch.sparse.sum(s, { dim: 0 }).toDense(),
    softmax: (s) => torch.sparse.softmax(s, 1).toDense(),
    logSoftmax: (s) => torch.sparse.logSoftmax(s, 0).toDense(),
  };
  for (const [name, want] of Object.entries(results)) {
    it(`${name}, and its sparse derivative`, () => {
      const s = decode(a).toSparse().requiresGrad_();
      const out = compute[name]!(s);
      out.mul(out).sum().backward();
      expectClose(out, want.out, 'out');
      expectClose(s.grad!.toDense(), want.grad, 'grad');
    });
  }
  it('refuses what is not sparse, or no dimension', () => {
    expect(refusalOf(() => torch.sparse.sum(torch.eye(2))).message).to.contain('sparse_coo');
    expect(refusalOf(() => torch.sparse.softmax(torch.eye(2).toSparse(), 0.5)).message).to.equal(
      '"dim" must be an integer, got 0.5',
    );
  });
});

describe('weights of elements', () => {
  const { input, target, weight, cases } = expected.losses;
  for (const { name, reduction, out, grad } of cases) {
    it(`${name}, reduction ${reduction}`, () => {
      const x = decode(input).requiresGrad_();
      const loss = nn.functional[name](x, decode(target), { reduction, weight: decode(weight) });
      loss.sum().backward();
      expectClose(loss, out, 'loss', 1e-14);
      expectClose(x.grad!, grad, 'grad', 1e-14);
    });
  }
  it('must have the shape of the input', () => {
    const x = torch.ones([2]);
    expect(refusalOf(() => nn.functional.mseLoss(x, x, { weight: torch.ones([1]) })).message).to.equal(
      '"weight" must have the input\'s shape [2], got [1]',
    );
  });
});

describe('sparse gradients under SGD', () => {
  for (const { options, weight, dense } of expected.embedding.runs) {
    it(JSON.stringify(options), () => {
      const e = nn.Embedding.fromPretrained(decode(expected.embedding.start), { freeze: false, sparse: true });
      const w = new nn.Parameter(decode(expected.embedding.dense));
      const optimizer = new optim.SGD([e.weight, w], { lr: 0.1, ...options });
      for (let t = 0; t < 4; t++) {
        optimizer.zeroGrad();
        e.forward(torch.tensor([BigInt(t), BigInt((2 * t) % 6), 1n]))
          .mul(w)
          .pow(2)
          .sum()
          .backward();
        expect(e.weight.grad!.isSparse).to.equal(true);
        optimizer.step();
        expect(e.weight.grad!.isSparse).to.equal(true);
      }
      expectClose(e.weight, weight, 'embedding', 1e-14);
      expectClose(w, dense, 'dense', 1e-14);
    });
  }

  it('rows without a gradient are not touched, not even read', () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    p.detach().select(0, 2).fill_(Number.NaN);
    p.grad = torch.sparseCooTensor(torch.tensor([[0n]]), torch.ones([1, 2]), [3, 2]);
    new optim.SGD([p], { lr: torch.tensor(0.5) }).step();
    expect(p.tolist()).to.deep.equal([
      [0.5, 0.5],
      [1, 1],
      [Number.NaN, Number.NaN],
    ]);
  });
});

describe('sparse gradients under SGD with momentum, and Adagrad', () => {
  const run = (name: 'SGD' | 'Adagrad', weight: nn.Parameter, w: nn.Parameter, options: object) => {
    const Class = optim[name] as new (params: Tensor[], options: object) => optim.Optimizer;
    return new Class([weight, w], { lr: 0.1, ...options });
  };
  for (const { name, options, start, other, weight, dense, state } of expected.sparseMethods) {
    it(`${name} ${JSON.stringify(options)} of ${start.dtype}`, () => {
      const e = nn.Embedding.fromPretrained(decode(start), { freeze: false, sparse: true });
      const w = new nn.Parameter(decode(other));
      const optimizer = run(name, e.weight, w, options);
      for (let t = 0; t < 4; t++) {
        optimizer.zeroGrad();
        e.forward(torch.tensor([BigInt(t), BigInt((2 * t) % 6), 1n]))
          .mul(w)
          .pow(2)
          .sum()
          .backward();
        optimizer.step();
        expect(e.weight.grad!.isSparse).to.equal(true);
      }
      expectClose(e.weight, weight, 'embedding', 1e-14);
      expectClose(w, dense, 'dense', 1e-14);
      const own = optimizer.stateDict().state[0]!;
      for (const [key, want] of Object.entries(state)) {
        if (key !== 'step') expectClose(own[key] as Tensor, want, key, 1e-14);
        else expect((own.step as Tensor).item()).to.equal(decode(want).item());
      }
      // The same, whatever of it is dense.
      const again = run(name, new nn.Parameter(decode(start)), new nn.Parameter(decode(other)), options);
      again.loadStateDict(optimizer.stateDict());
      expect(Object.keys(again.stateDict().state[0]!)).to.deep.equal(Object.keys(own));
    });
  }

  it('Adagrad touches no other row, and a dense step may follow', () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    p.detach().select(0, 2).fill_(Number.NaN);
    const optimizer = new optim.Adagrad([p], { lr: 0.5, eps: 0 });
    p.grad = torch.sparseCooTensor(torch.tensor([[0n, 0n]]), torch.ones([2, 2]), [3, 2]);
    optimizer.step();
    expect(p.tolist()).to.deep.equal([
      [0.5, 0.5],
      [1, 1],
      [Number.NaN, Number.NaN],
    ]);
    p.detach().select(0, 2).fill_(1);
    p.grad = torch.ones([3, 2]);
    optimizer.step();
    expect((optimizer.stateDict().state[0]!.step as Tensor).item()).to.equal(2);
    const [first, second] = p.tolist() as number[][];
    expect(first![0]).to.be.closeTo(0.5 - 0.5 / Math.sqrt(5), 1e-6);
    expect(second![0]).to.be.closeTo(0.5, 1e-6);
  });

  it("loads the sparse momentum that PyTorch's SGD has saved", () => {
    const p = new nn.Parameter(torch.ones([3, 2]));
    const optimizer = new optim.SGD([p], { lr: 0.1, momentum: 0.9 });
    p.grad = torch.ones([3, 2]);
    optimizer.step();
    const dict = optimizer.stateDict();
    const sparse = torch.sparseCooTensor(torch.tensor([[1n]]), torch.ones([1, 2]).mul(3), [3, 2]);
    dict.state[0]!.momentum_buffer = sparse;
    optimizer.loadStateDict(dict);
    expect((optimizer.stateDict().state[0]!.momentum_buffer as Tensor).tolist()).to.deep.equal([
      [0, 0],
      [3, 3],
      [0, 0],
    ]);
    dict.state[0]!.momentum_buffer = torch.sparseCooTensor(torch.tensor([[1n]]), torch.ones([1, 2]), [2 ** 40, 2]);
    expect(refusalOf(() => optimizer.loadStateDict(dict)).message).to.contain('has shape');
  });
});

describe('norm', () => {
  const { x, tangent, cases, sparse } = expected.norms;
  const unquoted = (value: unknown) => (value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value);
  for (const { options, out, grad, tangent: moved } of cases) {
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, unquoted(value)]));
    it(`of ${JSON.stringify(options)}, and its derivatives backward and forward`, () => {
      const leaf = decode(x).requiresGrad_();
      const value = leaf.norm(given);
      value.sum().backward();
      expectClose(value, out, 'out', 1e-13);
      if (grad === null) expect(leaf.grad).to.equal(null);
      else expectClose(leaf.grad!, grad, 'grad', 1e-13);
      expectClose(torch.norm(decode(x), given), out, 'as a function', 1e-13);
      const { forwardAd } = torch.autograd;
      const got = forwardAd.dualLevel(() => {
        const dual = forwardAd.makeDual(decode(x), decode(tangent)).norm(given);
        return forwardAd.unpackDual(dual).tangent?.clone() ?? null;
      });
      if (moved === null) expect(got).to.equal(null);
      else expectClose(got!, moved, 'tangent', 1e-13);
    });
  }

  it('takes p, dim and keepdim by position, and writes to a tensor', () => {
    const t = torch.tensor([
      [3, 4],
      [6, 8],
    ]);
    expect(t.norm(2, 1).tolist()).to.deep.equal([5, 10]);
    expect(t.norm('fro', [1], true).tolist()).to.deep.equal([[5], [10]]);
    expect(t.norm(1, { dim: 0 }).tolist()).to.deep.equal([9, 12]);
    expect(torch.norm(t, null, 1, { keepdim: true }).shape).to.deep.equal([2, 1]);
    const out = torch.empty([2]);
    expect(torch.norm(t, 2, 1, { out })).to.equal(out);
    expect(out.tolist()).to.deep.equal([5, 10]);
    expect(t.norm({ dtype: torch.float64 }).dtype).to.equal(torch.float64);
  });

  it('of sparse tensors', () => {
    const t = decode(sparse.x).toSparse();
    expectClose(t.norm(), sparse.two, 'two');
    expectClose(t.norm(1), sparse.one, 'one');
    expect(refusalOf(() => t.norm({ dtype: torch.float32 })).message).to.contain('need a dense tensor');
  });

  it('refuses what is no order and no dimension', () => {
    const t = torch.ones([2, 2]);
    for (const [body, message] of [
      [() => t.norm('max' as never), '"p" must be a number, "fro", "nuc" or null, got "max"'],
      [() => t.norm(2, 0.5), '"dim" must be an integer or an array of integers or null, got 0.5'],
      [() => t.norm(2, 0, true, 1 as never), 'norm() takes at most p, dim and keepdim by position, got 4 arguments'],
      [() => t.norm(2, { p: 1 } as never), '"p" of norm() is given twice'],
      [() => torch.norm([3, 4] as never), '"input" must be a Tensor, got [3, 4]'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
    expect(refusalOf(() => t.norm({ dims: 0 } as never)).message).to.contain('dims');
  });
});

describe('functions that PyTorch completes in Python', () => {
  const { inputs, values } = expected.composites;
  const of = (name: string) => decode(inputs[name]!);
  const [a, b, c, cube, other, wave, window] = ['a', 'b', 'c', 'cube', 'other', 'wave', 'window'].map(of) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const [rows, more] = [of('rows'), of('more')];
  const first = (t: Tensor) => t.select(0, 0);
  const spectrum = () => torch.stft(wave, 16, { window, returnComplex: true });
  const calls: Record<string, () => Tensor> = {
    einsum: () => torch.einsum('ij,jk,kl->il', a, b, c),
    'einsum of an array': () => torch.einsum('ij,jk->k', [a, b]),
    'einsum by numbers': () => torch.einsum(a, [0, 1], b, [1, 2], [2, 0]),
    'einsum by numbers without a result': () => torch.einsum(cube, ['...', 1], b.t(), [1, 30]),
    tensordot: () => torch.tensordot(cube, torch.ones([3, 4, 2], { dtype: torch.float64 })),
    'tensordot of one dimension': () => torch.tensordot(a, b, 1),
    'tensordot of none': () => torch.tensordot(a, b, { dims: 0 }),
    'tensordot of lists': () =>
      torch.tensordot(cube, other, [
        [1, 0],
        [0, 1],
      ]),
    cdist: () => torch.cdist(rows, more),
    'cdist of 1': () => torch.cdist(rows, more, 1),
    'cdist with a product': () => torch.cdist(rows.narrow(0, 0, 4), more, { computeMode: 'use_mm_for_euclid_dist' }),
    'cdist without': () => torch.cdist(rows, more, 2, { computeMode: 'donot_use_mm_for_euclid_dist' }),
    meshgrid: () => torch.stack(torch.meshgrid(first(a), first(b), { indexing: 'ij' })),
    'meshgrid by columns': () => torch.stack(torch.meshgrid([first(a), first(b)], { indexing: 'xy' })),
    cartesianProd: () => torch.cartesianProd(first(a), first(b), first(c)),
    'cartesianProd of one': () => torch.cartesianProd(first(a)),
    blockDiag: () => torch.blockDiag(a, b, first(c), torch.tensor(2, { dtype: torch.float64 })),
    broadcastTensors: () => torch.stack(torch.broadcastTensors(a.narrow(1, 0, 1), first(b))),
    chainMatmul: () => torch.chainMatmul(a, b, c),
    atleast3d: () => torch.atleast3d(a),
    'atleast2d of several': () => torch.cat(torch.atleast2d(first(a), a), 0),
    split: () => torch.cat(torch.split(b, 3, 1).map((x) => x.sum(1))),
    'split by sizes': () => torch.cat(b.split([1, 3], 1).map((x) => x.sum(1))),
    stft: () => torch.viewAsReal(spectrum()),
    'stft, other padding': () =>
      torch.viewAsReal(
        torch.stft(wave, 16, {
          hopLength: 5,
          winLength: 12,
          window: window.narrow(0, 0, 12),
          padMode: 'constant',
          normalized: true,
          returnComplex: true,
        }),
      ),
    'stft, not centred': () =>
      torch.viewAsReal(torch.stft(first(wave), 16, { center: false, onesided: false, window, returnComplex: true })),
    istft: () => torch.istft(spectrum(), 16, { window, length: 60 }),
  };

  it('are all compared', () => {
    expect(Object.keys(calls).sort()).to.deep.equal(Object.keys(values).sort());
  });
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => expectClose(call(), values[name]!, name, 1e-12));
  }

  it('take the other forms as well, and write to a tensor', () => {
    const out = torch.empty([2, 4], { dtype: torch.float64 });
    expect(torch.tensordot(a, b, [1], [0], { out })).to.equal(out);
    expect(out.sub(a.matmul(b)).abs().max().item()).to.be.below(1e-14);
    expect(torch.blockDiag([a, b], { out: torch.empty([5, 7], { dtype: torch.float64 }) }).shape).to.deep.equal([5, 7]);
    expect(torch.atleast1d([torch.tensor(1), a]).map((t) => t.shape)).to.deep.equal([[1], [2, 3]]);
    expect(torch.meshgrid(torch.arange(2), torch.arange(3)).map((t) => t.shape)).to.deep.equal([
      [2, 3],
      [2, 3],
    ]);
    expect(torch.cdist(rows, more, { p: 1, computeMode: null }).equal(torch.cdist(rows, more, 1))).to.equal(true);
  });

  it('refuse what does not fit in a sentence', () => {
    for (const [body, message] of [
      [() => torch.meshgrid(a, { indexing: 'yx' } as never), '"indexing" must be "ij" or "xy", got "yx"'],
      [() => torch.blockDiag(a, 1 as never), '"tensors[1]" must be a Tensor, got 1'],
      [() => torch.cartesianProd(1 as never), '"tensors" must be Tensors or an array of them, got 1'],
      [() => torch.einsum(a, [52]), '"args[1][0]" must be an integer from 0 to 51, got 52'],
      [() => torch.tensordot(a, b, 3), '"dims" must be an integer from 0 to 2, got 3'],
      [
        () => torch.tensordot(a, b, { dims: 'x' } as never),
        '"dims" must be a number or two arrays of dimensions, got "x"',
      ],
      [() => torch.tensordot(a, b, 1, { dims: 1 } as never), '"dims" of tensordot() is given twice'],
      [() => torch.cdist(a, a, 2, { p: 1 } as never), '"p" of cdist() is given twice'],
    ] as const) {
      expect(refusalOf(body).message).to.equal(message);
    }
    expect(refusalOf(() => torch.cdist(a, a, { computeMode: 'fast' as never })).message).to.contain(
      '"computeMode" must be',
    );
    expect(refusalOf(() => torch.cdist(a, a, { q: 1 } as never)).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => torch.einsum('ij,jk', a)).message).to.contain('einsum');
  });
});

describe('activations in place', () => {
  const F = nn.functional;
  const data = [-3, -0.5, 0.25, 7];
  for (const [name, call] of Object.entries({
    relu: (x: Tensor, o: nn.functional.Inplace) => F.relu(x, o),
    relu6: (x: Tensor, o: nn.functional.Inplace) => F.relu6(x, o),
    selu: (x: Tensor, o: nn.functional.Inplace) => F.selu(x, o),
    silu: (x: Tensor, o: nn.functional.Inplace) => F.silu(x, o),
    mish: (x: Tensor, o: nn.functional.Inplace) => F.mish(x, o),
    hardswish: (x: Tensor, o: nn.functional.Inplace) => F.hardswish(x, o),
    hardsigmoid: (x: Tensor, o: nn.functional.Inplace) => F.hardsigmoid(x, o),
    leakyRelu: (x: Tensor, o: nn.functional.Inplace) => F.leakyRelu(x, 0.2, o),
    'leakyRelu by name': (x: Tensor, o: nn.functional.Inplace) => F.leakyRelu(x, { negativeSlope: 0.2, ...o }),
    elu: (x: Tensor, o: nn.functional.Inplace) => F.elu(x, 0.5, o),
    celu: (x: Tensor, o: nn.functional.Inplace) => F.celu(x, 0.5, o),
    hardtanh: (x: Tensor, o: nn.functional.Inplace) => F.hardtanh(x, -1, 2, o),
    threshold: (x: Tensor, o: nn.functional.Inplace) => F.threshold(x, 0.1, 9, o),
    rrelu: (x: Tensor, o: nn.functional.Inplace) => F.rrelu(x, 0.1, 0.3, false, o),
  })) {
    it(name, () => {
      const [x, y] = [torch.tensor(data), torch.tensor(data)];
      const plain = call(x, {});
      expect(x.tolist()).to.deep.equal(data);
      expect(call(x, { inplace: false }).tolist()).to.deep.equal(plain.tolist());
      expect(call(y, { inplace: true })).to.equal(y);
      expect(y.tolist()).to.deep.equal(plain.tolist());
      expect(refusalOf(() => call(x, { inplace: 1 as never })).message).to.equal(
        '"inplace" must be true or false, got 1',
      );
    });
  }
});

describe('the default device', () => {
  afterEach(() => torch.setDefaultDevice(null));

  it('is where factories and layers make their tensors', () => {
    expect(torch.getDefaultDevice().toString()).to.equal('cpu');
    torch.setDefaultDevice('meta');
    expect(torch.getDefaultDevice().toString()).to.equal('meta');
    const made: Record<string, () => Tensor> = {
      zeros: () => torch.zeros([2]),
      arange: () => torch.arange(3),
      full: () => torch.full([2], 1),
      tensor: () => torch.tensor([1, 2]),
      asTensor: () => torch.asTensor([1]),
      linear: () => new nn.Linear(2, 3).weight,
      sparse: () => torch.sparseCooTensor([2, 2]),
    };
    for (const [name, make] of Object.entries(made)) expect(make().device.type, name).to.equal('meta');
    expect(torch.zeros([1], { device: 'cpu' }).isCpu).to.equal(true);
    expect(torch.zerosLike(torch.zeros([1], { device: 'cpu' })).isCpu).to.equal(true);
    expect(torch.fromTypedArray(new Float32Array(1)).isCpu).to.equal(true);
  });

  it('is refused where there is none of that name', () => {
    expect(refusalOf(() => torch.setDefaultDevice('tpu' as never)).code).to.equal('ERR_DEVICE');
    expect(torch.getDefaultDevice().type).to.equal('cpu');
  });
});

describe('small things', () => {
  it('constants and aliases are those of PyTorch', () => {
    expect([torch.pi, torch.e, torch.inf, torch.newaxis]).to.deep.equal([Math.PI, Math.E, Infinity, null]);
    expect(torch.nan).to.be.NaN;
    const aliases = [torch.float, torch.double, torch.half, torch.short, torch.int, torch.long];
    expect(aliases.map((d) => d.name)).to.deep.equal(['float32', 'float64', 'float16', 'int16', 'int32', 'int64']);
    expect([torch.chalf, torch.cfloat, torch.cdouble].map((d) => d.name)).to.deep.equal([
      'complex32',
      'complex64',
      'complex128',
    ]);
    expect(torch.zeros([2]).at(torch.newaxis, 0).shape).to.deep.equal([1]);
  });

  it('random.forkRng draws beside the stream', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), (draws) => {
        torch.manualSeed(1);
        const want = torch.rand([2]).tolist();
        torch.manualSeed(1);
        expect(torch.random.forkRng(() => torch.rand([draws]).shape)).to.deep.equal([draws]);
        expect(torch.rand([2]).tolist()).to.deep.equal(want);
      }),
      { numRuns: 5 },
    );
    torch.manualSeed(1);
    const state = torch.getRngState();
    expect(() =>
      torch.random.forkRng(() => {
        torch.rand([1]);
        throw new Error('no');
      }),
    ).to.throw('no');
    expect(torch.getRngState().equal(state)).to.equal(true);
    torch.random.forkRng(() => torch.rand([1]), { enabled: false });
    expect(torch.getRngState().equal(state)).to.equal(false);
    expect(refusalOf(() => torch.random.forkRng(async () => {})).code).to.equal('ERR_ASYNC_SCOPE');
  });

  it('threads between operators and repeated warnings', () => {
    expect(torch.getNumInteropThreads()).to.be.at.least(1);
    expect(refusalOf(() => torch.setNumInteropThreads(0)).message).to.equal(
      '"n" must be an integer from 1 to 4096, got 0',
    );
    const before = torch.isWarnAlwaysEnabled();
    for (const on of [true, false, before]) {
      torch.setWarnAlways(on);
      expect(torch.isWarnAlwaysEnabled()).to.equal(on);
    }
  });

  it('a module in place of parameters is refused with the cure', () => {
    const model = new nn.Linear(2, 1);
    for (const params of [model, new nn.Sequential(model)]) {
      expect(refusalOf(() => new optim.SGD(params as never)).message).to.match(/: pass model\.parameters\(\)$/);
    }
  });
});
