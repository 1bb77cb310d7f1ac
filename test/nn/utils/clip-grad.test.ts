import { expect } from 'chai';
import torch, { nn, TorchClipError } from '../../../lib/index.js';
import { bits, device, deviceType, layouts } from '../../optim/support.js';

const { utils } = nn;
const withGrad = (...values: number[]) => {
  const p = torch.zeros([values.length], { device, requiresGrad: true });
  p.grad = torch.tensor(values, { device });
  return p;
};
const grad = (p: torch.Tensor) => (p.grad!.tolist() as number[]).map((x) => Math.round(x * 1e5) / 1e5);

describe('nn.utils: clipping gradients', () => {
  it('clipGradNorm_ returns the norm before and scales all gradients', () => {
    const [p, q, none] = [withGrad(3), withGrad(4), torch.zeros([1], { device, requiresGrad: true })];
    const norm = utils.clipGradNorm_([p, q, none], 1);
    expect(norm.item()).equal(5);
    expect([norm.dtype, norm.shape]).deep.equal([torch.float32, []]);
    expect([grad(p), grad(q), none.grad]).deep.equal([[0.6], [0.8], null]);
    expect(utils.clipGradNorm_(withGrad(3, 4), 1).item()).equal(5);
    expect(utils.clipGradNorm_(new Set([withGrad(3, 4)]), 0).item()).equal(5);
  });

  it('clipGradNorm_ writes nothing below the level', () => {
    const p = withGrad(3, 4);
    const version = p.grad!.version;
    utils.clipGradNorm_([p], 6);
    expect(grad(p)).deep.equal([3, 4]);
    // On a GPU only the device knows: it multiplies by 1, as PyTorch does.
    const written = deviceType === 'cpu' ? 0 : 1;
    expect(p.grad!.version).equal(version + written);
    utils.clipGradNorm_([p], 4);
    expect(p.grad!.version).equal(version + written + 1);
  });

  it('takes any order of norm', () => {
    const total = (normType: number) =>
      utils.getTotalNorm([torch.tensor([1, -2], { device }), torch.tensor([2], { device })], { normType }).item();
    expect(total(1)).equal(5);
    expect(total(2)).equal(3);
    expect(total(Infinity)).equal(2);
    expect(total(3)).closeTo(17 ** (1 / 3), 1e-6);
    expect(total(0.5)).closeTo((1 + 2 * Math.SQRT2) ** 2, 1e-5);
  });

  it('takes tensors that nobody else holds, whatever is collected on the way', () => {
    const passing = function* () {
      for (const value of [3, 4, 12]) {
        yield torch.full([1], value, { device });
        torch.collectGarbage();
      }
    };
    expect(utils.getTotalNorm(passing()).item()).equal(13);
  });

  it('is 0 for no tensors', () => {
    expect(utils.clipGradNorm_([], 1).item()).equal(0);
    expect(utils.getTotalNorm([]).item()).equal(0);
    utils.clipGradValue_([], 1);
  });

  it('errorIfNonfinite leaves gradients unchanged when it throws', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const p = withGrad(3, bad);
      const before = bits(p.grad!);
      expect(() => utils.clipGradNorm_([p], 1, { errorIfNonfinite: true }))
        .throw(TorchClipError, /The total norm of order 2 for gradients from `parameters` is non-finite/)
        .property('code', 'ERR_NONFINITE');
      expect(bits(p.grad!)).equal(before);
      expect(() => utils.getTotalNorm([p.grad!], { errorIfNonfinite: true })).throw(TorchClipError);
    }
  });

  it('without it a norm that is not finite goes into every gradient, as in PyTorch', () => {
    const p = withGrad(3, Number.NaN);
    expect(utils.clipGradNorm_([p], 1).item()).NaN;
    expect(grad(p)).deep.equal([Number.NaN, Number.NaN]);
    const q = withGrad(3, Number.POSITIVE_INFINITY);
    utils.clipGradNorm_([q], 1);
    expect(grad(q)).deep.equal([0, Number.NaN]);
  });

  it('clipGradsWithNorm_ takes a norm that is known', () => {
    const p = withGrad(3, 4);
    utils.clipGradsWithNorm_([p], 1, torch.tensor(10, { device }));
    expect(grad(p)).deep.equal([0.3, 0.4]);
    utils.clipGradsWithNorm_([p], 1, torch.tensor(0.5, { device }));
    expect(grad(p)).deep.equal([0.3, 0.4]);
  });

  it('clipGradValue_ clamps and keeps NaN', () => {
    const p = withGrad(3, -0.5, Number.NaN, Number.NEGATIVE_INFINITY);
    utils.clipGradValue_([p], 1);
    expect(grad(p)).deep.equal([1, -0.5, Number.NaN, -1]);
  });

  for (const [name, layout] of Object.entries(layouts)) {
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const) {
      it(`clips ${dtype} gradients ${name} in place`, () => {
        const p = torch.zeros([2, 3, 2, 2], { dtype: torch[dtype], device, requiresGrad: true });
        p.grad = layout(torch.arange(24, { dtype: torch.float32, device }).view([2, 3, 2, 2]).to(torch[dtype]));
        const want = p.grad.clone();
        const strides = p.grad.stride();
        const norm = utils.clipGradNorm_([p], 6);
        expect(norm.dtype).equal(dtype === 'float64' ? torch.float64 : torch.float32);
        expect(norm.item()).closeTo(Math.sqrt(4324), 1e-5);
        expect(p.grad.stride()).deep.equal(strides);
        const error = p.grad
          .sub(want.mul(6 / Math.sqrt(4324)))
          .to(torch.float64)
          .norm()
          .item();
        expect(error / 6).below({ float64: 1e-7, float32: 1e-6, float16: 1e-3, bfloat16: 8e-3 }[dtype]);
      });
    }
  }

  it('neither overflows nor underflows', () => {
    const cases: [number, torch.Dtype, number][] = [
      [1e20, torch.float32, 2],
      [1e-30, torch.float32, 2],
      [1e200, torch.float64, 2],
      [1e-200, torch.float64, 2],
      [1e30, torch.float64, 20],
      [1e-30, torch.float64, 20],
    ];
    for (const [size, dtype, normType] of cases) {
      const parts = [1, 30_000, 0, 70_000].map((n) => torch.full([n], size, { dtype, device }));
      const norm = utils.getTotalNorm(parts, { normType }).item();
      expect(norm / (size * 100_001 ** (1 / normType))).closeTo(1, 1e-6);
    }
    const mixed = [
      torch.tensor([1e200], { dtype: torch.float64, device }),
      torch.tensor([3, 4], { dtype: torch.float64, device }),
    ];
    expect(utils.getTotalNorm(mixed).item()).equal(1e200);
  });

  it('a sum of a million equal squares is exact to 1e-7', () => {
    const n = 1_000_003;
    const norm = utils.getTotalNorm([torch.full([n], 0.1, { device })]).item();
    expect(norm / (Math.fround(0.1) * Math.sqrt(n))).closeTo(1, 1e-7);
  });
});

describe('nn.utils: parameters as a vector', () => {
  it('goes there and back', () => {
    const layer = new nn.Linear(3, 2, { device });
    const vector = utils.parametersToVector(layer.parameters());
    expect(vector.shape).deep.equal([8]);
    utils.vectorToParameters(torch.arange(8, { dtype: torch.float32, device }), layer.parameters());
    expect(layer.parameters().map((p) => p.detach().tolist())).deep.equal([
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [6, 7],
    ]);
    expect(utils.parametersToVector(layer.parameters()).requiresGrad).equal(true);
  });
});
