// Numbers at the ends of a dtype's range: infinite levels and norms, zeros, squares that overflow, coefficients that are subnormal.
import { expect } from 'chai';
import fc from 'fast-check';
import { native } from '../../../lib/binding/index.js';
import type { Clipper, Scope } from '../../../lib/clip/index.js';
import torch, { clip, nn, optim, TorchClipError } from '../../../lib/index.js';
import type { Tensor } from '../../../lib/tensor.js';
import { bits, flat, optimizers } from '../support.js';

const inf = Number.POSITIVE_INFINITY;

/** Takes a step of SGD by each gradient. */
function descend(p: Tensor, clipper: Clipper, gradients: readonly (readonly number[])[]): optim.SGD {
  const optimizer = new optim.SGD([p], { lr: 1, clip: clipper, nonFinite: 'propagate' });
  for (const gradient of gradients) {
    p.grad = torch.tensor([...gradient], { dtype: p.dtype });
    optimizer.step();
  }
  return optimizer;
}

describe('numbers at the ends of the range', () => {
  describe('an infinite level leaves an infinite norm alone', () => {
    const clippers: Record<string, Clipper> = {
      norm: clip.norm(inf),
      'norm 1': clip.norm(inf, { normType: 1 }),
      'norm 0.5': clip.norm(inf, { normType: 0.5 }),
      'norm inf': clip.norm(inf, { normType: inf }),
      'norm by row': clip.norm(inf, { scope: 'row' }),
      stochastic: clip.stochastic(clip.norm(inf), { beta: 0.5 }),
      layerwise: clip.layerwise(inf),
      rms: clip.rms(inf),
      agc: clip.agc({ clipping: inf }),
      'adaGC, warming up': clip.adaGC({ absolute: inf }),
      'zscore, warmed up': clip.zscore({ zThreshold: inf, warmup: 1 }),
      value: clip.value(inf),
      spam: clip.spam({ threshold: inf }),
    };
    for (const [name, clipper] of Object.entries(clippers)) {
      it(name, () => {
        const p = torch.ones([3], { requiresGrad: true });
        descend(p, clipper, [
          [1, 2, 3],
          [inf, -inf, 4],
        ]);
        expect(p.tolist()).deep.equal([-inf, inf, -6]);
      });
    }

    it('adaGC, warmed up', () => {
      const p = torch.ones([3], { requiresGrad: true });
      const ones = [1, 1, 1];
      descend(p, clip.adaGC({ relative: inf, absolute: 1e9, warmup: 1 }), [ones, [inf, -inf, 4]]);
      expect(p.tolist()).deep.equal([-inf, inf, -4]);
    });

    for (const normType of [0.5, 1, 2, 3, inf]) {
      it(`clipGradNorm_ and clipGradsWithNorm_ with normType ${normType}`, () => {
        for (const call of [
          (p: Tensor) => nn.utils.clipGradNorm_(p, inf, { normType }),
          (p: Tensor) => nn.utils.clipGradsWithNorm_(p, inf, nn.utils.getTotalNorm([p.grad!], { normType })),
        ]) {
          const p = torch.ones([3], { requiresGrad: true });
          p.grad = torch.tensor([inf, -inf, 4]);
          call(p);
          expect(p.grad!.tolist()).deep.equal([inf, -inf, 4]);
        }
      });
    }

    it('NaN still spreads, as in PyTorch', () => {
      const p = torch.ones([2], { requiresGrad: true });
      descend(p, clip.norm(inf), [[Number.NaN, 1]]);
      expect(p.tolist()).deep.equal([Number.NaN, Number.NaN]);
    });
  });

  describe('a norm of 0 carries no scale', () => {
    const clippers: Record<string, (scope: Scope) => Clipper> = {
      auto: (scope) => clip.auto({ percentile: 40, scope }),
      'auto, sliding': (scope) => clip.auto({ percentile: 40, window: 3, scope }),
      zscore: (scope) => clip.zscore({ warmup: 2, zThreshold: 1, scope }),
      adaGC: (scope) => clip.adaGC({ warmup: 3, scope }),
    };
    const steps = fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 2 }), {
      minLength: 3,
      maxLength: 20,
    });
    for (const [name, make] of Object.entries(clippers)) {
      for (const scope of ['global', 'group', 'tensor', 'row'] as const) {
        it(`${name} by ${scope}: steps without a gradient change nothing`, () => {
          fc.assert(
            fc.property(steps, (gradients) => {
              const [all, some] = [torch.ones([2], { requiresGrad: true }), torch.ones([2], { requiresGrad: true })];
              const ends = [
                descend(all, make(scope), gradients),
                descend(
                  some,
                  make(scope),
                  gradients.filter(([a, b]) => a !== 0 || b !== 0),
                ),
              ].map((optimizer) => optimizer.stateDict().clip!.stages[0]!);
              expect(bits(all)).equal(bits(some));
              const remembered = ends.map(({ memory, history }) => [
                ...Object.values(memory as Record<string, Tensor>).map((t) => t.tolist()),
                (history as Tensor).tolist(),
              ]);
              if (gradients.some(([a, b]) => a !== 0 || b !== 0)) expect(remembered[0]).deep.equal(remembered[1]);
            }),
            { numRuns: 30 },
          );
        });
      }
    }

    it('adaGC with one zero gradient in its warm-up moves as by its formula', () => {
      const warmup = 5;
      const norms = Array.from({ length: 25 }, (_, t) => (t === 2 ? 0 : 1 + (t % 3)));
      let [gamma, count, moved] = [0, 0, 0];
      for (const norm of norms) {
        const level = count < warmup ? 1 : 1.05 * gamma;
        const clipped = Math.min(norm, level);
        moved += clipped;
        if (clipped === 0) continue;
        gamma = count < warmup ? Math.min(count === 0 ? clipped : gamma, clipped) : 0.98 * gamma + 0.02 * clipped;
        count++;
      }
      const p = torch.zeros([1], { dtype: torch.float64, requiresGrad: true });
      descend(
        p,
        clip.adaGC({ warmup }),
        norms.map((norm) => [norm]),
      );
      expect(-(p.item() as number)).closeTo(moved, 1e-12 * moved);
      expect(moved).above(20);
    });

    it('a tensor whose total is infinite during the warm-up of another is not taken for a norm of 0', () => {
      const [a, b] = [torch.zeros([1], { requiresGrad: true }), torch.zeros([1], { requiresGrad: true })];
      const optimizer = new optim.SGD([a, b], { lr: 1, clip: clip.adaGC({ warmup: 1 }), nonFinite: 'propagate' });
      [a.grad, b.grad] = [torch.tensor([0.5]), torch.tensor([inf])];
      optimizer.step();
      for (let t = 0; t < 4; t++) {
        [a.grad, b.grad] = [torch.tensor([0.5]), torch.tensor([0.5])];
        optimizer.step();
      }
      expect(a.item()).equal(-2);
    });
  });

  describe('squares that float32 cannot hold', () => {
    // The square enters the mean of squares with this weight, so that gradients up to the root of the largest number by it are fine.
    const cases: [name: string, weight: number, options?: object][] = [
      ['Adam', 1e-3],
      ['Adam', 1e-3, { amsgrad: true }],
      ['AdamW', 1e-3],
      ['NAdam', 1e-3],
      ['RAdam', 1e-3],
      ['RMSprop', 1e-2],
      ['RMSprop', 1e-2, { centered: true }],
      ['RMSprop', 1e-2, { momentum: 0.9 }],
      ['Adadelta', 0.1],
      ['LAMB', 1e-3],
      ['AdamWScheduleFree', 1e-3],
    ];
    for (const [name, weight, options] of cases) {
      it(`${name}${options ? ` ${JSON.stringify(options)}` : ''} moves as in float64 up to the root of the largest number by 1 - beta2`, () => {
        const most = Math.sqrt(3.4e38 / weight);
        // Three squares of the largest one still add up to a finite mean.
        for (const size of [1e17, 1.8e19, 0.3 * most, 0.57 * most]) {
          const ends = [torch.float64, torch.float32].map((dtype) => {
            const p = torch.ones([4], { dtype, requiresGrad: true });
            const optimizer = new optimizers[name]!([p], { ...options, clip: null });
            for (let t = 0; t < 3; t++) {
              p.grad = torch.tensor([size, -size / 2, t === 0 ? size : 0, t === 2 ? size : 0], { dtype });
              optimizer.step();
            }
            return flat([[p]]);
          });
          for (const [i, want] of ends[0]!.entries()) {
            expect(want).not.equal(1);
            expect(ends[1]![i], `element ${i} by ${size}`).closeTo(want, 1e-5 * Math.abs(want - 1) + 1e-6);
          }
        }
      });
    }
  });

  describe('gradients of any size that float32 holds', () => {
    const sizes = [1.7e19, 1.9e19, 1e25, 4e37, 1.5e38, 3e38, 1e-30, 1e-38, 1e-45];
    // Whose sums of gradients are themselves too large then.
    const adding = ['SGD', 'SGDScheduleFree'];
    // In an element of its own: all of one sign, of both, only once, and after ordinary ones.
    const signs = [
      [1, 1, 1, 1, 1, 1],
      [1, -1, 1, -1, 1, -1],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 1, 0, 0],
    ];
    const own: Record<string, (params: Tensor[], options: object) => optim.Optimizer> = {
      ...Object.fromEntries(
        Object.entries(optimizers).map(([name, Optimizer]) => [
          name,
          (params: Tensor[], options: object) => new Optimizer(params, options as Record<string, unknown>),
        ]),
      ),
      SparseAdam: (params) => new optim.SparseAdam(params) as unknown as optim.Optimizer,
    };
    const variants: Record<string, object[]> = {
      Adam: [{ amsgrad: true }],
      RMSprop: [{ centered: true }, { momentum: 0.9 }, { centered: true, momentum: 0.9 }],
      SGD: [{ momentum: 0.9 }],
      ACClip: [{ alpha: 2 }],
      Adafactor: [{ eps: [1e-30, 1e-3] }],
    };
    for (const [name, make] of Object.entries(own)) {
      for (const options of [{}, ...(variants[name] ?? [])]) {
        it(`${name} ${JSON.stringify(options)}: every element stays a finite number, and those without a gradient where they are`, () => {
          for (const size of sizes) {
            if (size > 1e38 && adding.includes(name)) continue;
            // Muon takes matrices alone.
            for (const shape of name === 'Muon'
              ? [[signs.length + 1, 2]]
              : [[signs.length + 1, 2], [signs.length + 1]]) {
              const p = torch.ones(shape, { requiresGrad: true });
              const optimizer = make([p], { clip: null, ...options });
              for (let t = 0; t < 6; t++) {
                const column = [...signs.map((of) => of[t]! * size), 0];
                const grad = torch.tensor(shape.length === 1 ? column : column.map((x) => [x, x / 2]));
                p.grad = name === 'SparseAdam' ? grad.toSparse() : grad;
                optimizer.step();
                const where = `${size}, step ${t}: ${JSON.stringify(p.tolist())}`;
                expect(p.isfinite().all().item<boolean>(), where).equal(true);
              }
            }
          }
        });
      }
    }

    it('StableAdamW only decays by gradients of both signs, of which float32 holds neither distance nor squares', () => {
      for (const size of [1e38, 1.9e38, 3e38, 3.4e38]) {
        const p = torch.ones([3], { requiresGrad: true });
        const optimizer = new optim.StableAdamW([p], { lr: 0.1, weightDecay: 0.01 });
        for (let t = 0; t < 6; t++) {
          p.grad = torch.tensor([size, -size / 2, size / 3]).mul((-1) ** t);
          optimizer.step();
        }
        for (const x of flat([[p]])) expect(x).closeTo(0.999 ** 6, 1e-6);
      }
    });

    it('Adafactor moves by large gradients as in float64, and by all rows alike', () => {
      for (const shape of [[3], [3, 4]]) {
        for (const size of [1, 1.7e19, 1e25, 3e38]) {
          const ends = [torch.float64, torch.float32].map((dtype) => {
            const p = torch.ones(shape, { dtype, requiresGrad: true });
            const optimizer = new optim.Adafactor([p], { lr: 0.1 });
            p.grad = torch.full(shape, size, { dtype });
            optimizer.step();
            return flat([[p]]);
          });
          for (const [i, want] of ends[0]!.entries()) {
            expect(want).below(0.95);
            expect(ends[1]![i], `${shape}, ${size}`).closeTo(want, 1e-6);
          }
        }
      }
    });
  });

  describe('coefficients below the smallest normal number', () => {
    for (const [name, make] of Object.entries({
      norm: (level: number) => clip.norm(level),
      'norm by row': (level: number) => clip.norm(level, { scope: 'row' }),
      'norm of the update': (level: number) => clip.norm(level, { placement: 'update' }),
      chain: (level: number) => clip.chain(clip.norm(level), clip.value(inf)),
    })) {
      it(`${name}: leave the norm that was asked for`, () => {
        for (const level of [1, 1e-3, 1e-5, 1e-7]) {
          for (const writeBack of [false, true]) {
            const p = torch.zeros([1000], { requiresGrad: true });
            const optimizer = new optim.SGD([p], { lr: 1, clip: make(level), writeBack });
            p.grad = torch.full([1000], 3e38);
            optimizer.step();
            expect(Math.hypot(...flat([[p]]))).closeTo(level, 1e-6 * level);
            // A clipper of the update leaves the gradient as it is.
            const left = name === 'norm of the update' ? 3e38 * Math.sqrt(1000) : level;
            if (writeBack) expect(Math.hypot(...flat([[p.grad!]]))).closeTo(left, 1e-6 * left);
          }
        }
      });
    }

    it('clipGradNorm_ and clipGradsWithNorm_ likewise', () => {
      for (const level of [1, 1e-3, 1e-7]) {
        const norm = torch.tensor(3e38 * Math.sqrt(1000), { dtype: torch.float64 });
        for (const call of [
          (p: Tensor) => nn.utils.clipGradNorm_(p, level),
          (p: Tensor) => nn.utils.clipGradsWithNorm_(p, level, norm),
        ]) {
          const p = torch.zeros([1000], { requiresGrad: true });
          p.grad = torch.full([1000], 3e38);
          call(p);
          expect(Math.hypot(...flat([[p.grad!]]))).closeTo(level, 1e-6 * level);
        }
      }
    });
  });

  // What TypeScript has checked may be another value by the time it is read again.
  it('the engine itself refuses options of clip.auto that lead outside of its memory', () => {
    const make = (percentile: number, window: number) =>
      native.optimCreate({
        stages: [
          {
            clipper: 'auto',
            options: { percentile, window, normType: 2 },
            scope: 'global',
            placement: 'gradient',
            beta: 0,
            power: 0,
            seed: 0n,
            tap: 0,
          },
        ],
        policy: 'propagate',
        maxConsecutiveSkips: 0,
        writeBack: false,
      });
    for (const [percentile, window] of [
      [10, Number.NaN],
      [10, -1],
      [10, inf],
      [10, 2 ** 53],
      [Number.NaN, 0],
      [0, 0],
      [-5, 0],
      [100.1, 0],
    ] as const) {
      expect(() => make(percentile, window), `${percentile}, ${window}`)
        .throw(TorchClipError, /an option of the clipper "auto" is out of range/)
        .property('code', 'ERR_ARGUMENT');
    }
    make(100, 5);
  });
});
