import { expect } from 'chai';
import torch, { nn, optim, type Tensor } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';
import { bits } from '../support.js';

const stateOf = (model: nn.Module) =>
  Object.entries(model.stateDict()).map(([name, t]) => [name, bits(t.reshape([-1]))]);

describe('optim.estimateLipschitz', () => {
  const curvatures: [string, (x: Tensor) => Tensor, number][] = [
    ['½·3·‖x‖²', (x) => x.pow(2).sum().mul(1.5), 3],
    ['‖x‖²/2', (x) => x.pow(2).sum().div(2), 1],
    ['a linear loss', (x) => x.sum(), 0],
  ];
  for (const [name, loss, L] of curvatures) {
    for (const dtype of [torch.float32, torch.float64, torch.complex64]) {
      it(`is twice the curvature of ${name}, ${dtype}`, () => {
        const x = torch.tensor([1, -2, 3], { dtype, requiresGrad: true });
        const real = (t: Tensor) => loss(dtype.isComplex ? torch.viewAsReal(t) : t);
        const got = optim.estimateLipschitz({ params: [x], batches: [1, 2, 3], closure: () => real(x) });
        expect(got).closeTo(2 * L, dtype === torch.float64 ? 1e-9 : 1e-2);
      });
    }
  }

  it('lies between the extreme curvatures of a quadratic, whatever the distance', () => {
    const x = torch.tensor([1, 1], { dtype: torch.float64, requiresGrad: true });
    const scale = torch.tensor([1, 10], { dtype: torch.float64 });
    for (const distance of [1e-6, 1e-2, 1, 100]) {
      const closure = () => x.pow(2).mul(scale).sum().div(2);
      const got = optim.estimateLipschitz({ params: [x], batches: [0, 1, 2, 3], closure, distance });
      expect(got).within(2, 20.001);
    }
  });

  it('compares gradients of one batch, so that the noise between batches does not count', () => {
    const x = torch.zeros([4], { dtype: torch.float64, requiresGrad: true });
    const batches = [1, 2, 3].map((seed) => torch.randn([4], { generator: new torch.Generator().manualSeed(seed) }));
    const closure = (noise: Tensor) =>
      x
        .pow(2)
        .div(2)
        .add(x.mul(noise.mul(1e6)))
        .sum();
    expect(optim.estimateLipschitz({ params: [x], batches, closure })).closeTo(2, 1e-6);
  });

  it('draws the same random numbers at both points', () => {
    const x = torch.ones([1000], { dtype: torch.float64, requiresGrad: true });
    const closure = () => nn.functional.dropout(x, { p: 0.5 }).pow(2).sum().div(8);
    // Kept elements are doubled: their curvature is 1.
    expect(optim.estimateLipschitz({ params: [x], batches: [0], closure })).closeTo(2, 1e-6);
  });

  const model = () => {
    torch.manualSeed(1);
    return new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 1));
  };

  it('leaves weights, buffers and gradients as they were', () => {
    const net = model();
    const grad = torch.ones([4, 3]);
    net.parameters()[0]!.grad = grad;
    net.parameters()[1]!.requiresGrad_(false);
    const before = stateOf(net);
    const batches = [1, 2].map(() => torch.randn([8, 3]));
    const got = optim.estimateLipschitz({ params: net, batches, closure: (x) => net.forward(x).pow(2).mean() });
    expect(got).above(0);
    expect(stateOf(net)).deep.equal(before);
    expect(net.parameters().map((p) => p.grad === null)).deep.equal([false, true, true, true, true, true]);
    expect(bits(net.parameters()[0]!.grad!)).equal(bits(grad));
    expect(net.training).equal(true);
  });

  it('leaves them also where the closure or the batches throw', () => {
    const net = model();
    const before = stateOf(net);
    for (let at = 0; at < 4; at++) {
      let calls = 0;
      const closure = (x: Tensor) => {
        if (calls++ === at) throw new Error('boom');
        return net.forward(x).pow(2).mean();
      };
      const batches = [1, 2].map(() => torch.randn([8, 3]));
      expect(() => optim.estimateLipschitz({ params: net, batches, closure })).throw('boom');
      expect(stateOf(net)).deep.equal(before);
    }
    function* broken() {
      yield torch.randn([8, 3]);
      throw new Error('no more');
    }
    const closure = (x: Tensor) => net.forward(x).pow(2).mean();
    expect(() => optim.estimateLipschitz({ params: net, batches: broken(), closure })).throw('no more');
    expect(stateOf(net)).deep.equal(before);
  });

  it('works where no gradients are recorded, and with parameters that the loss does not use', () => {
    const [x, unused] = [torch.ones([2], { requiresGrad: true }), torch.ones([2], { requiresGrad: true })];
    const options = { params: [x, unused], batches: [0], closure: () => x.pow(2).sum() };
    expect(torch.noGrad(() => optim.estimateLipschitz(options))).closeTo(4, 1e-2);
  });

  const x = torch.ones([2], { requiresGrad: true });
  const good = { params: [x], batches: [0], closure: () => x.pow(2).sum() };
  const refused: [string, object, RegExp, string?][] = [
    ['no params', { ...good, params: undefined }, /"params" must be a Module or an iterable of Tensors, got undefined/],
    ['a bare tensor', { ...good, params: x }, /"params" must be a Module or an iterable of Tensors, got a Tensor/],
    ['what is not a leaf', { ...good, params: [x.mul(2)] }, /"params\[0\]" must be a Tensor that is a leaf/],
    [
      'frozen parameters',
      { ...good, params: [torch.ones([1])] },
      /"params" must be parameters that require a gradient/,
    ],
    ['no batches', { ...good, batches: undefined }, /"batches" must be an iterable of batches, got undefined/],
    ['an empty list', { ...good, batches: [] }, /"batches" must be batches, some with a gradient other than 0/],
    ['a flat loss', { ...good, closure: () => x.sum().mul(0) }, /some with a gradient other than 0/],
    ['no closure', { ...good, closure: 1 }, /"closure" must be a synchronous function, got 1/],
    ['a distance of 0', { ...good, distance: 0 }, /"distance" must be a finite number > 0, got 0/],
    ['an unknown option', { ...good, lr: 1 }, /unknown option "lr" of estimateLipschitz\(\); it takes params, batches/],
    ['NaN', { ...good, closure: () => x.mul(Number.NaN).sum() }, /holds NaN or inf/, 'ERR_NONFINITE'],
  ];
  for (const [name, options, message, code = 'ERR_ARGUMENT'] of refused) {
    it(`refuses ${name}`, () => {
      const error = refusalOf(() => optim.estimateLipschitz(options as optim.LipschitzOptions<unknown>));
      expect(error.code).equal(code);
      expect(error.message).match(message);
      expect(x.tolist()).deep.equal([1, 1]);
    });
  }
});
