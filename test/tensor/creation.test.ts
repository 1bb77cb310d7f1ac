import { expect } from 'chai';
import torch, { type Tensor, type TensorData } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const codeOf = (body: () => unknown) => refusalOf(body).code;

describe('the data of torch.tensor', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const wide: unknown[] = [1];
  wide.push(wide);
  const refused: [string, unknown, string][] = [
    ['ragged rows', [[1, 2], [3]], 'ERR_SHAPE'],
    ['numbers beside arrays', [1, [2]], 'ERR_SHAPE'],
    ['arrays beside numbers', [[1], 2], 'ERR_SHAPE'],
    ['a cyclic array', cyclic, 'ERR_SHAPE'],
    ['an array that holds itself second', wide, 'ERR_SHAPE'],
    ['strings', ['1'], 'ERR_ARGUMENT'],
    ['null', null, 'ERR_ARGUMENT'],
    ['undefined', undefined, 'ERR_ARGUMENT'],
    ['holes', new Array(3), 'ERR_ARGUMENT'],
    ['an object', {}, 'ERR_ARGUMENT'],
    ['a half complex number', { re: 1 }, 'ERR_ARGUMENT'],
    ['a symbol', Symbol('x'), 'ERR_ARGUMENT'],
    ['a function', () => 1, 'ERR_ARGUMENT'],
    ['a DataView', new DataView(new ArrayBuffer(8)), 'ERR_ARGUMENT'],
    ['a bigint beyond 64 bits', 2n ** 70n, 'ERR_ARGUMENT'],
  ];
  for (const [name, data, code] of refused) {
    it(`refuses ${name}`, () => expect(codeOf(() => torch.tensor(data as TensorData))).to.equal(code));
  }

  it('refuses wrong options', () => {
    const make = (options: object) => () => torch.tensor([1], options as never);
    expect(codeOf(make({ dtype: 'float32' }))).to.equal('ERR_ARGUMENT');
    expect(codeOf(make({ device: 'tpu' }))).to.equal('ERR_DEVICE');
    expect(codeOf(make({ requiresGrad: 1 }))).to.equal('ERR_ARGUMENT');
    expect(codeOf(make({ requiresGrad: true, dtype: torch.int64 }))).to.equal('ERR_DTYPE');
    expect(codeOf(() => torch.tensor([1n], { requiresGrad: true }))).to.equal('ERR_DTYPE');
    expect(codeOf(() => torch.tensor([{ re: 1, im: 2 }], { dtype: torch.float32 }))).to.equal('ERR_DTYPE');
  });
});

describe('sizes', () => {
  const makers: Record<string, (shape: number[]) => Tensor> = {
    zeros: (shape) => torch.zeros(shape),
    empty: (shape) => torch.empty(shape),
    full: (shape) => torch.full(shape, 1),
    randn: (shape) => torch.randn(shape),
    expand: (shape) => torch.ones([1]).expand(shape),
  };
  const refused: [string, unknown][] = [
    ['negative', [-2]],
    ['not a number', [Number.NaN]],
    ['infinite', [Number.POSITIVE_INFINITY]],
    ['fractional', [1.5]],
    ['strings', ['3']],
    ['missing', undefined],
    ['more than 64 bits together', [2 ** 40, 2 ** 40]],
  ];
  for (const [name, shape] of refused) {
    it(`that are ${name} are refused`, () => {
      for (const [maker, make] of Object.entries(makers)) {
        if (maker === 'expand' && name.startsWith('more')) continue;
        expect(() => make(shape as number[]), maker).to.throw(torch.TorchClipError);
      }
    });
  }

  it('that no machine can hold give ERR_OUT_OF_MEMORY', () => {
    expect(codeOf(() => torch.zeros([2 ** 45]))).to.equal('ERR_OUT_OF_MEMORY');
    expect(codeOf(() => torch.ones([2 ** 45], { dtype: torch.uint8 }))).to.equal('ERR_OUT_OF_MEMORY');
    expect(
      codeOf(() =>
        torch
          .ones([1])
          .expand([2 ** 45])
          .contiguous(),
      ),
    ).to.equal('ERR_OUT_OF_MEMORY');
    expect(codeOf(() => torch.arange(2 ** 45))).to.equal('ERR_OUT_OF_MEMORY');
    expect(torch.ones([2]).add(1).tolist()).to.deep.equal([2, 2]);
  });
});

describe('torch.tensor of an integer dtype', () => {
  const values = [
    ...[300, -1, -129, -255, -256, -300, 2 ** 40, 1.5, -0.5, 254.9, 70_000, 65_536, 1e30, -1e30, 1e300],
    ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true, 5n, 300n, -1n, 2n ** 63n, -(2n ** 63n)],
  ];
  // Between the largest uint8 and the next integer: full of libtorch 2.14 truncates it, which tensor() does not.
  if (torch.version.libtorch.startsWith('2.13.')) values.push(255.9);
  const made = (make: () => Tensor): unknown => {
    try {
      return make().tolist();
    } catch (error) {
      expect(error).to.be.instanceOf(torch.TorchClipError);
      return 'refused';
    }
  };
  for (const dtype of [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64]) {
    it(`takes what torch.full takes: ${dtype}`, () => {
      for (const value of values) {
        const full = made(() => torch.full([1], value, { dtype }));
        expect(
          made(() => torch.tensor([value], { dtype })),
          String(value),
        ).to.deep.equal(full);
        expect(
          made(() => torch.tensor([0, [value][0]!], { dtype }).narrow(0, 1, 1)),
          String(value),
        ).to.deep.equal(full);
      }
    });
  }

  it('is refused in one sentence', () => {
    expect(() => torch.tensor([300], { dtype: torch.uint8 })).to.throw(
      '"data" must be numbers that fit torch.uint8, got 300',
    );
  });

  it('makes bools of everything', () => {
    expect(torch.tensor([300, 0, Number.NaN, -1.5], { dtype: torch.bool }).tolist()).to.deep.equal([
      true,
      false,
      true,
      true,
    ]);
    expect(torch.tensor([2n ** 70n, 0n], { dtype: torch.bool }).tolist()).to.deep.equal([true, false]);
  });

  it('wraps the elements of a typed array, which are converted', () => {
    expect(torch.tensor(new Int32Array([300]), { dtype: torch.uint8 }).tolist()).to.deep.equal([44]);
  });
});
