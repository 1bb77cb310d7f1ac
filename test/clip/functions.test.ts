import { expect } from 'chai';
import torch, { clip, type Tensor } from '../../lib/index.js';

const near = (t: torch.Tensor, want: number[]) => {
  const got = (t.to(torch.float64).reshape([-1]).tolist() as number[]).map((x) => Math.round(x * 1e6) / 1e6);
  expect(got).deep.equal(want);
};

describe("clip: TensorFlow's functions", () => {
  const t = torch.tensor([
    [3, 4],
    [0, 0.5],
  ]);

  it('byNorm scales to the level and leaves what is below it', () => {
    near(clip.byNorm(torch.tensor([3, 4]), 1), [0.6, 0.8]);
    const small = torch.tensor([0.1, 0.2, 0.7]);
    expect(clip.byNorm(small, 49).tolist()).deep.equal(small.tolist());
    near(clip.byNorm(t, 1, { dim: 1 }), [0.6, 0.8, 0, 0.5]);
    near(clip.byNorm(t, 1, { dim: [0] }), [1, 0.992278, 0, 0.124035]);
  });

  it('byNorm and byAverageNorm by an infinite level leave an infinite norm alone', () => {
    const t = torch.tensor([3, Number.POSITIVE_INFINITY]);
    for (const by of [clip.byNorm, clip.byAverageNorm]) {
      expect(by(t, Number.POSITIVE_INFINITY).tolist()).deep.equal([3, Number.POSITIVE_INFINITY]);
      expect(by(torch.tensor([3, Number.NaN]), Number.POSITIVE_INFINITY).tolist()).deep.equal([Number.NaN, Number.NaN]);
    }
  });

  it('byGlobalNorm takes one norm over the list', () => {
    const [[a, none, b], norm] = clip.byGlobalNorm([torch.tensor([3]), null, torch.tensor([4])], 1);
    near(a!, [0.6]);
    expect(none).equal(null);
    near(b!, [0.8]);
    expect(norm.item()).equal(5);
    const [[c]] = clip.byGlobalNorm([torch.tensor([4])], 1, { useNorm: torch.tensor(8) });
    near(c!, [0.5]);
    expect(clip.byGlobalNorm([], 1)[1].item()).equal(0);
  });

  it('byGlobalNorm makes all NaN when the norm is not finite', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [out] = clip.byGlobalNorm([torch.tensor([1, bad]), torch.tensor([1])], 1);
      expect(out.flatMap((x) => x.tolist())).satisfy((v: number[]) => v.length === 3 && v.every(Number.isNaN));
    }
  });

  it('does not overflow where a float32 norm would', () => {
    near(clip.byNorm(torch.tensor([3e30, 4e30]), 1), [0.6, 0.8]);
  });

  describe('where the coefficient has no exact place in the dtype', () => {
    const cases: [dtype: torch.Dtype, element: number, level: number, tolerance: number][] = [
      [torch.float32, 3e38, 1e-3, 1e-6],
      [torch.float32, 1e38, 1e-30, 1e-6],
      [torch.bfloat16, 3e38, 1e-3, 1e-2],
      [torch.float16, 65504, 1e-3, 1e-2],
      [torch.float64, 1e150, 1e-150, 1e-12],
    ];
    for (const [dtype, element, level, tolerance] of cases) {
      const long = torch.full([100], element, { dtype });
      const ways: Record<string, () => Tensor> = {
        byNorm: () => clip.byNorm(long, level),
        'byNorm of slices': () => clip.byNorm(long.reshape([1, 100]), level, { dim: 1 }),
        byGlobalNorm: () => clip.byGlobalNorm([long], level)[0][0]!,
        'byGlobalNorm, a norm in float32': () => {
          const useNorm = torch.tensor(element * 10, { dtype: dtype === torch.float64 ? dtype : torch.float32 });
          return clip.byGlobalNorm([long], level, { useNorm })[0][0]!;
        },
        byAverageNorm: () => clip.byAverageNorm(long, level / 100),
      };
      for (const [name, clipped] of Object.entries(ways)) {
        if (!Number.isFinite(Math.fround(element * 10)) && name.includes('float32') && dtype !== torch.float64)
          continue;
        it(`${name} reaches the level: ${dtype.name}, ${element} down to ${level}`, () => {
          const result = clipped();
          expect(result.dtype).equal(dtype);
          const norm = torch.linalg.vectorNorm(result, { dtype: torch.float64 }).item<number>();
          expect(norm / level).closeTo(1, tolerance);
        });
      }
    }
  });

  it('byValue clamps by numbers or tensors', () => {
    near(clip.byValue(t, 0.25, 1), [1, 1, 0.25, 0.5]);
    near(clip.byValue(t, torch.tensor([0, 1]), torch.tensor([2, 3])), [2, 3, 0, 1]);
  });

  it('byAverageNorm divides the norm by the number of elements', () => {
    near(clip.byAverageNorm(torch.tensor([3, 4]), 1), [1.2, 1.6]);
    near(clip.byAverageNorm(torch.tensor([3, 4]), 3), [3, 4]);
  });

  it('keeps the dtype and can be differentiated', () => {
    expect(clip.byNorm(torch.ones([4], { dtype: torch.bfloat16 }), 1).dtype).equal(torch.bfloat16);
    const x = torch.tensor([3, 4], { dtype: torch.float64, requiresGrad: true });
    expect(torch.autograd.gradcheck((x) => clip.byNorm(x!, 1), [x])).equal(true);
    expect(torch.autograd.gradcheck((x) => clip.byGlobalNorm([x!], 1)[0][0]!, [x])).equal(true);
  });
});
