import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { schemas } from '../../lib/ops/generated/schemas.js';
import { Overload } from '../../lib/ops/overload.js';
import { parseSchema } from '../../lib/ops/schema.js';
import { refusalOf } from '../support.js';

const list = (t: unknown) => (t as Tensor).tolist();

describe('overloads', () => {
  const a = () => torch.tensor([1, 2, 3]);
  const ints = () => torch.tensor([1n, 2n, 3n]);

  it('takes a tensor, a number, a bigint, a boolean or a complex number for an operand', () => {
    expect(list(a().add(a()))).to.deep.equal([2, 4, 6]);
    expect(list(a().add(0.5))).to.deep.equal([1.5, 2.5, 3.5]);
    expect(list(a().add(2n))).to.deep.equal([3, 4, 5]);
    expect(list(a().add(true))).to.deep.equal([2, 3, 4]);
    expect(list(a().mul({ re: 0, im: 1 }))).to.deep.equal([1, 2, 3].map((im) => ({ re: 0, im })));
  });

  it('keeps an integer dtype for integral numbers, and not for others', () => {
    expect(ints().add(2).dtype).to.equal(torch.int64);
    expect(ints().mul(2n).dtype).to.equal(torch.int64);
    expect(ints().add(0.5).dtype).to.equal(torch.float32);
    expect(a().add(2).dtype).to.equal(torch.float32);
    expect(torch.arange(3).dtype).to.equal(torch.int64);
    expect(torch.arange(0, 1, 0.5).dtype).to.equal(torch.float32);
  });

  it('is the same as method and as function', () => {
    for (const f of [() => a().sub(1), () => torch.sub(a(), 1), () => torch.sub(a(), torch.tensor(1))]) {
      expect(list(f())).to.deep.equal([0, 1, 2]);
    }
    expect(list(a().gt(1).where(a(), 0))).to.deep.equal(list(torch.where(a().gt(1), a(), 0)));
  });

  it('takes options by name, in camel case', () => {
    expect(list(a().add(a(), { alpha: 2 }))).to.deep.equal([3, 6, 9]);
    expect(list(a().div(2, { roundingMode: 'floor' }))).to.deep.equal([0, 1, 1]);
    expect(list(a().sum({ dim: [0], keepdim: true }))).to.deep.equal([6]);
    expect(a().sum({ dtype: torch.float64 }).dtype).to.equal(torch.float64);
    expect(list(torch.clamp(a(), { min: 2 }))).to.deep.equal([2, 2, 3]);
    expect(
      torch
        .tensor([
          [1, 2],
          [3, 4],
        ])
        .sum({ dim: 0 })
        .tolist(),
    ).to.deep.equal([4, 6]);
  });

  it('takes positionally what PyTorch does', () => {
    const m = torch.tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(list(m.sum(0))).to.deep.equal([4, 6]);
    expect(list(m.sum([0, 1]))).to.deep.equal(10);
    expect(list(m.sum(1, true))).to.deep.equal([[3], [7]]);
    expect(list(m.sum(1, { keepdim: true }))).to.deep.equal([[3], [7]]);
    expect(list(m.clamp(2, 3))).to.deep.equal([
      [2, 2],
      [3, 3],
    ]);
    expect(list(m.clamp(null, 3))).to.deep.equal([
      [1, 2],
      [3, 3],
    ]);
    expect(list(m.flatten(0))).to.deep.equal([1, 2, 3, 4]);
    expect(m.unsqueeze(0).flatten(0, 1).shape).to.deep.equal([2, 2]);
  });

  it('takes one number for a pair, and sizes one by one', () => {
    const image = torch.ones([1, 1, 4, 4]);
    expect(torch.maxPool2d(image, 2).shape).to.deep.equal(torch.maxPool2d(image, [2, 2]).shape);
    expect(torch.zeros(2, 3).shape).to.deep.equal([2, 3]);
    expect(torch.zeros([2, 3]).shape).to.deep.equal([2, 3]);
    expect(torch.zeros([]).shape).to.deep.equal([]);
    expect(torch.zeros(4).view(2, 2).shape).to.deep.equal([2, 2]);
    expect(torch.zeros(4).view(4).shape).to.deep.equal([4]);
    expect(torch.zeros([2, 3]).permute(1, 0).shape).to.deep.equal([3, 2]);
  });

  it('tells overloads of one name apart', () => {
    const m = torch.tensor([
      [1, 5],
      [4, 2],
    ]);
    expect(m.max().item()).to.equal(5);
    expect(list(m.max(torch.tensor([3, 3])))).to.deep.equal([
      [3, 5],
      [4, 3],
    ]);
    const [values, indices] = m.max(1);
    expect([list(values), list(indices)]).to.deep.equal([
      [5, 4],
      [1, 0],
    ]);
    expect(indices.dtype).to.equal(torch.int64);
    expect(m.split(1).map(list)).to.deep.equal([[[1, 5]], [[4, 2]]]);
    expect(m.split([1, 1], 1).map(list)).to.deep.equal([
      [[1], [4]],
      [[5], [2]],
    ]);
    expect(list(m.pow(2))).to.deep.equal([
      [1, 25],
      [16, 4],
    ]);
    expect(list(torch.pow(2, m))).to.deep.equal([
      [2, 32],
      [16, 4],
    ]);
    expect(m.std().item()).to.be.closeTo(m.std({ correction: 1 }).item(), 1e-6);
    expect(list(m.std(0))).to.deep.equal(list(m.std({ dim: 0, unbiased: true })));
    expect(m.view(torch.int32).dtype).to.equal(torch.int32);
    expect(torch.movedim(torch.zeros([2, 3]), 0, 1).shape).to.deep.equal([3, 2]);
    expect(torch.movedim(torch.zeros([2, 3]), [0, 1], [1, 0]).shape).to.deep.equal([3, 2]);
  });

  it('returns the very object that an op writes to', () => {
    const t = a();
    expect(t.add_(1)).to.equal(t);
    expect(t.mul_(t)).to.equal(t);
    expect(t.clamp_({ max: 9 })).to.equal(t);
    expect(t.zero_()).to.equal(t);
    expect(torch.relu_(t)).to.equal(t);
    const out = torch.empty([3]);
    expect(torch.add(a(), a(), { out })).to.equal(out);
    expect(list(out)).to.deep.equal([2, 4, 6]);
    const pair: [Tensor, Tensor] = [torch.empty([0]), torch.empty([0], { dtype: torch.int64 })];
    const result = torch.max(torch.tensor([[1, 2]]), 1, { out: pair });
    expect(result[0]).to.equal(pair[0]);
    expect(result[1]).to.equal(pair[1]);
    expect(list(pair[0])).to.deep.equal([2]);
  });

  it('makes tensors that require gradients', () => {
    expect(torch.zeros([2], { requiresGrad: true }).requiresGrad).to.equal(true);
    expect(torch.randn([2], { requiresGrad: false }).requiresGrad).to.equal(false);
    expect(torch.zerosLike(a(), { requiresGrad: true, dtype: torch.float64 }).dtype).to.equal(torch.float64);
  });

  it('gives dtypes, numbers and booleans back', () => {
    expect(torch.promoteTypes(torch.int64, torch.float32)).to.equal(torch.float32);
    expect(torch.resultType(ints(), 2.5)).to.equal(torch.float32);
    expect(torch.equal(a(), a())).to.equal(true);
    expect(a().isFloatingPoint()).to.equal(true);
    expect(torch.numel(a())).to.equal(3);
  });

  it('exports JavaScript keywords and namespaces', () => {
    expect(torch.var(a()).item()).to.equal(1);
    expect(torch.linalg.norm(torch.tensor([3, 4])).item()).to.equal(5);
    expect(list(torch.fft.fft(torch.tensor([1, 0])))).to.deep.equal([
      { re: 1, im: 0 },
      { re: 1, im: 0 },
    ]);
    expect(torch.special.expit(torch.tensor(0)).item()).to.equal(0.5);
  });

  it('takes dtypes, devices, layouts, memory formats and generators', () => {
    const image = torch.zeros([1, 2, 3, 4]);
    expect(image.contiguous({ memoryFormat: torch.channelsLast }).stride()).to.deep.equal([24, 1, 8, 2]);
    expect(torch.empty([2], { device: 'meta' }).device.type).to.equal('meta');
    expect(torch.empty([2], { device: image.device }).device).to.equal(image.device);
    expect(image.toSparse().layout).to.equal(torch.sparseCoo);
    const g = () => new torch.Generator().manualSeed(3);
    expect(list(torch.randn([3], { generator: g() }))).to.deep.equal(list(torch.randn([3], { generator: g() })));
  });

  it('converts by to() and its shorthands', () => {
    const t = torch.tensor([1.5, 0]);
    expect(t.to(torch.float64).dtype).to.equal(torch.float64);
    expect(t.to({ dtype: torch.int64 }).tolist()).to.deep.equal([1, 0]);
    expect(t.to(torch.float32).dataPtr()).to.equal(t.dataPtr());
    expect(t.to(torch.float32, { copy: true }).dataPtr()).to.not.equal(t.dataPtr());
    expect(t.to('cpu').device.type).to.equal('cpu');
    expect(t.to(ints()).dtype).to.equal(torch.int64);
    expect([t.half(), t.bfloat16(), t.double(), t.int(), t.bool()].map((c) => c.dtype.name)).to.deep.equal([
      'float16',
      'bfloat16',
      'float64',
      'int32',
      'bool',
    ]);
    expect(refusalOf(() => t.to('gpu' as 'cpu')).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => t.to(3 as never)).code).to.equal('ERR_ARGUMENT');
  });
});

