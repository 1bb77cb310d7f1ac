import { expect } from 'chai';
import torch, { type Dtype, type ElementArray, type Tensor, type TypedArray } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const big = 2n ** 60n + 1n;
const arrays: [TypedArray, Dtype][] = [
  [new Int8Array([-128, 0, 127]), torch.int8],
  [new Uint8Array([0, 1, 255]), torch.uint8],
  [new Uint8ClampedArray([0, 1, 255]), torch.uint8],
  [Buffer.from([7, 8]), torch.uint8],
  [new Int16Array([-32768, 32767]), torch.int16],
  [new Uint16Array([0, 65535]), torch.uint16],
  [new Int32Array([-(2 ** 31), 2 ** 31 - 1]), torch.int32],
  [new Uint32Array([0, 2 ** 32 - 1]), torch.uint32],
  [new Float32Array([0.5, -0, Number.NaN, Number.POSITIVE_INFINITY]), torch.float32],
  [new Float64Array([0.1, -0, Number.NaN, 5e-324]), torch.float64],
  [new BigInt64Array([-(2n ** 63n), big]), torch.int64],
  [new BigUint64Array([0n, 2n ** 64n - 1n]), torch.uint64],
];

const same = (a: TypedArray | ElementArray, b: TypedArray | ElementArray) =>
  a.length === b.length && Array.from(a as Float64Array).every((v, i) => Object.is(v, (b as Float64Array)[i]));

