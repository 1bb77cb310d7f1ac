import { expect } from 'chai';
import fc from 'fast-check';
import torch, { type Dtype, type TensorData } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('torch.tensor', () => {
  it('infers the dtype from the kind of the elements', () => {
    const cases: [TensorData, Dtype][] = [
      [1, torch.float32],
      [[1, 2], torch.float32],
      [[], torch.float32],
      [[[], []], torch.float32],
      [1n, torch.int64],
      [[1n, -2n], torch.int64],
      [true, torch.bool],
      [[true, false], torch.bool],
      [[1, true], torch.float32],
      [[1n, true], torch.int64],
      [[1n, 0.5], torch.float32],
      [{ re: 1, im: 2 }, torch.complex64],
      [[1, { re: 0, im: 1 }], torch.complex64],
    ];
    for (const [data, dtype] of cases) expect(torch.tensor(data).dtype).to.equal(dtype);
  });

  it('follows the default dtype', () => {
    torch.setDefaultDtype(torch.float64);
    try {
      expect(torch.tensor([1]).dtype).to.equal(torch.float64);
      expect(torch.tensor({ re: 1, im: 1 }).dtype).to.equal(torch.complex128);
      expect(torch.full([1], 1).dtype).to.equal(torch.float64);
      expect(torch.zeros([1]).dtype).to.equal(torch.float64);
    } finally {
      torch.setDefaultDtype(torch.float32);
    }
  });

  it('has the shape of the nested arrays', () => {
    expect(torch.tensor(5).shape).to.deep.equal([]);
    expect(torch.tensor([]).shape).to.deep.equal([0]);
    expect(torch.tensor([[], []]).shape).to.deep.equal([2, 0]);
    expect(torch.tensor([[[1, 2, 3]], [[4, 5, 6]]]).shape).to.deep.equal([2, 1, 3]);
    expect(torch.tensor([new Float32Array([1, 2]), new Float32Array([3, 4])]).tolist()).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
  });

  it('keeps the dtype of a typed array, and copies it', () => {
    const arrays: [ArrayBufferView, Dtype][] = [
      [new Int8Array([-1, 2]), torch.int8],
      [new Uint8Array([1, 255]), torch.uint8],
      [new Uint8ClampedArray([1, 255]), torch.uint8],
      [new Int16Array([-1, 2]), torch.int16],
      [new Uint16Array([1, 65535]), torch.uint16],
      [new Int32Array([-1, 2]), torch.int32],
      [new Uint32Array([1, 4294967295]), torch.uint32],
      [new Float32Array([0.5, 2]), torch.float32],
      [new Float64Array([0.1, 2]), torch.float64],
      [new BigInt64Array([-1n, 2n]), torch.int64],
      [new BigUint64Array([1n, 2n]), torch.uint64],
      [Buffer.from([1, 2]), torch.uint8],
    ];
    for (const [data, dtype] of arrays) {
      const t = torch.tensor(data as Float32Array);
      expect(t.dtype).to.equal(dtype);
      expect(t.tolist()).to.deep.equal(Array.from(data as unknown as number[], Number));
    }
    const source = new Float32Array([1, 2]);
    const t = torch.tensor(source);
    source[0] = 9;
    expect(t.tolist()).to.deep.equal([1, 2]);
    expect(torch.tensor(new Float32Array([9, 1, 2, 9]).subarray(1, 3)).tolist()).to.deep.equal([1, 2]);
  });

  it('shapes a typed array', () => {
    expect(torch.tensor(new Float32Array(6), { shape: [2, 3] }).shape).to.deep.equal([2, 3]);
    expect(torch.fromTypedArray(new Float32Array(1), { shape: [] }).shape).to.deep.equal([]);
    expect(torch.fromTypedArray(new Float32Array(0), { shape: [0, 3] }).shape).to.deep.equal([0, 3]);
  });

  it('converts to any dtype', () => {
    expect(torch.tensor([1.7, -1.7], { dtype: torch.int64 }).tolist()).to.deep.equal([1, -1]);
    expect(torch.tensor([0, 2], { dtype: torch.bool }).tolist()).to.deep.equal([false, true]);
    expect(torch.tensor([1n, 2n], { dtype: torch.float64 }).tolist()).to.deep.equal([1, 2]);
    expect(torch.tensor([1 / 3], { dtype: torch.float16 }).item()).to.equal(0.333251953125);
    expect(torch.tensor([1 / 3], { dtype: torch.bfloat16 }).item()).to.equal(0.333984375);
    expect(torch.tensor([true], { dtype: torch.float32 }).item()).to.equal(1);
    expect(torch.tensor([1.5], { dtype: torch.complex64 }).tolist()).to.deep.equal([{ re: 1.5, im: 0 }]);
    expect(torch.tensor([{ re: 0.1, im: 2 }], { dtype: torch.complex128 }).tolist()).to.deep.equal([
      { re: 0.1, im: 2 },
    ]);
    expect(torch.tensor(new Float32Array([1.5]), { dtype: torch.int32 }).item()).to.equal(1);
    expect(torch.tensor([0.1], { dtype: torch.float64 }).item()).to.equal(0.1);
    expect(torch.tensor([2n ** 63n - 1n]).item<bigint>()).to.equal(2n ** 63n - 1n);
    expect(torch.tensor([2n ** 64n - 1n], { dtype: torch.uint64 }).item<bigint>()).to.equal(2n ** 64n - 1n);
  });

  it('copies a tensor out of its graph', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const y = torch.tensor(x.mul(2), { dtype: torch.float64, requiresGrad: true });
    expect([y.isLeaf, y.requiresGrad, y.dtype.name]).to.deep.equal([true, true, 'float64']);
    expect(torch.tensor(x).dataPtr()).to.not.equal(x.dataPtr());
    expect(torch.tensor(x).requiresGrad).to.equal(false);
  });

  it('can require gradients and be elsewhere', () => {
    expect(torch.tensor([1], { requiresGrad: true }).requiresGrad).to.equal(true);
    expect(torch.tensor([1], { device: 'meta' }).device.type).to.equal('meta');
  });

  it('gives back what it was made of', () => {
    const matrix = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 4 })).chain(([rows, columns]) =>
      fc.array(fc.array(fc.double({ noNaN: true }), { minLength: columns, maxLength: columns }), {
        minLength: rows,
        maxLength: rows,
      }),
    );
    fc.assert(
      fc.property(matrix, (data) => {
        expect(torch.tensor(data, { dtype: torch.float64 }).tolist()).to.deep.equal(data);
      }),
    );
  });

  it('refuses what is not a tensor', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const bad: [unknown, object | null | undefined, string][] = [
      [[[1, 2], [3]], undefined, 'ERR_SHAPE'],
      [[1, [2]], undefined, 'ERR_SHAPE'],
      [[[1], 2], undefined, 'ERR_SHAPE'],
      [cyclic, undefined, 'ERR_SHAPE'],
      ['abc', undefined, 'ERR_ARGUMENT'],
      [[1, 'a'], undefined, 'ERR_ARGUMENT'],
      [[null], undefined, 'ERR_ARGUMENT'],
      [undefined, undefined, 'ERR_ARGUMENT'],
      [{}, undefined, 'ERR_ARGUMENT'],
      [new Array(3), undefined, 'ERR_ARGUMENT'],
      [2n ** 63n, undefined, 'ERR_ARGUMENT'],
      [-1n, { dtype: torch.uint64 }, 'ERR_ARGUMENT'],
      [{ re: 1, im: 1 }, { dtype: torch.float32 }, 'ERR_DTYPE'],
      [[1], { dtype: 'float32' }, 'ERR_ARGUMENT'],
      [[1], { device: 'gpu' }, 'ERR_DEVICE'],
      [[1], { requiresGrad: 1 }, 'ERR_ARGUMENT'],
      [[1n], { requiresGrad: true }, 'ERR_DTYPE'],
      [new Int32Array(2), { requiresGrad: true }, 'ERR_DTYPE'],
      [[1], { shape: [1] }, 'ERR_ARGUMENT'],
      [new Float32Array(6), { shape: [2, 2] }, 'ERR_SHAPE'],
      [new Float32Array(6), { shape: [-2, -3] }, 'ERR_SHAPE'],
      [new Float32Array(6), { shape: 'x' }, 'ERR_SHAPE'],
      [new DataView(new ArrayBuffer(4)), undefined, 'ERR_ARGUMENT'],
      [[1], null, 'ERR_ARGUMENT'],
    ];
    for (const [data, options, code] of bad) {
      const what = `${String(Array.isArray(data) ? 'array' : data)} ${Object.keys(options ?? {})}`;
      expect(refusalOf(() => torch.tensor(data as number, options as object)).code, what).to.equal(code);
    }
  });
});