describe('calls that fit no overload', () => {
  const a = torch.tensor([1, 2]);
  const loose = a as unknown as Record<string, (...args: unknown[]) => unknown>;
  const fn = torch as unknown as Record<string, (...args: unknown[]) => unknown>;

  const cases: [string, () => unknown, string][] = [
    ['a wrong operand', () => loose.add!('x'), '"other" of add() must be a Tensor or a number, got "x"'],
    ['a missing operand', () => loose.add!(), '"other" of add() must be a Tensor or a number, got undefined'],
    ['null for an operand', () => loose.mul!(null), '"other" of mul() must be a Tensor or a number, got null'],
    ['no tensor first', () => fn.add!(1, 2), '"input" of add() must be a Tensor, got 1'],
    ['a fraction for a dimension', () => loose.softmax!(0.5), '"dim" of softmax() must be an integer, got 0.5'],
    ['a dimension too few', () => loose.transpose!(0), '"dim1" of transpose() must be an integer, got undefined'],
    [
      'a misspelled option',
      () => loose.add!(a, { alhpa: 2 }),
      'unknown option "alhpa" of add(); did you mean "alpha"? It takes other, alpha',
    ],
    ['an option of a wrong type', () => loose.add!(a, { alpha: 'x' }), '"alpha" of add() must be a number, got "x"'],
    [
      'a dtype by name',
      () => fn.zeros!([2], { dtype: 'float32' }),
      '"dtype" of zeros() must be a dtype such as torch.float32 or null, got "float32"',
    ],
    [
      'a wrong requiresGrad',
      () => fn.zeros!([2], { requiresGrad: 1 }),
      '"requiresGrad" of zeros() must be true or false, got 1',
    ],
    [
      'an argument too many',
      () => loose.relu!(1),
      'relu() must get at most 1 positional argument, got 2 with 1 as the last',
    ],
    ['an argument given twice', () => loose.softmax!(0, { dim: 0 }), '"dim" of softmax() must be given once, got 0'],
    ['an array of other things', () => fn.cat!([a, 1]), '"tensors" of cat() must be an array of Tensors, got [..., 1]'],
    ['a tensor for out that is none', () => fn.add!(a, a, { out: 1 }), '"out" of add() must be a Tensor, got 1'],
    ['out where there is none', () => loose.relu_!({ out: a }), 'relu_() does not take "out"'],
  ];
  for (const [what, body, message] of cases) {
    it(`refuses ${what}`, () => {
      const error = refusalOf(body);
      expect(error.code).to.equal('ERR_ARGUMENT');
      expect(error.message).to.equal(message);
    });
  }

  it('refuses what libtorch would run away with, however it is given', () => {
    const empty = torch.zeros([0, 0, 0]) as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of ['tensorSplit', 'hsplit', 'vsplit', 'dsplit']) {
      for (const given of [1e9, { sections: 1e9 }]) {
        expect(refusalOf(() => empty[name]!(given)).message).to.equal(
          '"sections" must be an integer of at most 100000, got 1000000000',
        );
      }
    }
    expect(refusalOf(() => empty.tensorSplit!(torch.tensor(10n ** 9n))).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => fn.cat!({ tensors: [] })).message).to.match(/at least one Tensor/);
    expect(refusalOf(() => torch.special.hermitePolynomialH(a, 1e9)).message).to.match(/at most 100000/);
    const [square, lowest] = [torch.eye(2), -(2n ** 63n) as never];
    for (const power of [() => square.matrixPower(lowest), () => torch.linalg.matrixPower(square, lowest)]) {
      expect(refusalOf(power).message).to.match(
        /^"n" must be an integer above -9223372036854775808, got -9223372036854775808n$/,
      );
    }
    const bag = (offsets: number[]) =>
      torch.nn.functional.embeddingBag(torch.tensor([0n, 1n]), torch.ones([2, 2]), {
        offsets: torch.tensor(offsets, { dtype: torch.int64 }),
      });
    expect(bag([0, 1]).shape).to.deep.equal([2, 2]);
    for (const offsets of [[], [0, -1], [0, 3]])
      expect(refusalOf(() => bag(offsets)).message).to.match(/"offsets" must be/);
    const padded = torch.tensor([[1n, 2n, -1n]]);
    expect(torch.nn.functional.ctcLoss(torch.zeros([4, 1, 3]), padded, [4], [2]).shape).to.deep.equal([]);
    expect(a.tensorSplit(2).length).to.equal(2);
    const least = torch.tensor([-(2n ** 63n)]);
    expect(refusalOf(() => least.div(-1, { roundingMode: 'trunc' })).message).to.match(/other than -1/);
    expect(refusalOf(() => least.div_(torch.tensor([-1n]), { roundingMode: 'trunc' })).message).to.match(
      /other than -1/,
    );
    expect(least.div(2, { roundingMode: 'trunc' }).item<bigint>()).to.equal(-(2n ** 62n));
    expect(refusalOf(() => torch.lcm(least, torch.tensor([5n]))).message).to.match(
      /does not contain -9223372036854775808/,
    );
    const scores = torch.zeros([4, 1, 3]);
    expect(refusalOf(() => torch.nn.functional.ctcLoss(scores, torch.tensor([[1n, 3n]]), [4], [2])).code).to.equal(
      'ERR_INDEX',
    );
  });

  it('refuses windows that libtorch would narrow to 32 bits', () => {
    const x = torch.ones([1, 4, 9]) as unknown as Record<string, (...args: unknown[]) => unknown>;
    const image = torch.ones([1, 1, 4, 4]) as unknown as Record<string, (...args: unknown[]) => unknown>;
    const { functional } = torch.nn;
    for (const n of [2 ** 31, 2 ** 32, 2 ** 32 + 1, -(2 ** 31), 2 ** 53]) {
      const calls: [string, () => unknown][] = [
        ['padding', () => functional.fold(x as never, [4, 4], 2, { padding: n })],
        ['dilation', () => functional.fold(x as never, [4, 4], 2, { dilation: n })],
        ['padding', () => functional.unfold(image as never, 2, { padding: [0, n] })],
        ['stride', () => functional.unfold(image as never, 2, { stride: n })],
        ['padding', () => functional.conv2d(image as never, torch.ones([1, 1, 2, 2]), { padding: n })],
        ['dilation', () => functional.conv2d(image as never, torch.ones([1, 1, 2, 2]), { dilation: n })],
        ['padding', () => functional.avgPool2d(image as never, 2, { padding: n })],
        ['kernelSize', () => functional.maxPool2d(image as never, n)],
      ];
      for (const [key, call] of calls) {
        const error = refusalOf(call);
        expect(error.code, `${key} ${n}: ${error.message}`).to.equal('ERR_ARGUMENT');
      }
    }
    expect(functional.fold(x as never, [4, 4], 2).shape).to.deep.equal([1, 1, 4, 4]);
  });

  it('changes nothing when it refuses', () => {
    expect(a.tolist()).to.deep.equal([1, 2]);
  });

  it('refuses a method that is called on no tensor', () => {
    const { add } = a;
    expect(refusalOf(() => Reflect.apply(add, {}, [a])).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => Reflect.apply(add, undefined, [a])).code).to.equal('ERR_ARGUMENT');
  });

  it('refuses disposed tensors by their own code', () => {
    const t = torch.zeros([2]);
    t.dispose();
    for (const body of [
      () => t.add(1),
      () => a.add(t),
      () => t.add_(t),
      () => torch.cat([a, t]),
      () => t.sum({ dim: 0 }),
    ]) {
      expect(refusalOf(body).code).to.equal('ERR_DISPOSED');
    }
  });

  it("keeps libtorch's own message without its backtrace", () => {
    const error = refusalOf(() => torch.zeros([2]).add(torch.zeros([3])));
    expect(error.message).to.match(/The size of tensor a \(2\) must match the size of tensor b \(3\)/);
    expect(error.message).to.not.match(/Exception raised from|frame #/);
  });
});

