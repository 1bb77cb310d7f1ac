import { expect } from 'chai';
import torch, { clip, optim } from '../../lib/index.js';
import { device } from '../optim/support.js';
import { golden } from '../support.js';

interface Case {
  percentile: number;
  window: number | null;
  values: number[];
}
const cases = golden<Case[]>('auto');
const steps = 10_000;
const every = 50;

// As scripts/golden/auto.py.
function* norms(): Generator<number> {
  let state = 1;
  for (let i = 0; i < steps; i++) {
    state = (state * 48271) % 2147483647;
    yield 2147483648 / state;
  }
}

/** An optimizer whose gradient norm can be chosen. */
function meter(clipper: clip.Clipper) {
  const p = torch.zeros([1], { dtype: torch.float64, device, requiresGrad: true });
  const grad = torch.zeros([1], { dtype: torch.float64, device });
  p.grad = grad;
  const optimizer = new optim.SGD([p], { lr: 1e-3, clip: clipper });
  const step = (norm: number) => {
    grad.fill_(norm);
    optimizer.step();
  };
  return { optimizer, step };
}

describe('clip.auto', () => {
  for (const { percentile, window, values } of cases) {
    it(`is numpy.percentile over 10,000 heavy-tailed norms: ${percentile}, window ${window}`, () => {
      const { optimizer, step } = meter(clip.auto({ percentile, window: window ?? undefined }));
      let i = 0;
      for (const norm of norms()) {
        step(norm);
        if (++i % every !== 0) continue;
        const threshold = optimizer.clipStats.threshold.item();
        expect(threshold).equal(values[i / every - 1]);
        const want = norm <= threshold ? 1 : threshold / norm;
        expect(optimizer.clipStats.coefficient.item()).equal(want);
      }
    });
  }

  it('keeps no more than its window', () => {
    const { optimizer, step } = meter(clip.auto({ window: 3 }));
    for (const norm of [5, 1, 4, 1, 5]) step(norm);
    const [stage] = optimizer.stateDict().clip!.stages;
    expect(stage!.history.tolist()).deep.equal([4, 1, 5]);
    expect(stage!.lengths.tolist()).deep.equal([3]);
  });

  it('clips the share of steps that its percentile says', () => {
    const { optimizer, step } = meter(clip.auto({ percentile: 75 }));
    for (const norm of norms()) step(norm);
    expect(optimizer.clipStats.clipped.item()).closeTo(0.25, 0.02);
  });

  it('is not corrupted by NaN', () => {
    const policies = ['propagate', 'skip'] as const;
    for (const nonFinite of policies) {
      const p = torch.zeros([1], { dtype: torch.float64, device, requiresGrad: true });
      const optimizer = new optim.SGD([p], { lr: 0, clip: clip.auto({ percentile: 50 }), nonFinite });
      for (const norm of [1, Number.NaN, 3, Infinity, 5]) {
        p.grad = torch.tensor([norm], { dtype: torch.float64, device });
        optimizer.step();
      }
      expect(optimizer.stateDict().clip!.stages[0]!.history.tolist()).deep.equal([1, 3, 5]);
    }
  });
});
