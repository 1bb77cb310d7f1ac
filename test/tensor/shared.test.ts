// Tensors over the memory of JavaScript.
import { expect } from 'chai';
import { native } from '../../lib/binding/index.js';
import torch, { type Tensor } from '../../lib/index.js';
import { wrap } from '../../lib/tensor.js';
import { refusalOf } from '../support.js';

describe('tensors over the memory of typed arrays', () => {
  const arrays = [
    Int8Array,
    Uint8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  for (const Class of arrays) {
    it(`${Class.name}: what is written to one is seen in the other`, () => {
      const array = new Class(6);
      const one = (array instanceof BigInt64Array || array instanceof BigUint64Array ? 1n : 1) as never;
      const t = torch.fromTypedArray(array, { copy: false, shape: [2, 3] });
      expect(t.shape).to.deep.equal([2, 3]);
      array[4] = one;
      expect(Number(t.at(1, 1).item<number | bigint>())).to.equal(1);
      t.fill_(1);
      expect([...array]).to.deep.equal(Array.from({ length: 6 }, () => one));
      expect(torch.asTensor(array).dataPtr()).to.equal(t.dataPtr());
      expect(torch.fromTypedArray(array).dataPtr()).not.to.equal(t.dataPtr());
    });
  }

  it('a part of a buffer, and shared memory', () => {
    const whole = new Float32Array(8);
    torch.fromTypedArray(whole.subarray(2, 5), { copy: false }).fill_(1);
    expect([...whole]).to.deep.equal([0, 0, 1, 1, 1, 0, 0, 0]);
    const shared = new Float32Array(new SharedArrayBuffer(8));
    torch.fromTypedArray(shared, { copy: false }).fill_(2);
    expect([...shared]).to.deep.equal([2, 2]);
  });

  it('keep the array alive, and let it go', () => {
    const make = () => torch.fromTypedArray(new Float64Array(1000).fill(3), { copy: false });
    const kept: Tensor[] = [];
    for (let i = 0; i < 50; i++) kept.push(make());
    torch.collectGarbage();
    for (let i = 0; i < 50; i++) new Float64Array(1000).fill(7);
    for (const t of kept) expect(t.sum().item()).to.equal(3000);
    kept[0]!.dispose();
    expect(kept[1]!.view([-1]).narrow(0, 0, 2).tolist()).to.deep.equal([3, 3]);
  });

  it('hold their buffer in place', () => {
    const array = new Float32Array(4);
    const t = torch.fromTypedArray(array, { copy: false });
    // Some versions of Node.js refuse it, others send a copy.
    try {
      structuredClone(array.buffer, { transfer: [array.buffer] });
    } catch {}
    const { transfer } = array.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
    if (transfer !== undefined) expect(refusalOf(() => transfer.call(array.buffer)).code).to.equal('ERR_STATE');
    expect(array.length).to.equal(4);
    expect(t.sum().item()).to.equal(0);
    type Growing = new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
    const resizable = new (ArrayBuffer as Growing)(8, { maxByteLength: 16 });
    const message = refusalOf(() => torch.fromTypedArray(new Float32Array(resizable), { copy: false })).message;
    expect(message).to.contain('memory of a fixed size');
    expect(torch.asTensor(new Float32Array(resizable)).numel()).to.equal(2);
  });

  it('are copied on their way to another thread, whose memory outlives this one', () => {
    const array = Float32Array.of(1, 2);
    const t = torch.fromTypedArray(array, { copy: false });
    const received = wrap(native.receiveTensor(native.sendTensor(t.handle, 0)));
    expect(received.tolist()).to.deep.equal([1, 2]);
    expect(received.dataPtr()).not.to.equal(t.dataPtr());
    const own = torch.ones([2]);
    expect(wrap(native.receiveTensor(native.sendTensor(own.handle, 0))).dataPtr()).to.equal(own.dataPtr());
  });

  it('refuse what would need a copy', () => {
    const array = new Float32Array(4);
    for (const [options, code] of [
      [{ dtype: torch.float64 }, 'ERR_DTYPE'],
      [{ device: 'meta' }, 'ERR_DEVICE'],
      [{ shape: [3] }, 'ERR_SHAPE'],
    ] as const) {
      expect(refusalOf(() => torch.fromTypedArray(array, { copy: false, ...options })).code).to.equal(code);
    }
    expect(refusalOf(() => torch.fromTypedArray(new Int8Array(1), { copy: false, requiresGrad: true })).code).to.equal(
      'ERR_DTYPE',
    );
  });

  it('record gradients, and take part in graphs', () => {
    const array = Float32Array.of(1, 2);
    const t = torch.fromTypedArray(array, { copy: false, requiresGrad: true });
    t.pow(2).sum().backward();
    expect(t.grad!.tolist()).to.deep.equal([2, 4]);
  });
});

describe('torch.frombuffer', () => {
  it('reads any dtype from any place', () => {
    const bytes = Buffer.from(Float32Array.of(1, 2, 3).buffer);
    expect(torch.frombuffer(bytes, { dtype: torch.float32 }).tolist()).to.deep.equal([1, 2, 3]);
    expect(torch.frombuffer(bytes, { dtype: torch.float32, offset: 4, count: 1 }).tolist()).to.deep.equal([2]);
    expect(torch.frombuffer(bytes, { dtype: torch.int32, count: 1 }).item()).to.equal(0x3f800000);
    const half = torch.frombuffer(Uint16Array.of(0x3f80, 0xbf80).buffer, { dtype: torch.bfloat16 });
    expect(half.tolist()).to.deep.equal([1, -1]);
  });

  it('refuses what the buffer does not hold', () => {
    const buffer = new ArrayBuffer(10);
    for (const [options, part] of [
      [{ dtype: torch.float32 }, 'whole elements of 4 bytes from byte 0 on'],
      [{ dtype: torch.int8, offset: 10 }, 'from byte 10 on'],
      [{ dtype: torch.int16, count: 6 }, '6 elements of 2 bytes'],
      [{ dtype: torch.int16, offset: 1, count: 2 }, 'a multiple of 2 bytes'],
      [{ dtype: torch.int16, count: 0 }, '0 elements'],
    ] as const) {
      expect(refusalOf(() => torch.frombuffer(buffer, options)).message).to.contain(part);
    }
    expect(refusalOf(() => torch.frombuffer(buffer, { dtype: torch.quint8 })).code).to.equal('ERR_DTYPE');
    expect(refusalOf(() => torch.frombuffer([1] as never, { dtype: torch.int8 })).message).to.contain(
      '"buffer" must be an ArrayBuffer',
    );
  });
});

describe('torch.asTensor and torch.asarray', () => {
  it('give a tensor back as it is, with its graph', () => {
    const x = torch.ones([2], { requiresGrad: true }).mul(2);
    expect(torch.asTensor(x)).to.equal(x);
    expect(torch.asTensor(x, { dtype: torch.float64 }).gradFn).not.to.equal(null);
    expect(torch.asarray(x).requiresGrad).to.equal(false);
    expect(torch.asarray(x).dataPtr()).to.equal(x.dataPtr());
    expect(torch.asarray(x, { copy: true }).dataPtr()).not.to.equal(x.dataPtr());
    expect(torch.asarray(x, { requiresGrad: true }).requiresGrad).to.equal(true);
  });

  it('copy where they must, unless told not to', () => {
    expect(torch.asTensor([[1, 2]]).shape).to.deep.equal([1, 2]);
    const array = Float32Array.of(1);
    expect(torch.asTensor(array, { dtype: torch.int8 }).dtype).to.equal(torch.int8);
    for (const body of [
      () => torch.asarray([1], { copy: false }),
      () => torch.asarray(array, { copy: false, dtype: torch.float64 }),
      () => torch.asarray(torch.ones([1]), { copy: false, dtype: torch.float64 }),
    ]) {
      expect(refusalOf(body).message).to.equal('"copy" cannot be false: this data must be copied');
    }
  });
});
