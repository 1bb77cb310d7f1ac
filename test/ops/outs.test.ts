// The `out` of operators that find out what is wrong when they have begun to write: however it lies in memory, a refused call leaves it and
// what shares its memory as they were, and one that succeeds gives what it gives without `out`.
import { expect } from 'chai';
import torch, { type Dtype, type Tensor, type TorchClipError } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const { linalg, float32, float64, complex64, int32, int64 } = torch;

/** An out of a shape, and the tensor whose memory it is in. */
type Form = (shape: readonly number[], dtype: Dtype) => [out: Tensor, base: Tensor];

const count = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
const numbers = (n: number, dtype: Dtype) => torch.arange(1, n + 1).to({ dtype });

const forms: Record<string, Form> = {
  plain(shape, dtype) {
    const out = numbers(count(shape), dtype).view(shape);
    return [out, out];
  },
  'in a larger tensor'(shape, dtype) {
    const base = numbers(3 * count(shape) + 2, dtype);
    return [base.narrow(0, 1, count(shape)).view(shape), base];
  },
  'of another shape, in a larger tensor'(shape, dtype) {
    const base = numbers(3 * count(shape) + 9, dtype);
    return [base.narrow(0, 2, 1), base];
  },
  'empty, in a larger tensor'(shape, dtype) {
    const base = numbers(count(shape) + 9, dtype);
    return [base.narrow(0, 0, 0), base];
  },
  'with its elements in reverse order of dimensions'(shape, dtype) {
    const base = numbers(count(shape), dtype).view([...shape].reverse());
    return [base.permute(shape.map((_, i) => shape.length - 1 - i)), base];
  },
  'with gaps'(shape, dtype) {
    const base = numbers(2 * count(shape), dtype).view([...shape, 2]);
    return [base.select(-1, 1), base];
  },
  expanded(shape, dtype) {
    const base = numbers(3, dtype);
    return [base.select(0, 1).expand(shape), base];
  },
  'expanded, of another shape'(shape, dtype) {
    const base = numbers(3, dtype);
    return [base.select(0, 1).expand([...shape, 2]), base];
  },
  overlapping(shape, dtype) {
    const base = numbers(count(shape) + 4, dtype);
    return [
      base.asStrided(
        shape,
        shape.map(() => 1),
      ),
      base,
    ];
  },
};

const matrix = (...values: number[]) => torch.tensor(values).view([2, 2]);
const singular = () => torch.stack([torch.eye(2), torch.zeros([2, 2])]);
const regular = () => torch.stack([torch.eye(2).mul(2), matrix(1, 2, 0, 4)]);
const indefinite = () => torch.stack([torch.eye(2), matrix(1, 2, 2, 1)]);
const definite = () => torch.stack([torch.eye(2), matrix(2, 1, 1, 2)]);
const nan = () => torch.stack([torch.eye(2), torch.full([2, 2], Number.NaN)]);
const right = () => torch.ones([2, 2, 1]);
const whole = (...values: number[]) => torch.tensor(values.map(BigInt));

interface Case {
  /** The shapes and dtypes of the outs. */
  outs: [shape: number[], dtype: Dtype][];
  /** With what is refused, and with what is not. */
  refused: (...outs: Tensor[]) => unknown;
  fine: (...outs: Tensor[]) => unknown;
  /** The results without an out. */
  results: () => Tensor[];
}

/** The same call with two arguments. */
function both<A>(
  outs: Case['outs'],
  [bad, good]: readonly [() => A, () => A],
  call: (argument: A, options: object) => unknown,
): Case {
  const out = (given: Tensor[]) => ({ out: outs.length === 1 ? given[0] : given });
  return {
    outs,
    refused: (...given) => call(bad(), out(given)),
    fine: (...given) => call(good(), out(given)),
    results: () => [call(good(), {})].flat() as Tensor[],
  };
}

