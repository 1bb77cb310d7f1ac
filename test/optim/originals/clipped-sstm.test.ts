import { expect } from 'chai';
import torch, { type Tensor } from '../../../lib/index.js';
import { originalSSTM } from '../../../lib/optim/originals/index.js';
import { Original } from './support.js';

type Options = Omit<Parameters<typeof originalSSTM>[0], 'lr' | 'L'>;

/** One group for each list of start values, a parameter for each value; lr / 2L is 1. */
function sstm(starts: number[][], options: Options = {}) {
  const groups = starts.map((values) => values.map((x) => torch.tensor([x], { requiresGrad: true })));
  const reference = originalSSTM({ lr: 2, L: 1, ...options });
  const optimizer = new Original(
    groups.map((params) => ({ params })),
    reference as unknown as ConstructorParameters<typeof Original>[1],
  );
  const values = () => groups.map((params) => params.map((p) => p.item() as number));
  const step = (...gradients: (number | null)[][]) => {
    groups.forEach((params, g) => {
      params.forEach((p, i) => {
        const gradient = gradients[g]![i]!;
        p.grad = gradient === null ? null : torch.tensor([gradient]);
      });
    });
    optimizer.step();
    return values();
  };
  return { optimizer, step };
}

/** The published method without clipping, from 0, with the same steps: x after each gradient, and y at the end. */
function published(gradients: number[], nu = 1) {
  let [A, y, z, alpha] = [0, 0, 0, 1];
  const xs = gradients.map((gradient, k) => {
    z -= alpha * gradient;
    y = (A * y + alpha * z) / (A + alpha);
    A += alpha;
    alpha = (k + 2) ** ((2 * nu) / (1 + nu));
    return (A * y + alpha * z) / (A + alpha);
  });
  return { xs, y };
}

describe('optim.ClippedSSTM: where the original differs', () => {
  it('discards the first gradient', () => {
    const { step } = sstm([[0]]);
    const gradients = [1, 0, 3, -1];
    const moved = gradients.map((gradient) => step([gradient])[0]![0]!);
    const want = published(gradients).xs;
    expect(moved).deep.equal([0, 0, published([0, 3]).xs[1], moved[3]]);
    expect(want[0]).equal(-1);
    // From the second gradient on, it computes the method.
    published(gradients.slice(1)).xs.forEach((x, k) => {
      expect(moved[k + 1]).closeTo(x, 1e-5);
    });
  });

  it('never hands out y, the result', () => {
    const { optimizer, step } = sstm([[0]]);
    const gradients = [9, 4, -1, 2];
    const moved = gradients.map((gradient) => step([gradient])[0]![0]!);
    const y = (optimizer.stateDict().state[0]!.y as Tensor).item() as number;
    expect(y).closeTo(published(gradients.slice(1)).y, 1e-5);
    expect(Math.abs(moved[3]! - y)).above(0.1);
  });

  it('has one state and one iteration for all groups, which makes them the first one', () => {
    const { optimizer, step } = sstm([[1], [7]]);
    expect(step([0], [0])).deep.equal([[1], [1]]);
    expect(optimizer.stateDict().reference).include({ k: 2 });
    expect(() => sstm([[1], [7, 8]]).step([0], [0, 0])).throw(/one state for all groups/);
  });

  it('keeps its state for a place, not for a parameter', () => {
    const { step } = sstm([[1, 7]]);
    expect(step([0, null])).deep.equal([[1, 7]]);
    expect(step([null, 0])).deep.equal([[1, 1]]);
  });

  it('lets the ratio of A_k and A_{k+1} reach 1 / (2 - bound)', () => {
    const bound = 0.8;
    const { optimizer, step } = sstm([[0]], { nu: 0, aKRatioUpperBound: bound });
    const ratios = Array.from({ length: 12 }, () => {
      step([1]);
      const { A_k, A_k_1 } = optimizer.stateDict().reference as { A_k: number; A_k_1: number };
      return A_k / A_k_1;
    });
    expect(Math.max(...ratios)).closeTo(1 / (2 - bound), 1e-12);
    expect(Math.min(...ratios.slice(-2))).closeTo(bound, 1e-12);
  });

  it('ignores the level of norm where it is told when clipping is to start', () => {
    const level = (clippingType: 'norm' | 'layerWise', clippingLevel: number) =>
      sstm([[0]], { clippingType, clippingLevel, clippingIterStart: 4 }).optimizer.paramGroups[0]!.clippingLevel;
    expect([level('norm', 1), level('norm', 100)]).deep.equal([5, 5]);
    expect([level('layerWise', 1), level('layerWise', 100)]).deep.equal([1, 100]);
  });
});
