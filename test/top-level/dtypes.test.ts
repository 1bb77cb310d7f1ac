// The limits of dtypes, and the default device.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { dtypeOf, expected } from './support.js';

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
