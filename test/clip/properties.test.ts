import { expect } from 'chai';
import fc from 'fast-check';
import torch, { clip, optim } from '../../lib/index.js';
import { device, flat, relative } from '../optim/support.js';

const element = fc.integer({ min: -(2 ** 20), max: 2 ** 20 });
// The gradients of a few steps of one tensor of shape [3, 4].
const run = fc.array(fc.array(element, { minLength: 12, maxLength: 12 }), { minLength: 1, maxLength: 12 });
const scopes = ['global', 'tensor', 'row'] as const;

const scaling: Record<string, (scope: clip.Scope) => clip.Clipper> = {
  norm: (scope) => clip.norm(300_000, { scope }),
  'norm 1': (scope) => clip.norm(300_000, { scope, normType: 1 }),
  'norm inf': (scope) => clip.norm(300_000, { scope, normType: Infinity }),
  auto: (scope) => clip.auto({ scope, percentile: 40 }),
  'auto, windowed': (scope) => clip.auto({ scope, percentile: 70, window: 3 }),
  agc: (scope) => clip.agc({ scope, clipping: 3e8 }),
  zscore: (scope) => clip.zscore({ scope, warmup: 2, zThreshold: 0.5 }),
  adaGC: (scope) => clip.adaGC({ scope, warmup: 2, absolute: 5e5 }),
  rms: (scope) => clip.rms(2e5, { scope }),
  stochastic: (scope) => clip.stochastic(clip.norm(1e5, { scope }), { beta: 0.5 }),
  custom: (scope) => clip.custom(({ norm }) => 1 / (1 + norm), { scope }),
};

/** What is left of each step's gradient, and the step's coefficients and thresholds, one per unit. */
function clipped(steps: readonly number[][], clipper: clip.Clipper, scale = 1) {
  const p = torch.zeros([3, 4], { dtype: torch.float64, device, requiresGrad: true });
  const optimizer = new optim.SGD([p], { lr: 1, maximize: true, clip: clipper });
  return steps.map((values) => {
    // From zeros each time, so that what is left is the parameter; agc's weights count as its eps.
    p.detach().fill_(0);
    p.grad = torch.tensor(
      Float64Array.from(values, (x) => x * scale),
      { shape: [3, 4], device },
    );
    optimizer.step();
    const { norm, coefficient, threshold } = optimizer.clipStats;
    const list = (t: torch.Tensor) => t.reshape([-1]).tolist() as number[];
    return { out: flat([[p]]), norm: list(norm), coefficient: list(coefficient), threshold: list(threshold) };
  });
}

describe('clip: properties of clippers that scale', () => {
  for (const [name, make] of Object.entries(scaling)) {
    for (const scope of scopes) {
      it(`${name}, ${scope}: keeps the direction of each unit, by the coefficient it reports, which is in (0, 1]`, () => {
        fc.assert(
          fc.property(run, (steps) => {
            clipped(steps, make(scope)).forEach(({ out, coefficient }, t) => {
              for (const c of coefficient) expect(c).within(0, 1);
              const rows = 12 / coefficient.length;
              const want = steps[t]!.map((x, i) => x * coefficient[Math.floor(i / rows)]!);
              expect(out.map((x) => x + 0)).deep.equal(want.map((x) => x + 0));
            });
          }),
          { numRuns: 30 },
        );
      });

      if (name === 'custom' || name === 'stochastic') continue;
      it(`${name}, ${scope}: the norm after is at most the threshold, and what is below it keeps every bit`, () => {
        fc.assert(
          fc.property(run, (steps) => {
            for (const { norm, coefficient, threshold } of clipped(steps, make(scope))) {
              norm.forEach((before, u) => {
                // adaGC's first threshold is for the global norm, rms's for the root mean square.
                if (name === 'adaGC' || name === 'rms' || Number.isNaN(threshold[u]!)) return;
                expect(before * coefficient[u]!).at.most(threshold[u]! * (1 + 1e-6));
                if (before < threshold[u]! - 1e-6) expect(coefficient[u]).equal(1);
              });
            }
          }),
          { numRuns: 30 },
        );
      });
    }
  }

  for (const name of ['auto', 'auto, windowed', 'adaptive zscore']) {
    it(`${name} scales with its gradients`, () => {
      const make = name === 'adaptive zscore' ? scaling.zscore! : scaling[name]!;
      fc.assert(
        fc.property(run, fc.integer({ min: -10, max: 10 }), (steps, k) => {
          // The 1e-6 beside zscore's deviation does not scale.
          fc.pre(steps.every((values) => Math.hypot(...values) > 1e4));
          const small = clipped(steps, make('global'));
          const large = clipped(steps, make('global'), 2 ** k);
          small.forEach(({ out }, t) => {
            expect(
              relative(
                large[t]!.out,
                out.map((x) => x * 2 ** k),
              ),
            ).below(1e-6);
          });
        }),
        { numRuns: 50 },
      );
    });
  }
});
