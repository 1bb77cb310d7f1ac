import { expect } from 'chai';
import torch from '../../../lib/index.js';
import { device, optimizers } from '../support.js';

const { float32, float64, bfloat16 } = torch;

// The engine's rules take an epsilon as it is.
const tensorLevel = ['Adafactor', 'Muon'];

/** The optimizers of tensor operations, with an epsilon far below what float32 holds. */
const tiny = Object.entries(optimizers).flatMap(([name, Optimizer]) => {
  if (!tensorLevel.includes(name)) return [];
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
  it('is looked at in every optimizer of tensor operations', () => {
    expect(tiny.map(([name]) => name)).deep.equal(tensorLevel);
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
