import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import { flat } from '../support.js';

type Pair = [torch.Tensor, torch.Tensor];
const pair = (dtype = torch.float64): Pair => [
  torch.zeros([3], { dtype, requiresGrad: true }),
  torch.zeros([2], { dtype, requiresGrad: true }),
];
const grads = ([p, q]: Pair, size = 1) => {
  p.grad = torch.tensor(
    [2, 0, 1].map((x) => x * size),
    { dtype: p.dtype },
  );
  q.grad = torch.tensor(
    [-2, 4].map((x) => x * size),
    { dtype: q.dtype },
  );
};
const near = (p: torch.Tensor, want: number[]) =>
  flat([[p]]).forEach((x, i) => {
    expect(x).closeTo(want[i]!, 1e-12);
  });
const length = (...params: torch.Tensor[]) => Math.hypot(...flat([params]));

describe('optim.NormalizedSGD', () => {
  it('steps of one length, over everything or in each tensor', () => {
    const both = pair();
    grads(both, 1000);
    new optim.NormalizedSGD(both, { lr: 0.25 }).step();
    expect(length(...both)).closeTo(0.25, 1e-12);
    near(both[0], [-0.1, 0, -0.05]);
    const [p, q] = pair();
    grads([p, q]);
    new optim.NormalizedSGD([p, q], { lr: 0.25, scope: 'tensor' }).step();
    expect(length(p)).closeTo(0.25, 1e-12);
    expect(length(q)).closeTo(0.25, 1e-12);
  });

  it('groups share a norm and have rates of their own', () => {
    const [p, q] = pair();
    grads([p, q]);
    new optim.NormalizedSGD([{ params: p, lr: 0.5 }, { params: q }], { lr: 0.25 }).step();
    near(p, [-0.2, 0, -0.1]);
    near(q, [0.1, -0.2]);
  });

  it('stands still without a gradient, and has length for gradients of any size', () => {
    for (const size of [0, 1e-30, 1e37]) {
      const both = pair(torch.float32);
      grads(both, size);
      new optim.NormalizedSGD(both, { lr: 0.25 }).step();
      expect(length(...both)).closeTo(size === 0 ? 0 : 0.25, 1e-6);
    }
  });

  it('keeps its length when the mean dies away', () => {
    const both = pair(torch.float32);
    const optimizer = new optim.NormalizedSGD(both, { lr: 1, momentum: 0.5 });
    grads(both);
    optimizer.step();
    grads(both, 0);
    for (let t = 0; t < 200; t++) {
      const before = flat([both]);
      optimizer.step();
      expect(Math.hypot(...flat([both]).map((x, i) => x - before[i]!))).closeTo(1, 1e-4);
    }
  });

  it('refuses what it does not know', () => {
    const make = (options: object) => () => new optim.NormalizedSGD(pair(), options);
    expect(make({ scope: 'group' })).throw(TorchClipError, '"scope" must be "global" or "tensor", got "group"');
    expect(make({ momentum: 1 })).throw(
      TorchClipError,
      'Invalid momentum value: 1 ("momentum" must be a number in [0, 1))',
    );
  });
});

describe('optim.Clip21SGD', () => {
  it('its estimate reaches a constant gradient in steps of maxNorm, and then follows it', () => {
    const both = pair();
    const optimizer = new optim.Clip21SGD(both, { lr: 1, maxNorm: 2 });
    const lengths: number[] = [];
    for (let t = 0; t < 4; t++) {
      const before = flat([both]);
      grads(both);
      optimizer.step();
      lengths.push(Math.hypot(...flat([both]).map((x, i) => x - before[i]!)));
    }
    [2, 4, 5, 5].forEach((want, t) => {
      expect(lengths[t]).closeTo(want, 1e-12);
    });
  });

  it('refuses a level of 0', () => {
    expect(() => new optim.Clip21SGD(pair(), { maxNorm: 0 })).throw(
      TorchClipError,
      'Invalid maximum norm: 0 ("maxNorm" must be a number > 0)',
    );
  });
});

describe('optim.ClipUp', () => {
  it('has a largest speed of twice the rate, whatever the rate becomes', () => {
    const both = pair();
    const optimizer = new optim.ClipUp(both, { lr: 0.5 });
    expect(optimizer.paramGroups[0]!.maxSpeed).equal(null);
    const lengths: number[] = [];
    for (let t = 0; t < 5; t++) {
      const before = flat([both]);
      grads(both, 100);
      if (t === 4) optimizer.paramGroups[0]!.lr = 0.125;
      optimizer.step();
      lengths.push(Math.hypot(...flat([both]).map((x, i) => x - before[i]!)));
    }
    [0.5, 0.95, 1, 1, 0.25].forEach((want, t) => {
      expect(lengths[t]).closeTo(want, 1e-12);
    });
  });

  it('limits the speed over groups of different rates', () => {
    const [p, q] = pair();
    const optimizer = new optim.ClipUp([{ params: p, lr: 2, momentum: 0.5 }, { params: q }], { lr: 1, maxSpeed: 1.25 });
    for (let t = 0; t < 3; t++) {
      const before = flat([[p, q]]);
      grads([p, q]);
      optimizer.step();
      const now = Math.hypot(...flat([[p, q]]).map((x, i) => x - before[i]!));
      expect(now).closeTo(1.25, 1e-12);
    }
  });

  it('coasts without a gradient, and says so in its state', () => {
    const both = pair(torch.float32);
    const optimizer = new optim.ClipUp(both, { lr: 0.5 });
    grads(both, 0);
    optimizer.step();
    expect(length(...both)).equal(0);
    expect(Object.keys(optimizer.stateDict().state[0]!)).deep.equal(['velocity']);
    expect(optimizer.stateDict().param_groups[0]).include({ max_speed: null });
  });

  it('refuses a negative speed, and a null elsewhere', () => {
    expect(() => new optim.ClipUp(pair(), { maxSpeed: -1 })).throw(
      TorchClipError,
      'Invalid maximum speed: -1 ("maxSpeed" must be a number >= 0 or null)',
    );
    const both = pair();
    const optimizer = new optim.ClipUp(both, { clip: clip.norm(1) });
    Object.assign(optimizer.paramGroups[0]!, { momentum: null });
    grads(both);
    expect(() => optimizer.step()).throw(
      TorchClipError,
      /Invalid momentum value: null \("paramGroups\[0\]\.momentum" must be a number in \[0, 1\)\)/,
    );
  });
});