describe('factories', () => {
  it('fill with a value of its own kind', () => {
    expect(torch.full([2], 3).dtype).to.equal(torch.float32);
    expect(torch.full([2], 3n).dtype).to.equal(torch.int64);
    expect(torch.full([2], true).dtype).to.equal(torch.bool);
    expect(torch.full([2], { re: 1, im: 2 }).dtype).to.equal(torch.complex64);
    expect(torch.full([2], 3, { dtype: torch.int32 }).tolist()).to.deep.equal([3, 3]);
    const out = torch.empty([2], { dtype: torch.int64 });
    expect(torch.full([2], 7, { out })).to.equal(out);
    expect(out.tolist()).to.deep.equal([7, 7]);
  });

  it('draw the numbers of PyTorch from a seed', () => {
    torch.manualSeed(0);
    const near = (t: torch.Tensor, want: number[]) =>
      (t.tolist() as number[]).forEach((v, i) => {
        expect(v).to.be.closeTo(want[i]!, 1e-6);
      });
    near(torch.randn([3]), [1.5409961, -0.2934289, -2.1787894]);
    torch.manualSeed(0);
    near(torch.rand([3]), [0.4962566, 0.7682218, 0.0884774]);
    torch.manualSeed(0);
    expect(torch.randint(0, 10, [4]).tolist()).to.deep.equal([4, 9, 3, 0]);
    torch.manualSeed(0);
    expect(torch.randperm(5).tolist()).to.deep.equal([4, 0, 1, 3, 2]);
  });

  it('refuse sizes that are none', () => {
    for (const size of [[-1], [0.5], ['2'], [2 ** 40, 2 ** 40], [Number.NaN], 'x', null]) {
      refusalOf(() => torch.zeros(size as number[]));
    }
  });
});

describe('dtypes and devices', () => {
  it('say what they are', () => {
    expect([torch.float32.name, torch.float32.itemsize, String(torch.float32)]).to.deep.equal([
      'float32',
      4,
      'torch.float32',
    ]);
    expect([torch.bfloat16.isFloatingPoint, torch.int8.isFloatingPoint, torch.complex64.isComplex]).to.deep.equal([
      true,
      false,
      true,
    ]);
    for (const dtype of [
      torch.uint8,
      torch.int64,
      torch.float16,
      torch.bool,
      torch.complex128,
      torch.uint32,
      torch.float8E4m3fn,
    ]) {
      const t = torch.empty([1], { dtype });
      expect(t.dtype).to.equal(dtype);
      expect(t.itemsize).to.equal(dtype.itemsize);
    }
    const { device } = torch.zeros([1]);
    expect([device.type, device.index, String(device), JSON.stringify({ device })]).to.deep.equal([
      'cpu',
      null,
      'cpu',
      '{"device":"cpu"}',
    ]);
  });
});