describe('the number of a reduction', () => {
  const reducing = Object.entries(schemas).filter(([, all]) => all.some((text) => text.includes('int reduction')));

  it('is that of many losses', () => {
    expect(reducing.length).to.be.above(15);
  });

  for (const [name, all] of reducing) {
    it(`is 0, 1 or 2 in ${name}`, () => {
      for (const text of all) {
        const overload = new Overload(parseSchema(name, text));
        const { convert } = overload.params.find((param) => param.key === 'reduction')!;
        for (const wrong of [-1, 3, 99, 3n, -1n, Number.MAX_SAFE_INTEGER]) {
          const error = refusalOf(() => convert(wrong));
          expect(error.code).to.equal('ERR_ARGUMENT');
          expect(error.message).to.match(/^"reduction" must be 0 \(none\), 1 \(mean\) or 2 \(sum\), got /);
        }
        for (const right of [0, 1, 2, 1n]) expect(convert(right)).to.equal(right);
      }
    });
  }

  it('is refused in every form of a call', () => {
    const x = torch.ones([2]);
    for (const call of [
      () => torch.mseLoss(x, x, 99),
      () => torch.mseLoss(x, x, { reduction: 99 }),
      () => torch.smoothL1Loss(x, x, 99),
      () => torch.l1Loss(x, x, -1),
      () => torch.klDiv(x, x, 3),
    ]) {
      expect(refusalOf(call).code).to.equal('ERR_ARGUMENT');
    }
    expect(torch.l1Loss(x, x.mul(3), 2).item()).to.equal(4);
  });
});

describe('results with names', () => {
  it('are found by them, and by their places', () => {
    const x = torch.tensor([[1, 5, 2]]);
    const result = x.max(1);
    const [values, indices] = result;
    expect(result.values).to.equal(values);
    expect(result.indices).to.equal(indices);
    expect([values.tolist(), indices.tolist()]).to.deep.equal([[5], [1]]);
    expect([...result]).to.have.lengthOf(2);
    expect(result.map((t) => t.tolist())).to.deep.equal([[5], [1]]);
    expect(torch.sort(x).indices.tolist()).to.deep.equal([[0, 2, 1]]);
    expect(torch.linalg.svd(torch.eye(2)).Vh.shape).to.deep.equal([2, 2]);
    expect(torch.aminmax(x).max.item()).to.equal(5);
  });

  it('of a call with outs are the outs', () => {
    const [a, b] = [torch.empty([0]), torch.empty([0], { dtype: torch.int64 })];
    const result = torch.max(torch.tensor([[1, 5, 2]]), 1, { out: [a, b] });
    expect([result.values, result.indices]).to.deep.equal([a, b]);
  });
});
