import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import { bits, clipperOf, clippers, flat, make, parameters, rules, setGradients, snapshot } from '../support.js';

const dtypes = ['float32', 'float64', 'bfloat16'] as const;
let turn = 0;
const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('optim: gradients that are not finite', () => {
  for (const [ruleName, rule] of Object.entries(rules)) {
    for (const [clipName, spec] of Object.entries(clippers)) {
      if (spec === null) continue;
      const dtype = dtypes[turn++ % dtypes.length]!;
      it(`skip moves no bit: ${ruleName} / ${clipName}, ${dtype}`, () => {
        const groups = parameters(torch[dtype]);
        const optimizer = make(rule, groups, { clip: clipperOf(spec) });
        const undisturbed = parameters(torch[dtype]);
        const twin = make(rule, undisturbed, { clip: clipperOf(spec) });
        for (let t = 1; t <= 6; t++) {
          setGradients(groups, t);
          const before = snapshot(optimizer);
          groups[t % 2]![0]!.grad!.view([-1])
            .narrow(0, t, 1)
            .fill_(bad[t % 3]!);
          optimizer.step();
          expect(snapshot(optimizer)).deep.equal(before);
          for (const [g, o] of [
            [groups, optimizer],
            [undisturbed, twin],
          ] as const) {
            setGradients(g, t);
            o.step();
          }
        }
        expect(optimizer.clipStats.skipped.item()).equal(6);
        expect(snapshot(optimizer)).deep.equal(snapshot(twin));
      });
    }
  }

  const one = (policy?: optim.NonFinite, more: object = {}) => {
    const p = torch.tensor([1, 2, 3], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1, clip: clip.norm(100), nonFinite: policy, ...more });
    return { p, optimizer };
  };
  const withNaN = () => torch.tensor([1, Number.NaN, 1]);

  it('error throws and changes nothing', () => {
    const { p, optimizer } = one('error', { momentum: 0.9 });
    p.grad = withNaN();
    const before = bits(p);
    expect(() => optimizer.step())
      .throw(TorchClipError, /nonFinite is "error"/)
      .property('code', 'ERR_NONFINITE');
    expect(bits(p)).equal(before);
    expect(optimizer.stateDict().state).deep.equal({});
  });

  it('zero replaces the elements before the norm is taken', () => {
    const { p, optimizer } = one('zero');
    p.grad = torch.tensor([3, Number.NaN, 4]);
    optimizer.step();
    expect(p.tolist()).deep.equal([-2, 2, -1]);
    expect(optimizer.clipStats.norm.item()).equal(5);
  });

  it('propagate computes as PyTorch: an infinite norm scales the finite elements to 0', () => {
    const { p, optimizer } = one('propagate');
    p.grad = torch.tensor([1, Number.POSITIVE_INFINITY, 1]);
    optimizer.step();
    expect(p.tolist()).deep.equal([1, Number.NaN, 3]);
    p.grad = withNaN();
    optimizer.step();
    expect(p.tolist()).deep.equal([Number.NaN, Number.NaN, Number.NaN]);
  });

  it('without a clipper only the element itself is lost', () => {
    const { p, optimizer } = one(undefined, { clip: null });
    p.grad = withNaN();
    optimizer.step();
    expect(p.tolist()).deep.equal([0, Number.NaN, 2]);
    expect(optimizer.clipStats.skipped.item()).equal(0);
  });

  it('a policy can be had without a clipper', () => {
    const { p, optimizer } = one('skip', { clip: null });
    p.grad = withNaN();
    optimizer.step();
    expect(p.tolist()).deep.equal([1, 2, 3]);
    expect(optimizer.clipStats.skipped.item()).equal(1);
  });

  it('value clipping keeps NaN under propagate and limits infinities', () => {
    const { p, optimizer } = one('propagate', { clip: clip.value(0.5) });
    p.grad = torch.tensor([Number.NEGATIVE_INFINITY, Number.NaN, 0.25]);
    optimizer.step();
    expect(p.tolist()).deep.equal([1.5, Number.NaN, 2.75]);
    expect(optimizer.clipStats.norm.item()).NaN;
  });

  it('too many skips in a row throw; a step that is taken starts the count again', () => {
    const { p, optimizer } = one(undefined, { maxConsecutiveSkips: 2 });
    const skip = () => {
      p.grad = withNaN();
      optimizer.step();
    };
    skip();
    skip();
    p.grad = torch.zeros([3]);
    optimizer.step();
    skip();
    skip();
    expect(skip)
      .throw(TorchClipError, /more than maxConsecutiveSkips = 2/)
      .property('code', 'ERR_NONFINITE');
    expect(p.tolist()).deep.equal([1, 2, 3]);
    expect(optimizer.clipStats.skipped.item()).equal(5);
  });

  it('a skipped step reports the norm and a coefficient of 0', () => {
    const { p, optimizer } = one();
    p.grad = withNaN();
    optimizer.step();
    expect(optimizer.clipStats.norm.item()).NaN;
    expect(optimizer.clipStats.coefficient.item()).equal(0);
  });

  // The float32 coefficient of such a norm is a subnormal number of few bits.
  it('finite gradients of any size are never taken for infinite ones', () => {
    for (const [dtype, size] of [
      ['float32', 3e38],
      ['float64', 1e306],
      ['bfloat16', 3e38],
    ] as const) {
      const p = torch.zeros([1000], { dtype: torch[dtype], requiresGrad: true });
      const optimizer = new optim.SGD([p], { lr: 1, clip: clip.norm(1) });
      p.grad = torch.full([1000], size, { dtype: torch[dtype] });
      optimizer.step();
      expect(optimizer.clipStats.skipped.item()).equal(0);
      expect(Math.hypot(...flat([[p]]))).closeTo(1, { float32: 1e-5, float64: 1e-12, bfloat16: 1e-2 }[dtype]);
    }
  });

  // Their squares are added in fp32 if they fit.
  it('16-bit gradients of any size have a norm of fp32 accuracy', () => {
    for (const [dtype, ...sizes] of [
      ['float16', 1, 6e-8, 6e4, 0],
      ['bfloat16', 1, 1e-19, 1e-25, 1e-38, 1e-40, 1e16, 1e19, 3e38, 0],
    ] as const) {
      for (const size of sizes) {
        const wave = Float64Array.from({ length: 20_011 }, (_, i) => Math.sin(i * 12.9898) * size);
        const grad = torch.tensor(wave).to({ dtype: torch[dtype] });
        const p = torch.zeros([20_011], { dtype: torch[dtype], requiresGrad: true });
        const optimizer = new optim.SGD([p], { lr: 1, clip: clip.norm(1) });
        p.grad = grad;
        optimizer.step();
        const expected = Math.sqrt(grad.to({ dtype: torch.float64 }).square().sum().item());
        expect(Math.abs(optimizer.clipStats.norm.item() - expected)).at.most(1e-6 * expected);
      }
    }
  });
});
