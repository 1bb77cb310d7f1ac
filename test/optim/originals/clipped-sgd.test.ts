import { expect } from 'chai';
import torch, { optim, type Tensor } from '../../../lib/index.js';
import type { ClippedSGDOptions } from '../../../lib/optim/index.js';

type Gradients = number[][];

/** Where parameters that start at 0 end up, one for each of the first gradients, after one step per list of gradients. */
function run(steps: Gradients, options: ClippedSGDOptions, split = false): number[][] {
  const params = steps[0]!.map(() => torch.zeros([1], { requiresGrad: true }));
  const groups = split ? params.map((p) => ({ params: [p] })) : [{ params }];
  const optimizer = new optim.ClippedSGD(groups, { lr: 1, ...options });
  return steps.map((gradients) => {
    const before = params.map(placeOf);
    gradients.forEach((gradient, i) => {
      params[i]!.grad = torch.tensor([gradient]);
    });
    optimizer.step();
    return params.map((p, i) => before[i]! - placeOf(p));
  });
}
const placeOf = (p: Tensor) => p.item() as number;

/** The moves of each step under the original and under ours. */
const both = (steps: Gradients, options: ClippedSGDOptions, split = false) => ({
  original: run(steps, { ...options, reference: true }, split),
  ours: run(steps, options, split),
});

const rounded = (moves: number[][]) => moves.map((move) => move.map((x) => Math.round(x * 1e4) / 1e4));

describe('optim.ClippedSGD: where the original differs', () => {
  it('takes one norm per group, not one over all', () => {
    const { original, ours } = both([[3, 4]], { clippingType: 'norm', clippingLevel: 1 }, true);
    expect(rounded(original)).deep.equal([[1, 1]]);
    expect(rounded(ours)).deep.equal([[0.6, 0.8]]);
  });

  it("multiplies the momentum by the gradient's coefficient, so that the norm is not a bound", () => {
    const { original, ours } = both([[100], [1]], { momentum: 0.9, clippingType: 'norm', clippingLevel: 1 });
    expect(rounded(original)).deep.equal([[1], [91]]);
    expect(rounded(ours)).deep.equal([[1], [1.9]]);
  });

  for (const clippingType of ['layerWise', 'coordinateWise'] as const) {
    it(`holds the momentum against the level of ${clippingType}, not the gradient`, () => {
      const { original, ours } = both([[100], [1]], { momentum: 0.9, clippingType, clippingLevel: 1 });
      expect(rounded(original)).deep.equal([[1], [1]]);
      expect(rounded(ours)).deep.equal([[1], [1.9]]);
    });
  }

  it('makes NaN of an infinite element', () => {
    const options = { clippingType: 'coordinateWise', clippingLevel: 0.5 } as const;
    expect(run([[Infinity, -3]], { ...options, reference: true })).deep.equal([[NaN, -0.5]]);
    expect(run([[Infinity, -3]], { ...options, nonFinite: 'propagate' })).deep.equal([[0.5, -0.5]]);
  });

  for (const clippingType of [
    'linearRandNorm',
    'quadraticRandNorm',
    'linearRandAutoclip',
    'quadraticRandAutoclip',
  ] as const) {
    it(`throws a coin for every parameter under ${clippingType}, although the norm is one`, () => {
      const steps = Array.from({ length: 12 }, (_, t) => Array.from({ length: 16 }, () => (t % 2 === 0 ? 1 : 2)));
      torch.manualSeed(1);
      const { original, ours } = both(steps, { clippingType, clippingLevel: 1, beta: 0.5, pAutoclip: 0.25 });
      const coefficients = (moves: number[][]) => moves.map((move) => new Set(move.map((x) => x.toFixed(4))).size);
      expect(Math.max(...coefficients(original))).equal(2);
      expect(Math.max(...coefficients(ours))).equal(1);
    });
  }

  it('never clips at random where beta is not given, which ours asks for', () => {
    const steps = Array.from({ length: 20 }, () => [100]);
    expect(run(steps, { clippingType: 'linearRandNorm', clippingLevel: 1, reference: true })).deep.equal(steps);
    expect(() => run(steps, { clippingType: 'linearRandNorm' })).throw(/^"beta" must be a number in \(0, 1\) for/);
  });

  it("draws from the global generator, also where nothing is to be clipped; ours has the clipper's own", () => {
    const drawn = (options: ClippedSGDOptions) => {
      const before = torch.getRngState();
      run([[0.5], [0.5]], { clippingType: 'linearRandNorm', clippingLevel: 1, beta: 0.5, ...options });
      return !torch.getRngState().equal(before);
    };
    expect([drawn({ reference: true }), drawn({})]).deep.equal([true, false]);
  });

  it('takes a heap for a percentile, which clips a sixth of the steps that the percentile does', () => {
    const norms = torch
      .randn([2000], { generator: new torch.Generator().manualSeed(4) })
      .exp()
      .tolist() as number[];
    const steps = norms.map((norm) => [norm]);
    const share = (moves: number[][]) => moves.filter(([move], t) => move! < norms[t]! * 0.999).length / norms.length;
    const { original, ours } = both(steps, { clippingType: 'autoClip', pAutoclip: 0.75 });
    expect(share(original)).within(0.03, 0.05);
    expect(share(ours)).within(0.22, 0.27);
  });

  it('has one history for all groups, with a norm of each', () => {
    const count = (reference: boolean) => {
      const params = [3, 4].map((g) => {
        const p = torch.zeros([1], { requiresGrad: true });
        p.grad = torch.tensor([g]);
        return p;
      });
      const groups = params.map((p) => ({ params: [p] }));
      const optimizer = new optim.ClippedSGD(groups, { clippingType: 'autoClip', reference });
      optimizer.step();
      return reference ? optimizer.stateDict().reference!.heap : optimizer.clipStats.norm.item();
    };
    expect(count(true)).deep.equal([-4, -3]);
    expect(count(false)).equal(5);
  });

  it('takes a NaN norm for a small one', () => {
    for (const clippingType of ['norm', 'autoClip'] as const) {
      const { original, ours } = both(
        [
          [1, 1],
          [NaN, 100],
        ],
        { clippingType, clippingLevel: 1, pAutoclip: 0.5 },
      );
      expect(original[1]![1], clippingType).closeTo(100, 1e-5);
      expect(ours[1], clippingType).deep.equal([0, 0]);
    }
  });

  it('never clips again where the first norm of its history is NaN', () => {
    const steps = [
      [NaN, 1],
      [1, 1],
      [1, 1],
      [1, 100],
    ];
    const { original, ours } = both(steps, { clippingType: 'autoClip', pAutoclip: 0.5 });
    expect(original[3]![1]).closeTo(100, 1e-5);
    expect(ours[3]![1]).below(2);
  });

  it('has the level 1 for every type, not those of its documentation', () => {
    const level = (clippingType: 'norm' | 'layerWise' | 'coordinateWise') => {
      const { original, ours } = both([[8]], { clippingType });
      return rounded([...original, ...ours]).flat();
    };
    expect(level('norm')).deep.equal([1, 1]);
    expect(level('layerWise')).deep.equal([1, 0.3]);
    expect(level('coordinateWise')).deep.equal([1, 0.1]);
  });

  it('takes the level 0, with which it stands still', () => {
    expect(run([[8]], { clippingType: 'norm', clippingLevel: 0, reference: true })).deep.equal([[0]]);
    expect(() => run([[8]], { clippingType: 'norm', clippingLevel: 0 })).throw(
      '"clippingLevel" must be a finite number > 0, got 0',
    );
  });
});
