// Indices that operations save for the backward pass, where hooks unpack others or JavaScript writes to their memory:
// they are refused, and nothing is read or written outside of the tensors.
import { expect } from 'chai';
import torch, { autograd, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

/** The last leaf that was made. */
let last: Tensor;
const leaf = (...shape: number[]) => {
  last = torch.randn(shape, { requiresGrad: true });
  return last;
};
const int64 = (values: bigint[]) => torch.tensor(values);
const { embeddingBag, segmentReduce } = torch;

const images = () => leaf(1, 2, 4, 4);
const volumes = () => leaf(1, 2, 4, 4, 4);
const twice = () => [int64([1n, 2n, 1n]), int64([0n, 2n])] as const;

/** Operations that save integers, and that trust them in their backward passes. */
const cases: Record<string, () => Tensor> = {
  maxPool1d: () => torch.maxPool1d(leaf(1, 2, 8), [2]),
  maxPool2d: () => torch.maxPool2d(images(), [2, 2]),
  'maxPool2d, channels last': () => torch.maxPool2d(images().contiguous({ memoryFormat: torch.channelsLast }), [2, 2]),
  maxPool3d: () => torch.maxPool3d(volumes(), [2, 2, 2]),
  adaptiveMaxPool1d: () => torch.adaptiveMaxPool1d(leaf(1, 2, 8), [3])[0],
  adaptiveMaxPool2d: () => torch.adaptiveMaxPool2d(images(), [3, 3])[0],
  adaptiveMaxPool3d: () => torch.adaptiveMaxPool3d(volumes(), [3, 3, 3])[0],
  fractionalMaxPool2d: () => torch.fractionalMaxPool2d(images(), [2, 2], [2, 2], torch.rand([1, 2, 2]))[0],
  fractionalMaxPool3d: () => torch.fractionalMaxPool3d(volumes(), [2, 2, 2], [2, 2, 2], torch.rand([1, 2, 3]))[0],
  embedding: () => torch.embedding(leaf(3, 4), int64([1n, 2n])),
  'embedding, sparse': () => torch.embedding(leaf(3, 4), int64([1n, 2n]), { sparse: true }),
  'embedding, scaled by frequency': () => torch.embedding(leaf(3, 4), int64([1n, 2n]), { scaleGradByFreq: true }),
  'embeddingBag, sums': () => embeddingBag(leaf(3, 4), ...twice())[0],
  'embeddingBag, means': () => embeddingBag(leaf(3, 4), ...twice(), { mode: 1 })[0],
  'embeddingBag, largest': () => embeddingBag(leaf(3, 4), ...twice(), { mode: 2 })[0],
  'embeddingBag, sparse': () => embeddingBag(leaf(3, 4), ...twice(), { sparse: true })[0],
  'embeddingBag, weighted': () => embeddingBag(leaf(3, 4), ...twice(), { perSampleWeights: leaf(3) })[0],
  'ctcLoss, rows of targets': () => torch.ctcLoss(leaf(5, 1, 3), int64([1n, 2n]).view([1, 2]), [5], [2]),
  'ctcLoss, targets in a row': () => torch.ctcLoss(leaf(5, 1, 3), int64([1n, 2n]), [5], [2]),
  'segmentReduce by lengths': () => segmentReduce(leaf(4), 'max', { lengths: int64([2n, 2n]) }),
  'segmentReduce by offsets': () => segmentReduce(leaf(4), 'sum', { offsets: int64([0n, 2n, 4n]) }),
  nllLoss: () => torch.nllLoss(leaf(2, 4), int64([1n, 2n])),
  multiMarginLoss: () => torch.multiMarginLoss(leaf(1, 4), int64([1n])),
  gather: () => leaf(4).gather(0, int64([1n])),
  indexSelect: () => leaf(4).indexSelect(0, int64([1n])),
  take: () => leaf(4).take(int64([1n])),
  sort: () => torch.sort(leaf(4))[0],
  cummax: () => torch.cummax(leaf(4), 0)[0],
  scatter: () => leaf(4).scatter(0, int64([1n]), leaf(1)),
  indexAdd: () => leaf(4).indexAdd(0, int64([1n]), leaf(1)),
  put: () => leaf(4).put(int64([1n]), leaf(1)),
  'linalg.solve': () => torch.linalg.solve(torch.eye(3).mul(2).requiresGrad_(), leaf(3, 1)),
};

const isIndex = (t: Tensor) => [torch.int64, torch.int32].includes(t.dtype);

/** The sum of an operation that saves its tensors through hooks, of which `unpack` gives back integers. */
function unpackedBy(call: () => Tensor, unpack: (saved: Tensor, at: number) => Tensor): Tensor {
  let count = 0;
  return autograd.graph
    .savedTensorsHooks(
      (t) => ({ t, at: isIndex(t) ? count++ : -1 }),
      ({ t, at }) => (at >= 0 ? unpack(t, at) : t),
      call,
    )
    .sum();
}

describe('indices saved for the backward pass', () => {
  for (const [name, call] of Object.entries(cases)) {
    it(`${name}: those that hooks unpack must be in range`, () => {
      for (const wrong of [1_000_000_000n, -1_000_000_000n]) {
        const all = unpackedBy(call, (t) => torch.fullLike(t, wrong));
        expect(refusalOf(() => all.backward()).code).oneOf(['ERR_INDEX', 'ERR_SHAPE', 'ERR_LIBTORCH']);
        // One of them alone, as the first that is wrong may hide what would become of the others.
        for (let which = 0; which < 4; which++) {
          const one = unpackedBy(call, (t, at) => (at === which ? torch.fullLike(t, wrong) : t));
          try {
            one.backward();
          } catch (error) {
            expect(error).instanceOf(torch.TorchClipError);
          }
        }
      }
    });

    it(`${name}: the same ones give the same gradients`, () => {
      const [plain, hooked] = [() => call().sum(), () => unpackedBy(call, (t) => t.clone())].map((run) => {
        torch.manualSeed(7);
        run().backward();
        return last.grad!.toDense().tolist();
      });
      expect(hooked).deep.equal(plain);
    });
  }

  it('are named in the refusal', () => {
    const sum = unpackedBy(
      () => torch.maxPool2d(leaf(1, 1, 4, 4), [2, 2]),
      (t) => torch.fullLike(t, 16n),
    );
    expect(refusalOf(() => sum.backward()).message).equal(
      'the indices of maxPool2d() saved for the backward pass must be from 0 to 15, got 16; nothing may change them ' +
        'after the forward pass',
    );
  });

  it('are outside of the input where dilation leads a window from padding to padding', () => {
    const [flat, solid] = [leaf(1, 2, 1, 1), leaf(1, 2, 1, 1, 1)];
    for (const pooled of [
      torch.maxPool2d(flat, [2, 2], [1, 1], [1, 1], [2, 2]),
      torch.maxPool3d(solid, [2, 2, 2], [1, 1, 1], [1, 1, 1], [2, 2, 2]),
    ]) {
      expect(pooled.flatten().tolist()).deep.equal([-Infinity, -Infinity]);
      const { code, message } = refusalOf(() => pooled.sum().backward());
      expect(code).equal('ERR_INDEX');
      expect(message).match(/no window may lie in the padding alone/);
    }
  });

  it('may lie in memory that JavaScript has written since', () => {
    const shared: Record<string, (indices: Tensor) => Tensor> = {
      embedding: (indices) => torch.embedding(leaf(3, 4), indices),
      'embedding, sparse': (indices) => torch.embedding(leaf(3, 4), indices, { sparse: true }),
      embeddingBag: (indices) => embeddingBag(leaf(3, 4), indices, int64([0n]))[0],
      ctcLoss: (indices) => torch.ctcLoss(leaf(5, 1, 3), indices.view([1, 2]), [5], [2]),
      nllLoss: (indices) => torch.nllLoss(leaf(2, 4), indices),
      gather: (indices) => leaf(4).gather(0, indices),
    };
    for (const [name, call] of Object.entries(shared)) {
      const memory = new BigInt64Array([1n, 2n]);
      const sum = call(torch.frombuffer(memory, { dtype: torch.int64 })).sum();
      memory.fill(1_000_000_000n);
      expect(refusalOf(() => sum.backward()).code, name).equal('ERR_INDEX');
    }
  });
});

describe('gridSampler', () => {
  for (const [padding, code] of [
    ['border', 1],
    ['reflection', 2],
  ] as const) {
    it(`has gradients where coordinates are not finite: ${padding}`, () => {
      for (const dtype of [torch.float32, torch.float64]) {
        for (const mode of [0, 1, 2]) {
          for (const alignCorners of [true, false]) {
            for (const value of [Number.NaN, Infinity, -Infinity, 3e38, -3e38]) {
              const x = torch
                .arange(1, 3 * 64 + 1, { dtype })
                .view([1, 3, 8, 8])
                .requiresGrad_();
              const grid = torch.zeros([1, 4, 4, 2], { dtype });
              grid.at(0, 1).fill_(value);
              const sampled = torch.gridSampler(x, grid.requiresGrad_(), mode, code, alignCorners);
              sampled.sum().backward();
              const what = `${dtype.name} ${mode} ${alignCorners} ${value}`;
              expect(x.grad!.isfinite().all().item(), what).equal(true);
              if (mode === 2) continue;
              // Linear in the input: what the forward pass took of it, the backward pass gives back.
              expect(x.grad!.mul(x).sum().item(), what).closeTo(sampled.sum().item(), 1e-2);
              expect(grid.grad!.at(0, 1).abs().sum().item(), what).equal(0);
            }
          }
        }
      }
    });
  }
});