const square: [number[], Dtype] = [[2, 2, 2], float32];
const cases: Record<string, Case> = {
  'linalg.inv': both([square], [singular, regular], (a, o) => linalg.inv(a, o)),
  'linalg.cholesky': both([square], [indefinite, definite], (a, o) => linalg.cholesky(a, o)),
  'linalg.solve': both([[[2, 2, 1], float32]], [singular, regular], (a, o) => linalg.solve(a, right(), o)),
  'linalg.eigvalsh': both([[[2, 2], float32]], [() => 'X', () => 'L'], (part, o) =>
    linalg.eigvalsh(definite(), part, o),
  ),
  'linalg.eigvals': both([[[2, 2], complex64]], [nan, regular], (a, o) => linalg.eigvals(a, o)),
  'linalg.svdvals': both([[[2, 2], float32]], [nan, regular], (a, o) => linalg.svdvals(a, o)),
  'linalg.eigh': both([[[2, 2], float32], square], [() => 'X', () => 'L'], (part, o) =>
    linalg.eigh(definite(), part, o),
  ),
  inverse: both([square], [singular, regular], (a, o) => torch.inverse(a, o)),
  cholesky: both([square], [indefinite, definite], (a, o) => torch.cholesky(a, false, o)),
  floorDivide: both([[[3], int64]], [() => whole(1, 2, 0), () => whole(1, 2, 3)], (b, o) =>
    torch.floorDivide(whole(7, 8, 9), b, o),
  ),
  remainder: both([[[3], int64]], [() => whole(1, 2, 0), () => whole(1, 2, 3)], (b, o) =>
    torch.remainder(whole(7, 8, 9), b, o),
  ),
  gather: both([[[3], float64]], [() => whole(0, 1, 5), () => whole(0, 1, 1)], (i, o) =>
    torch.gather(numbers(3, float64), 0, i, o as { out?: Tensor }),
  ),
  indexSelect: both([[[3], float32]], [() => whole(0, 1, 5), () => whole(0, 1, 1)], (i, o) =>
    torch.indexSelect(numbers(3, float32), 0, i, o),
  ),
  take: both([[[3], int32]], [() => whole(0, 1, 5), () => whole(0, 1, 1)], (i, o) =>
    torch.take(numbers(3, int32), i, o),
  ),
};

function stateOf(t: Tensor): unknown {
  const flat = t.dtype.isComplex ? torch.viewAsReal(t) : t;
  return [t.shape, t.stride(), t.storageOffset(), t.isContiguous(), flat.tolist()];
}

/** Whether the loaded libtorch has no such operator. */
function lacks(c: Case): boolean {
  try {
    c.results();
    return false;
  } catch (error) {
    return (error as TorchClipError).code === 'ERR_OP_UNAVAILABLE';
  }
}

const places = (c: Case, form: Form) => c.outs.map(([shape, dtype]) => form(shape, dtype));

describe('an out that cannot be trusted to be written at once', () => {
  for (const [name, c] of Object.entries(cases)) {
    it(`${name}: is as it was when the call is refused`, () => {
      for (const [formed, form] of Object.entries(forms)) {
        const given = places(c, form);
        const seen = () => given.flat().map(stateOf);
        const before = seen();
        refusalOf(() => c.refused(...given.map(([out]) => out)));
        expect(seen(), formed).deep.equal(before);
      }
    });

    if (lacks(c)) {
      it.skip(`${name}: holds the result when it is not (skipped: this libtorch has no such operator any more)`);
      continue;
    }
    it(`${name}: holds the result when it is not`, () => {
      const want = c.results();
      for (const [formed, form] of Object.entries(forms)) {
        const given = places(c, form);
        const outs = given.map(([out]) => out);
        const before = given.flat().map(stateOf);
        if (formed === 'expanded') {
          refusalOf(() => c.fine(...outs));
          expect(given.flat().map(stateOf), formed).deep.equal(before);
          continue;
        }
        // What overlapping elements hold in the end, nobody can say.
        c.fine(...outs);
        if (formed === 'overlapping') continue;
        for (const [i, out] of outs.entries()) {
          expect(out.shape, formed).deep.equal(want[i]!.shape);
          expect(torch.allclose(out, want[i]!), formed).equal(true);
        }
        if (formed === 'in a larger tensor') {
          const [, base] = given[0]!;
          const last = base.numel() - 1;
          expect(base.dtype.isComplex ? base.at(last).real.item() : Number(base.at(last).item())).equal(last + 1);
        }
      }
    });
  }

  it('several outs are all as they were when one of them cannot be written', () => {
    const values = torch.full([2], 9);
    const vectors = torch.full([1], 8).expand([2, 2, 2]);
    refusalOf(() => linalg.eigh(definite(), 'L', { out: [values, vectors] }));
    expect([values.tolist(), vectors.flatten().tolist()]).deep.equal([[9, 9], new Array(8).fill(8)]);
  });
});