describe('typed arrays', () => {
  for (const [data, dtype] of arrays) {
    it(`${data.constructor.name} keeps its values as ${dtype}, there and back`, async () => {
      const t = torch.tensor(data);
      expect(t.dtype).to.equal(dtype);
      expect(t.shape).to.deep.equal([data.length]);
      const back = t.toTypedArray();
      expect(same(back, data)).to.equal(true);
      expect(back.constructor.name).to.equal(
        data instanceof Buffer || data instanceof Uint8ClampedArray ? 'Uint8Array' : data.constructor.name,
      );
      expect(same(await t.toTypedArrayAsync(), data)).to.equal(true);
    });
  }

  it('are copied, not shared', () => {
    const data = new Float32Array([1, 2]);
    const t = torch.tensor(data);
    data[0] = 9;
    const back = t.toTypedArray();
    back[1] = 9;
    expect(t.tolist()).to.deep.equal([1, 2]);
  });

  it('may be a part of a buffer', () => {
    const buffer = new Float32Array([1, 2, 3, 4]).buffer;
    expect(torch.tensor(new Float32Array(buffer, 4, 2)).tolist()).to.deep.equal([2, 3]);
  });

  it('take a shape and another dtype', () => {
    const t = torch.tensor(new Float32Array([0, 1, 2, 3, 4, 5]), { shape: [2, 3], dtype: torch.int64 });
    expect(t.dtype).to.equal(torch.int64);
    expect(t.tolist()).to.deep.equal([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    for (const shape of [[5], [2, 2], [-1], [2.5], [Number.NaN], 'x', [2, 3, 2 ** 53]]) {
      const refused = refusalOf(() => torch.tensor(new Float32Array(6), { shape: shape as number[] }));
      expect(refused.code).to.equal('ERR_SHAPE');
    }
  });
});

describe('elements of every kind', () => {
  it('half precision is widened to float32', () => {
    for (const dtype of [torch.float16, torch.bfloat16]) {
      const t = torch.tensor([1.5, -2, 65504], { dtype });
      const back = t.toTypedArray();
      expect(back).to.be.instanceOf(Float32Array);
      expect(Array.from(back as Float32Array).slice(0, 2)).to.deep.equal([1.5, -2]);
      expect(torch.tensor(back, { dtype }).equal(t)).to.equal(true);
    }
  });

  it('complex numbers are pairs', () => {
    const z = torch.tensor([
      { re: 1, im: 2 },
      { re: 3, im: -4 },
    ]);
    expect(z.dtype).to.equal(torch.complex64);
    expect(z.toTypedArray()).to.deep.equal(new Float32Array([1, 2, 3, -4]));
    expect(z.to(torch.complex128).toTypedArray()).to.deep.equal(new Float64Array([1, 2, 3, -4]));
    expect(z.conj().toTypedArray()).to.deep.equal(new Float32Array([1, -2, 3, 4]));
    expect(z.tolist()).to.deep.equal([
      { re: 1, im: 2 },
      { re: 3, im: -4 },
    ]);
    expect(z.at(1).item()).to.deep.equal({ re: 3, im: -4 });
  });

  it('booleans are bytes, and booleans in lists', () => {
    const t = torch.tensor([true, false]);
    expect(t.dtype).to.equal(torch.bool);
    expect(t.toTypedArray()).to.deep.equal(new Uint8Array([1, 0]));
    expect(t.tolist()).to.deep.equal([true, false]);
    expect(t.at(0).item<boolean>()).to.equal(true);
  });

  it('integers beyond the safe range are bigints', () => {
    const t = torch.tensor([big, 5n]);
    expect(t.at(0).item<bigint>()).to.equal(big);
    expect(t.at(1).item()).to.equal(5);
    expect(t.tolist()).to.deep.equal([big, 5]);
    expect(torch.tensor(new BigUint64Array([2n ** 64n - 1n])).item<bigint>()).to.equal(2n ** 64n - 1n);
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) {
      expect(refusalOf(() => torch.tensor([value])).code).to.equal('ERR_ARGUMENT');
    }
  });

  it('numbers keep their extremes', async () => {
    for (const value of [0, 1 / 3, Number.MAX_VALUE, 5e-324, Number.NEGATIVE_INFINITY]) {
      const t = torch.tensor(value, { dtype: torch.float64 });
      expect(t.item()).to.equal(value);
      expect(await t.itemAsync()).to.equal(value);
    }
    expect(Object.is(torch.tensor(-0).item(), -0)).to.equal(true);
    expect(torch.tensor(Number.NaN).item()).to.be.NaN;
  });
});

describe('any memory layout', () => {
  const base = torch.arange(24).view([2, 3, 4]);
  const views: Record<string, () => Tensor> = {
    'a transposed view': () => base.transpose(0, 2),
    'a slice': () => base.slice(2, 1, 4, 2),
    'an expanded view': () => base.narrow(0, 0, 1).expand([3, 3, 4]),
    'a channels-last tensor': () => base.unsqueeze(0).contiguous({ memoryFormat: torch.channelsLast }),
    'an empty tensor': () => base.narrow(0, 0, 0),
    'a tensor without dimensions': () => base.at(1, 2, 3),
    'a sparse tensor': () => base.toSparse(),
    'a tensor that requires gradients': () => base.to(torch.float64).requiresGrad_(),
  };
  for (const [name, make] of Object.entries(views)) {
    it(`${name} is read in row-major order`, async () => {
      const t = make();
      const dense = t.layout === torch.strided ? t : t.toDense();
      const want = dense
        .detach()
        .clone({ memoryFormat: torch.contiguousFormat })
        .view([-1])
        .tolist<number>() as number[];
      expect(Array.from(t.toTypedArray() as BigInt64Array, Number)).to.deep.equal(want);
      expect(Array.from((await t.toTypedArrayAsync()) as BigInt64Array, Number)).to.deep.equal(want);
    });
  }

  it('a tensor without data is refused', () => {
    const meta = torch.empty([2], { device: 'meta' });
    expect(() => meta.toTypedArray()).to.throw(torch.TorchClipError);
    expect(() => meta.sum().item()).to.throw(torch.TorchClipError);
    expect(() => meta.toTypedArrayAsync()).to.throw(torch.TorchClipError);
  });

  it('item takes exactly one element', () => {
    for (const shape of [[2], [0], [1, 2]]) {
      expect(refusalOf(() => torch.zeros(shape).item()).code).to.equal('ERR_SHAPE');
      expect(refusalOf(() => torch.zeros(shape).itemAsync()).code).to.equal('ERR_SHAPE');
    }
    expect(torch.ones([1, 1, 1]).item()).to.equal(1);
  });
});

describe('asynchronous transfer', () => {
  it('lets the event loop turn', async () => {
    const t = torch.zeros([20_000_000], { dtype: torch.float64 }).narrow(0, 0, 19_999_999);
    let done = false;
    let turns = 0;
    const turn = () => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const data = await t.toTypedArrayAsync();
    done = true;
    expect(data.length).to.equal(19_999_999);
    expect(turns).to.be.above(0);
  });

  it('gives the values of the call, and the tensor may go meanwhile', async () => {
    const t = torch.arange(1000).to(torch.float32);
    const pending = t.toTypedArrayAsync();
    t.dispose();
    torch.collectGarbage();
    const data = await pending;
    expect(data[999]).to.equal(999);
  });

  it('gives the values of the call, whatever is written and resized meanwhile', async () => {
    const t = torch.zeros([300_000]);
    const pending = [
      t.toTypedArrayAsync(),
      t.view([3, -1]).toTypedArrayAsync(),
      t.to(torch.bfloat16).toTypedArrayAsync(),
    ];
    const item = t.at(0).itemAsync();
    t.fill_(7);
    t.resize_([400_000]);
    for (const data of await Promise.all(pending)) expect(data.every((v) => v === 0)).to.equal(true);
    expect(await item).to.equal(0);
  });

  it('is refused with the stack of JavaScript', () => {
    const t = torch.ones([2]);
    t.dispose();
    expect(refusalOf(() => t.toTypedArrayAsync()).stack).to.include('transfer.test');
  });
});
