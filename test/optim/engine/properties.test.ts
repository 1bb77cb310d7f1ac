import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { clip, nn, optim } from '../../../lib/index.js';
import type { Tensor } from '../../../lib/tensor.js';
import { bits, device, flat, relative } from '../support.js';

const elements = fc.array(fc.integer({ min: -(2 ** 20), max: 2 ** 20 }), { minLength: 1, maxLength: 60 });
const order = fc.constantFrom(0.5, 1, 2, 3, Infinity);
const norms = (p: number, v: readonly number[]) =>
  p === Infinity ? Math.max(...v.map(Math.abs)) : v.reduce((s, x) => s + Math.abs(x) ** p, 0) ** (1 / p);
const tensorOf = (v: readonly number[], scale = 1) =>
  torch.tensor(
    v.map((x) => x * scale),
    { dtype: torch.float64, device },
  );

/** The update that SGD with rate 1 takes from these gradients: what is left of them after clipping. */
function clipped(grads: readonly Tensor[], clipper: clip.Clipper): number[] {
  const params = grads.map((g) => torch.zeros(g.shape, { dtype: g.dtype, device, requiresGrad: true }));
  params.forEach((p, i) => {
    p.grad = grads[i]!.clone();
  });
  new optim.SGD(params, { lr: 1, maximize: true, clip: clipper }).step();
  return flat([params]);
}

function cut(v: readonly number[], at: readonly number[]): number[][] {
  const places = [0, ...at.map((f) => Math.floor(f * v.length)).sort((a, b) => a - b), v.length];
  return places.slice(1).map((end, i) => v.slice(places[i], end));
}

