import { expect } from 'chai';
import torch from '../../../lib/index.js';
import { device, optimizers } from '../support.js';

const { bfloat16, float16, float32, float64, nn } = torch;

/** Every optimizer that has an epsilon, with one far below what float32 holds. */
const tiny = Object.entries(optimizers).flatMap(([name, Optimizer]) => {
  const options: Record<string, unknown> = name.includes('SSTM') ? { L: 1 } : {};
  let group: { eps?: unknown; weightDecay?: number } = {};
  try {
    group = new Optimizer([torch.zeros([2, 2])], { lr: 0.01, ...options }).paramGroups[0] as typeof group;
  } catch {
    // It has options that must be given, and no epsilon.
  }
  const { eps, weightDecay } = group;
  if (eps === undefined) return [];
  if (weightDecay !== undefined) options.weightDecay = 0;
  return [[name, Optimizer, { ...options, lr: 0.01, eps: Array.isArray(eps) ? [1e-30, 1e-3] : 1e-50 }] as const];
});

describe('an epsilon too small for the dtype', () => {
  it('is looked at in every optimizer that has one', () => {
    const names = tiny.map(([name]) => name);
    expect(names).to.include.members(['AdamW', 'Adadelta', 'Adafactor', 'Expectigrad', 'LAMB', 'Muon', 'StableAdamW']);
    expect(names.length).at.least(18);
  });
  for (const [name, Optimizer, options] of tiny) {
    for (const dtype of [float32, float64, bfloat16]) {
      it(`leaves what has no gradient as it is: ${name}, ${dtype.name}`, () => {
        const whole = torch.ones([3, 4], { dtype, device, requiresGrad: true });
        const row = torch.ones([2, 3], { dtype, device, requiresGrad: true });
        const optimizer = new Optimizer([whole, row], options);
        for (let t = 0; t < 3; t++) {
          whole.grad = torch.zeros([3, 4], { dtype, device });
          row.grad = torch.tensor(
            [
              [0, 0, 0],
              [1, -2, 0.5],
            ],
            { dtype, device },
          );
          optimizer.step();
        }
        expect(whole.sum().item()).equal(12);
        expect(row.isfinite().all().item<boolean>()).equal(true);
      });
    }
  }

  for (const dtype of [float32, float64, bfloat16, float16]) {
    it(`SparseAdam leaves what has a gradient of zeros as it is, ${dtype.name}`, () => {
      const p = torch.ones([3, 2], { dtype, device, requiresGrad: true });
      const optimizer = new torch.optim.SparseAdam([p], { lr: 0.01, eps: 1e-50 });
      for (let t = 0; t < 2; t++) {
        const indices = torch.tensor([[0n, 1n]], { device });
        const values = torch.tensor(
          [
            [0, 0],
            [1, -1],
          ],
          { dtype, device },
        );
        p.grad = torch.sparseCooTensor(indices, values, [3, 2]);
        optimizer.step();
      }
      expect(p.detach().at(0).tolist()).deep.equal([1, 1]);
      expect(p.isfinite().all().item<boolean>()).equal(true);
    });

    it(`nn.functional.normalize leaves zeros as they are, ${dtype.name}`, () => {
      const rows = torch.tensor(
        [
          [0, 0],
          [3, 4],
        ],
        { dtype, device },
      );
      for (const options of [{}, { eps: 1e-50 }, { eps: 1e-300 }]) {
        const [zeros, unit] = nn.functional.normalize(rows, options).to(float64).tolist() as number[][];
        expect(zeros).deep.equal([0, 0]);
        expect(unit![0]).closeTo(0.6, 0.01);
      }
    });
  }

  it('Adafactor follows a gradient whose squares are near the end of float32', () => {
    const p = torch.zeros([2, 2], { device, requiresGrad: true });
    const optimizer = new torch.optim.Adafactor([p], { lr: 0.01, eps: [1e-30, 1e-3] });
    p.grad = torch.tensor(
      [
        [1e-15, -1e-15],
        [1e-15, 1e-15],
      ],
      { device },
    );
    optimizer.step();
    // An update of root mean square 1, times the least scale and the relative step.
    for (const x of p.detach().abs().toTypedArray<Float32Array<ArrayBuffer>>()) expect(x).closeTo(1e-5, 1e-8);
  });
});
