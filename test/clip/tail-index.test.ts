import { expect } from 'chai';
import type { TailIndex } from '../../lib/clip/index.js';
import torch, { clip, type Tensor } from '../../lib/index.js';
import { golden, refusalOf } from '../support.js';

interface Case extends TailIndex {
  name: string;
  history: number[];
  options: { k?: number; confidence: number };
}

const near = (got: number, want: number) => expect(got).closeTo(want, 1e-12 * (1 + Math.abs(want)));

describe('clip.tailIndex', () => {
  for (const want of golden<Case[]>('tail-index')) {
    it(`is what numpy computes: ${want.name}`, () => {
      const got = clip.tailIndex(want.history, want.options);
      expect(got).include({ count: want.history.length, q1: want.q1, q3: want.q3, k: want.k });
      near(got.mildRatio, want.mildRatio);
      near(got.extremeRatio, want.extremeRatio);
      near(got.alpha, want.alpha);
      near(got.interval[0], want.interval[0]);
      near(got.interval[1], want.interval[1]);
    });
  }

  it('takes arrays, typed arrays and tensors, in any order, and leaves them as they are', () => {
    const list = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
    const want = clip.tailIndex(list);
    expect(list).deep.equal([3, 1, 4, 1, 5, 9, 2, 6, 5, 3]);
    expect(clip.tailIndex(Float32Array.from(list))).deep.equal(want);
    expect(clip.tailIndex(torch.tensor(list, { requiresGrad: true }))).deep.equal(want);
    expect(clip.tailIndex(torch.tensor(list, { dtype: torch.int64 }))).deep.equal(want);
    expect(clip.tailIndex(list.toReversed())).deep.equal(want);
  });

  for (const index of [0.8, 1.5, 3]) {
    it(`has an interval that holds the index ${index} of a Pareto law 95% of the time`, () => {
      const [runs, n] = [1000, 400];
      const generator = new torch.Generator().manualSeed(3);
      const samples = torch.rand([runs, n], { generator, dtype: torch.float64 }).pow(-1 / index);
      let held = 0;
      for (let i = 0; i < runs; i++) {
        const [low, high] = clip.tailIndex(samples.at(i) as Tensor).interval;
        if (low <= index && index <= high) held++;
      }
      // Four standard errors of a share of 1000.
      expect(held / runs).closeTo(0.95, 4 * Math.sqrt((0.95 * 0.05) / runs));
    });
  }

  it('gives ratios of 1 for a normal law and large ones for a heavy tail', () => {
    const generator = new torch.Generator().manualSeed(4);
    const normal = torch.randn([1_000_000], { generator }).add(10);
    expect(clip.tailIndex(normal).mildRatio).closeTo(1, 0.1);
    expect(clip.tailIndex(normal).extremeRatio).below(4);
    const heavy = torch.rand([1000], { generator }).pow(-1);
    expect(clip.tailIndex(heavy).mildRatio).above(20);
    expect(clip.tailIndex(heavy).extremeRatio).above(10_000);
  });

  it('says Infinity for a flat tail and NaN where it reaches 0', () => {
    expect(clip.tailIndex(new Float64Array(20).fill(2))).include({ alpha: Infinity, mildRatio: 0 });
    const spike = new Float64Array(20);
    spike[7] = 1;
    expect(clip.tailIndex(spike).alpha).satisfy(Number.isNaN);
  });

  const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const refused: [string, unknown[], RegExp][] = [
    ['nothing', [undefined], /"history" must be an array or Tensor of at least 10 norms, got undefined/],
    ['too few', [[1, 2, 3]], /"history" must be an array or Tensor of at least 10 norms, got \[1, 2, 3\]/],
    ['a string', ['0123456789'], /"history" must be an array or Tensor/],
    ['NaN', [ten.with(3, Number.NaN)], /"history\[3\]" must be a finite number >= 0, got NaN/],
    ['inf', [ten.with(9, Infinity)], /"history\[9\]" must be a finite number >= 0, got Infinity/],
    ['a negative norm', [ten.with(0, -1)], /"history\[0\]" must be a finite number >= 0, got -1/],
    ['a norm that is not a number', [ten.map(String)], /"history\[0\]" must be a finite number >= 0, got "1"/],
    ['a matrix', [torch.ones([5, 5])], /"history" must be a Tensor of real numbers with one dimension/],
    ['k = 0', [ten, { k: 0 }], /"k" must be an integer from 1 to 9, got 0/],
    ['k = n', [ten, { k: 10 }], /"k" must be an integer from 1 to 9, got 10/],
    ['a confidence of 1', [ten, { confidence: 1 }], /"confidence" must be a number in \(0, 1\), got 1/],
    ['an unknown option', [ten, { q: 1 }], /unknown option "q" of clip\.tailIndex\(\); it takes k, confidence/],
  ];
  for (const [name, args, message] of refused) {
    it(`refuses ${name}`, () => {
      const error = refusalOf(() => (clip.tailIndex as (...args: unknown[]) => unknown)(...args));
      expect(error.code).equal('ERR_ARGUMENT');
      expect(error.message).match(message);
    });
  }
});