describe('optim: properties of clipping', () => {
  it('the norm after is at most the level', () => {
    fc.assert(
      fc.property(elements, order, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (v, p, level) => {
        expect(norms(p, clipped([tensorOf(v)], clip.norm(level, { normType: p })))).at.most(level * (1 + 1e-6));
      }),
    );
  });

  it('scales with gradient and level', () => {
    fc.assert(
      fc.property(elements, order, fc.integer({ min: -20, max: 20 }), (v, p, k) => {
        // From a norm of some size on: 1e-6 in the coefficient does not scale.
        fc.pre(norms(p, v) >= 1);
        const level = norms(p, v) / 3;
        const scale = 2 ** k;
        const small = clipped([tensorOf(v)], clip.norm(level, { normType: p }));
        const large = clipped([tensorOf(v, scale)], clip.norm(level * scale, { normType: p }));
        expect(
          relative(
            large,
            small.map((x) => x * scale),
          ),
        ).below(2e-6 * Math.max(1, 1 / scale));
      }),
    );
  });

  it('keeps the direction', () => {
    fc.assert(
      fc.property(elements, order, (v, p) => {
        fc.pre(v.some((x) => x !== 0));
        const out = clipped([tensorOf(v)], clip.norm(norms(p, v) / 7, { normType: p }));
        const ratio = Math.hypot(...out) / Math.hypot(...v);
        expect(
          relative(
            out,
            v.map((x) => x * ratio),
          ),
        ).below(1e-14);
      }),
    );
  });

  it('changes no bit below the level', () => {
    fc.assert(
      fc.property(elements, order, fc.constantFrom('global', 'group', 'tensor'), (v, p, scope) => {
        const g = tensorOf(v, 1 / 3).to(torch.float32);
        const level = norms(p, flat([[g]])) + 1e-5 + norms(p, v) * 1e-6;
        expect(clipped([g], clip.norm(level, { normType: p, scope: scope as 'global' }))).deep.equal(flat([[g]]));
      }),
    );
  });

  it('clipping twice is clipping once', () => {
    fc.assert(
      fc.property(elements, order, (v, p) => {
        const p0 = torch.zeros([v.length], { dtype: torch.float64, device, requiresGrad: true });
        p0.grad = tensorOf(v);
        nn.utils.clipGradNorm_([p0], 10, { normType: p });
        const once = flat([[p0.grad]]);
        nn.utils.clipGradNorm_([p0], 10, { normType: p });
        expect(relative(flat([[p0.grad]]), once.some((x) => x !== 0) ? once : [1])).satisfy(
          (d: number) => d < 1e-6 || d === 1,
        );
      }),
    );
  });

  it('does not depend on the order of the elements or on how they are cut into tensors', () => {
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 });
    fc.assert(
      fc.property(elements, order, cuts, (v, p, at) => {
        const whole = nn.utils.getTotalNorm([tensorOf(v)], { normType: p }).item();
        const parts = cut([...v].reverse(), at).map((part) => tensorOf(part));
        const other = nn.utils.getTotalNorm(parts, { normType: p }).item();
        expect(Math.abs(other - whole)).at.most(1e-13 * whole);
        expect(Math.abs(norms(p, v) - whole)).at.most(1e-12 * whole);
      }),
    );
  });

  it('the scope tensor clips each tensor as if it were alone', () => {
    fc.assert(
      fc.property(elements, elements, (a, b) => {
        const both = clipped([tensorOf(a), tensorOf(b)], clip.layerwise(100));
        const alone = [a, b].flatMap((v) => clipped([tensorOf(v)], clip.norm(100)));
        expect(both).deep.equal(alone);
      }),
    );
  });

  it('value clamps each element', () => {
    fc.assert(
      fc.property(elements, fc.double({ min: 1e-3, max: 1e5, noNaN: true }), (v, limit) => {
        const want = v.map((x) => Math.min(Math.max(x, -limit), limit));
        expect(clipped([tensorOf(v)], clip.coordinatewise(limit))).deep.equal(want);
      }),
    );
  });

  const sizes: [number, ...number[]] = [100_003, 17, 16_384, 40_000, 1];

  for (const dtype of ['float32', 'float64', 'bfloat16', 'float16'] as const) {
    it(`the bits do not depend on the number of threads, ${dtype}`, () => {
      const threads = torch.getNumThreads();
      const runs = [1, 2, 3, 5].map((n) => {
        torch.setNumThreads(n);
        torch.manualSeed(1);
        const params = sizes.map((size) => torch.randn([size], { device }).to(torch[dtype]).requiresGrad_());
        const optimizer = new optim.AdamW(params, { clip: clip.norm(1), writeBack: true });
        const seen: string[] = [];
        for (let t = 0; t < 3; t++) {
          for (const p of params) p.grad = torch.randn(p.shape, { device }).to(torch[dtype]);
          optimizer.step();
          seen.push(
            bits(optimizer.clipStats.norm.reshape([1])),
            ...params.map(bits),
            ...params.map((p) => bits(p.grad!)),
          );
        }
        return seen;
      });
      torch.setNumThreads(threads);
      for (const run of runs) expect(run).deep.equal(runs[0]);
    });
  }

  // A tap needs the total of all norms, so a clipper with one measures everything before it changes anything.
  const perUnit = {
    'agc, skip': { clipper: clip.agc({ clipping: 0.01 }), nonFinite: 'skip' },
    'agc, propagate': { clipper: clip.agc({ clipping: 0.01 }), nonFinite: 'propagate' },
    'layerwise, propagate': { clipper: clip.layerwise(0.5), nonFinite: 'propagate' },
    'layerwise 1-norm, zero': { clipper: clip.norm(0.5, { scope: 'tensor', normType: 1 }), nonFinite: 'zero' },
    'auto by tensor, propagate': { clipper: clip.auto({ percentile: 30, scope: 'tensor' }), nonFinite: 'propagate' },
    'a coin for each tensor': {
      clipper: clip.stochastic(clip.layerwise(0.5), { beta: 0.7, power: 1, seed: 3 }),
      nonFinite: 'propagate',
    },
  } as const;
  for (const [name, { clipper, nonFinite }] of Object.entries(perUnit)) {
    it(`the bits do not depend on whether units are visited once or twice: ${name}`, () => {
      const shapes = [[300, 333], [0, 5], [17], [16_384], [3, 40_000], [1], [0]];
      const runs = [clipper, clip.tap(clipper)].map((clip) => {
        torch.manualSeed(2);
        const params = shapes.map((shape) => torch.randn(shape, { device, requiresGrad: true }));
        const optimizer = new optim.AdamW(params, { clip, nonFinite, writeBack: true });
        const seen: unknown[] = [];
        for (let t = 0; t < 4; t++) {
          for (const p of params) p.grad = torch.randn(p.shape, { device });
          optimizer.step();
          const { norm, coefficient, clipped } = optimizer.clipStats;
          seen.push(
            bits(norm),
            bits(coefficient),
            bits(clipped.reshape([1])),
            ...params.map(bits),
            ...params.map((p) => bits(p.grad!)),
          );
        }
        return seen;
      });
      expect(runs[0]).deep.equal(runs[1]);
    });
  }

  it('the bits do not depend on the instruction set', () => {
    const script = new URL('instruction-set.ts', import.meta.url).pathname;
    // libtorch trusts the variable, so only what the processor supports may be asked for.
    const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
    const sets = [
      'default',
      ...(flags.includes(' avx2 ') ? ['avx2'] : []),
      ...(flags.includes(' avx512vl ') ? ['avx512'] : []),
    ];
    const runs = sets.map((set) =>
      execFileSync(process.execPath, ['--import', 'tsx', script], {
        encoding: 'utf8',
        env: { ...process.env, ATEN_CPU_CAPABILITY: set },
      }),
    );
    expect(runs[0]).match(/^[0-9a-f]{64}\n$/);
    for (const run of runs) expect(run).equal(runs[0]);
  });
});