describe('an out and gradients', () => {
  const { special } = torch;
  const x = torch.rand([3, 3], { requiresGrad: true });
  const plain = x.detach();
  type Call = (x: Tensor, options: { out: Tensor }) => unknown;
  const differentiable: Record<string, Call> = {
    add: (t, o) => torch.add(t, t, o),
    'add a number': (t, o) => torch.add(t, 1, o),
    'sub a number': (t, o) => torch.sub(t, 1, o),
    'mul by a number': (t, o) => torch.mul(t, 2, o as never),
    'div by a number': (t, o) => torch.div(t, 2, o as never),
    sum: (t, o) => torch.sum(t, [0], false, o),
    prod: (t, o) => torch.prod(t, 0, false, o),
    softmax: (t, o) => torch.softmax(t, 0, o),
    relu: (t, o) => torch.relu(t, o as never),
    roll: (t, o) => torch.roll(t, [1], [0], o as never),
    flip: (t, o) => torch.flip(t, [0], o as never),
    diag: (t, o) => torch.diag(t, 0, o),
    repeat: (t, o) => (torch as never as { repeat: (...args: unknown[]) => unknown }).repeat(t, [2, 2], o),
    cat: (t, o) => torch.cat([t, t], 0, o),
    matmul: (t, o) => torch.matmul(t, t, o),
    inner: (t, o) => torch.inner(t, t, o),
    quantile: (t, o) => torch.quantile(t, 0.5, 0, false, o),
    'linalg.norm': (t, o) => linalg.norm(t, o as never),
    'linalg.cond': (t, o) => linalg.cond(t, null, o),
    'linalg.inv': (t, o) => linalg.inv(t.add(torch.eye(3).mul(4)), o),
    'special.ndtr': (t, o) => special.ndtr(t, o),
    ceil: (t, o) => torch.ceil(t, o),
  };
  for (const [name, call] of Object.entries(differentiable)) {
    it(`cannot be combined, and nothing is written: ${name}`, () => {
      const outs: Record<string, () => Tensor> = {
        empty: () => torch.empty([0]),
        full: () => torch.full([3, 3], 7),
        large: () => torch.full([9000], 7),
        'part of another': () => torch.full([4, 3, 3], 7).at(1),
      };
      for (const [form, make] of Object.entries(outs)) {
        const out = make();
        const before = stateOf(out);
        expect(refusalOf(() => call(x, { out })).code, form).equal('ERR_AUTOGRAD');
        expect([stateOf(out), out.requiresGrad, out.gradFn], form).deep.equal([before, false, null]);
      }
      const out = torch.empty([0]);
      torch.noGrad(() => call(x, { out }));
      const same = torch.empty([0]);
      call(plain, { out: same });
      expect(out.tolist()).deep.equal(same.tolist());
    });
  }

  it('an out that requires a gradient is refused, whatever the inputs', () => {
    for (const call of Object.values(differentiable)) {
      const out = torch.zeros([3], { requiresGrad: true });
      expect(refusalOf(() => call(plain, { out })).code).equal('ERR_AUTOGRAD');
      expect([out.isLeaf, out.tolist()]).deep.equal([true, [0, 0, 0]]);
    }
  });

  it('go together where there is no derivative', () => {
    const [flags, indices, likes] = [
      torch.empty([0], { dtype: torch.bool }),
      torch.empty([0], { dtype: int64 }),
      torch.empty([0]),
    ];
    torch.gt(x, 2, { out: flags });
    torch.argmax(x, 0, false, { out: indices });
    torch.onesLike(x, { out: likes } as never);
    expect([flags.any().item(), indices.shape, likes.sum().item()]).deep.equal([false, [3], 9]);
    expect(likes.requiresGrad).equal(false);
  });

  it('inside of a transform, too', () => {
    const f = (t: Tensor) => torch.softmax(t, 0, { out: torch.empty([0]) }).sum();
    expect(refusalOf(() => torch.func.grad(f)(plain)).code).equal('ERR_AUTOGRAD');
  });

  it('are explained', () => {
    expect(refusalOf(() => torch.flip(x, [0], { out: torch.empty([0]) } as never)).message).equal(
      `flip(): operators with an "out" don't support automatic differentiation, but one of the arguments requires grad. ` +
        '(leave "out" away, or call it inside torch.noGrad(() => ...))',
    );
  });
});
