import { expect } from 'chai';
import torch, { type Generator, type Tensor } from '../../lib/index.js';
import { type Bytes, decode, dtypeNamed, expectSame, golden } from '../support.js';

interface Golden {
  streams: { seed: string; initial: string; draws: Record<string, Bytes> }[];
  numbers: Bytes;
  narrow: Record<string, Bytes>;
}

const expected = golden<Golden>('tensor');

const draw: Record<string, (generator: Generator) => Tensor> = {
  randn: (generator) => torch.randn([5], { generator }),
  randnMany: (generator) => torch.randn([17], { generator }),
  rand: (generator) => torch.rand([3], { generator }),
  randDouble: (generator) => torch.rand([2], { dtype: torch.float64, generator }),
  randint: (generator) => torch.randint(-5, 1000, [4], { generator }),
  randperm: (generator) => torch.randperm(7, { generator }),
  bernoulli: (generator) => torch.empty([6]).bernoulli_(0.3, { generator }),
  normal: (generator) => torch.empty([3], { dtype: torch.float64 }).normal_(2, 0.5, { generator }),
  exponential: (generator) => torch.empty([3]).exponential_(1.5, { generator }),
  multinomial: (generator) => torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 5, true, { generator }),
};

describe('random numbers', () => {
  for (const { seed, initial, draws } of expected.streams) {
    it(`of the seed ${seed} are those of PyTorch`, () => {
      const own = new torch.Generator().manualSeed(BigInt(seed));
      expect(own.initialSeed()).to.equal(BigInt(initial));
      for (const [name, want] of Object.entries(draws)) expectSame(draw[name]!(own), want, name);
      const shared = torch.manualSeed(BigInt(seed));
      for (const [name, want] of Object.entries(draws)) expectSame(draw[name]!(shared), want, name);
    });
  }

  it('go on from a saved state', () => {
    torch.manualSeed(3);
    torch.randn([3]);
    const state = torch.getRngState();
    const next = torch.randn([4]).tolist();
    torch.setRngState(state);
    expect(torch.randn([4]).tolist()).to.deep.equal(next);
  });
});

describe('narrow dtypes', () => {
  for (const [name, want] of Object.entries(expected.narrow)) {
    it(`${name} rounds as in PyTorch, and comes back as float32`, () => {
      const data = new Float32Array(decode(expected.numbers).toTypedArray<Float32Array<ArrayBuffer>>());
      const dtype = dtypeNamed(name.replace(/_e(\d)m/, 'E$1m'));
      const narrow = torch.tensor(data, { dtype });
      expect(narrow.dtype.name).to.equal(name);
      expect(narrow.toTypedArray()).to.be.instanceOf(Float32Array);
      expectSame(torch.tensor(narrow.toTypedArray()), want, name);
    });
  }
});
