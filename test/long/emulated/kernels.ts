import { expect } from 'chai';
import torch, { clip, type Dtype, nn, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import {
  bits,
  clipperOf,
  clippers,
  make,
  parameters,
  product,
  rules,
  setGradients,
  snapshot,
} from '../../optim/support.js';

/** The order of blocks, and of threads between barriers: native/optim/cuda/emulation/block.h. */
const orders = ['forward', 'backward', '1', '2', '3'];

function inOrder<T>(order: string, run: () => T): T {
  process.env.TORCH_CLIP_EMULATION_ORDER = order;
  try {
    return run();
  } finally {
    delete process.env.TORCH_CLIP_EMULATION_ORDER;
  }
}

/** The values in memory that begins `offset` elements later. */
const moved = (t: Tensor, offset: number): Tensor => {
  const flat = torch.zeros([offset + t.numel()], { dtype: t.dtype });
  return flat.narrow(0, offset, t.numel()).view(t.shape).copy_(t);
};
const waves = (shape: number[], dtype: Dtype, scale: number): Tensor =>
  torch.arange(product(shape), { dtype: torch.float64 }).mul(0.7).sin().mul(scale).reshape(shape).to({ dtype });
const dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16];

describe('emulated kernels', () => {
  for (const [ruleName, rule] of Object.entries(rules)) {
    it(`no order of blocks and threads changes a bit: ${ruleName}`, () => {
      for (const [clipName, spec] of Object.entries(clippers)) {
        const run = () => {
          const groups = parameters(torch.float32);
          const optimizer = make(rule, groups, { clip: clipperOf(spec) });
          const stats: string[] = [];
          for (let t = 1; t <= 3; t++) {
            setGradients(groups, t);
            optimizer.step();
            const { norm, coefficient } = optimizer.clipStats;
            stats.push(bits(norm.reshape([-1])), bits(coefficient.reshape([-1])));
          }
          return { snapshot: snapshot(optimizer), stats };
        };
        const want = inOrder('forward', run);
        for (const order of orders.slice(1)) expect(inOrder(order, run), `${clipName}, ${order}`).deep.equal(want);
      }
    });
  }

  it('no order changes a bit of the norm of many chunks', () => {
    for (const dtype of dtypes) {
      const tensors = [100_003, 1, 16_384, 16_385, 0, 7].map((n) => waves([n], dtype, 1));
      for (const normType of [1, 2, 3.5, Infinity]) {
        const norm = () => bits(nn.utils.getTotalNorm(tensors, { normType }).reshape([1]));
        const [want, ...others] = orders.map((order) => inOrder(order, norm));
        for (const other of others) expect(other).equal(want);
        const reference = torch.linalg.vectorNorm(torch.cat(tensors.map((t) => t.double())), normType).item();
        expect(nn.utils.getTotalNorm(tensors, { normType }).item() / reference).closeTo(1, 1e-6);
      }
    }
  });

  it('where memory begins changes no bit of a norm', () => {
    for (const dtype of dtypes) {
      for (const length of [1, 3, 9, 77, 4_099, 16_391]) {
        // The larger values overflow or underflow in fp32 at first.
        for (const scale of dtype === torch.float16 ? [1] : [1, 1e25, 1e-25]) {
          const values = waves([length], dtype, scale);
          for (const normType of [1, 2, 3.5, Infinity]) {
            const norm = (t: Tensor) => bits(nn.utils.getTotalNorm([t], { normType }).reshape([1]));
            const want = norm(values);
            const where = `${dtype.name}, ${length} of ${scale}, norm ${normType}`;
            for (let offset = 1; offset < 9; offset++) expect(norm(moved(values, offset)), where).equal(want);
          }
        }
      }
    }
  });

  it('nor of a step', () => {
    // In rows of odd width, parameter, gradient and state begin at one place in 16 bytes, where all of them begin at none.
    const clippers = [clip.norm(1), clip.agc({ clipping: 0.1 }), clip.chain(clip.value(0.5), clip.norm(1))];
    for (const dtype of dtypes) {
      const [weights, gradient] = [waves([9, 301], dtype, 1), waves([9, 301], dtype, -0.7)];
      for (const clipper of clippers) {
        for (const nonFinite of ['skip', 'propagate'] as const) {
          const run = (of: number, from: number) => {
            const p = moved(weights, of).detach().requiresGrad_();
            const optimizer = new optim.AdamW([p], { clip: clipper, nonFinite, writeBack: true });
            p.grad = moved(gradient, from);
            for (let t = 0; t < 3; t++) optimizer.step();
            return [snapshot(optimizer), bits(p.grad)];
          };
          const want = run(0, 0);
          for (const [of, from] of [
            [1, 1],
            [3, 3],
            [0, 5],
            [2, 7],
            [8, 4],
          ] as const) {
            expect(run(of, from), `${dtype.name}, ${of}, ${from}`).deep.equal(want);
          }
        }
      }
    }
  });

  it('nor of a step how many blocks the chunks of a small model are divided among', () => {
    const clippers = [clip.value(0.5), clip.agc({ clipping: 0.1, placement: 'update' }), clip.spam()];
    for (const dtype of dtypes) {
      for (const [i, clipper] of clippers.entries()) {
        const run = (beside: number[]) => {
          const params = [20_001, ...beside].map((n) => waves([n], dtype, 1).requiresGrad_());
          const optimizer = new optim.AdamW(params, { clip: clipper, writeBack: true });
          for (let t = 1; t <= 2; t++) {
            for (const p of params) p.grad = waves([p.numel()], dtype, -0.7 * t);
            optimizer.step();
          }
          const state = Object.values(optimizer.stateDict().state[0]!).filter((value) => value instanceof torch.Tensor);
          expect(state.length).above(1);
          return [params[0]!, params[0]!.grad!, ...state].map((t) => bits(t.reshape([-1])));
        };
        // Enough chunks for each to be one block's.
        expect(run([]), `${dtype.name}, ${i}`).deep.equal(run([130_000]));
      }
    }
  });

  it('nor whether a small unit is one of few, each with a block, or of many, each with a warp', () => {
    const clippers = {
      AGC: clip.agc({ clipping: 0.1 }),
      'AGC of updates': clip.agc({ clipping: 0.01, placement: 'update' }),
      ...Object.fromEntries(
        [1, 2, 3.5, Infinity].map((normType) => [`norm ${normType}`, clip.norm(1, { scope: 'row', normType })]),
      ),
    };
    const widths = [1, 31, 127, 128, 129, 768, 2047, 2048];
    for (const dtype of dtypes) {
      // The larger values overflow or underflow in fp32 at first.
      for (const scale of dtype === torch.float16 ? [1] : [1, 1e25, 1e-25]) {
        for (const [name, clipper] of Object.entries(clippers)) {
          for (const [nonFinite, Rule] of [
            ['skip', optim.AdamW],
            ['zero', optim.AdamW],
            ['skip', optim.LAMB],
          ] as const) {
            if (scale !== 1 && (nonFinite === 'zero' || name === 'AGC of updates' || Rule === optim.LAMB)) continue;
            const run = (others: number) => {
              const shapes = [...widths.map((width) => [1, width]), ...Array.from({ length: others }, () => [5, 9])];
              const params = shapes.map((shape) => waves(shape, dtype, scale).requiresGrad_());
              const optimizer = new Rule(params, { clip: clipper, nonFinite });
              const seen: string[] = [];
              for (let t = 1; t <= 2; t++) {
                for (const p of params) p.grad = waves([...p.shape], dtype, -0.7 * t * scale);
                if (nonFinite === 'zero') params[2]!.grad!.narrow(1, 3, 1).fill_(Number.NaN);
                optimizer.step();
                const { norm, coefficient } = optimizer.clipStats;
                const units = [norm, coefficient].map((t) => t.narrow(0, 0, widths.length).clone());
                seen.push(...[...units, ...params.slice(0, widths.length).map((p) => p.detach())].map(bits));
              }
              return seen;
            };
            expect(run(2), `${Rule.name}, ${dtype.name}, ${name} of ${scale}, ${nonFinite}`).deep.equal(run(0));
          }
        }
      }
    }
  });

  it('nor where small units begin, nor gaps between their elements', () => {
    const gapped = (t: Tensor) => torch.stack([t, t], { dim: -1 }).select(-1, 1);
    for (const dtype of dtypes) {
      for (const clipper of [clip.agc({ clipping: 0.1 }), clip.norm(1, { scope: 'row' })]) {
        for (const nonFinite of ['skip', 'propagate'] as const) {
          for (const width of [1, 31, 127, 128]) {
            const [weights, gradient] = [waves([9, width], dtype, 1), waves([9, width], dtype, -0.7)];
            const run = (place: (t: Tensor) => Tensor, placeGradient = place) => {
              const p = place(weights).detach().requiresGrad_();
              const optimizer = new optim.AdamW([p], { clip: clipper, nonFinite, writeBack: true });
              p.grad = placeGradient(gradient);
              for (let t = 0; t < 2; t++) optimizer.step();
              return [p.detach().clone(), p.grad.clone(), optimizer.clipStats.norm].map((t) => bits(t.contiguous()));
            };
            const want = run((t) => t.clone());
            const others: [(t: Tensor) => Tensor, ((t: Tensor) => Tensor)?][] = [
              [(t) => moved(t, 1)],
              [(t) => moved(t, 3), (t) => moved(t, 6)],
              [gapped],
              [(t) => moved(t, 2), gapped],
            ];
            for (const [place, placeGradient] of others) {
              expect(run(place, placeGradient), `${dtype.name}, ${width}, ${nonFinite}`).deep.equal(want);
            }
          }
        }
      }
    }
  });

  it('too many skips in a row are noticed by the step after', () => {
    const p = torch.tensor([1], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1, clip: clip.norm(1), maxConsecutiveSkips: 2 });
    p.grad = torch.tensor([Number.NaN]);
    for (let t = 0; t < 3; t++) optimizer.step();
    expect(() => optimizer.step()).throw(TorchClipError, /maxConsecutiveSkips/);
    expect(optimizer.clipStats.skipped.item()).equal(3);
    expect(p.item()).equal(1);
  });
});
