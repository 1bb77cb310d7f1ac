import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';

const at = (values: number[]) => torch.tensor(values, { dtype: torch.float64, requiresGrad: true });
const step = (optimizer: optim.Optimizer, p: torch.Tensor, grad: number[]) => {
  p.grad = torch.tensor(grad, { dtype: p.dtype });
  optimizer.step();
};
const near = (p: torch.Tensor, want: number[]) =>
  (p.tolist() as number[]).forEach((x, i) => {
    expect(x).closeTo(want[i]!, 1e-12);
  });

describe('optim.LAMB', () => {
  it('has the defaults of apex and timm', () => {
    expect(new optim.LAMB([at([1])]).paramGroups[0]).include({
      lr: 1e-3,
      eps: 1e-6,
      weightDecay: 1e-2,
      biasCorrection: true,
      trustClip: false,
      alwaysAdapt: false,
    });
  });

  it('moves a tensor by lr times its norm', () => {
    const p = at([3, 4]);
    const optimizer = new optim.LAMB([p], { lr: 0.1, eps: 0, weightDecay: 0, alwaysAdapt: true });
    step(optimizer, p, [2, -2]);
    near(p, [3 - 0.5 * Math.SQRT1_2, 4 + 0.5 * Math.SQRT1_2]);
  });

  it('leaves the rate alone where the tensor is 0, and without weight decay', () => {
    const p = at([0, 0]);
    step(new optim.LAMB([p], { lr: 0.1, eps: 0 }), p, [2, -2]);
    near(p, [-0.1, 0.1]);
    const q = at([3, 4]);
    step(new optim.LAMB([q], { lr: 0.1, eps: 0, weightDecay: 0 }), q, [2, -2]);
    near(q, [2.9, 4.1]);
  });

  it('takes each group at its own options, and each tensor by its own norm', () => {
    const [p, q] = [at([3, 4]), at([0.3, 0.4])];
    const optimizer = new optim.LAMB([{ params: p, trustClip: 2 }, { params: q }], {
      lr: 0.1,
      eps: 0,
      weightDecay: 0,
      alwaysAdapt: true,
    });
    q.grad = torch.tensor([2, -2], { dtype: torch.float64 });
    step(optimizer, p, [2, -2]);
    near(p, [2.8, 4.2]);
    near(q, [0.3 - 0.05 * Math.SQRT1_2, 0.4 + 0.05 * Math.SQRT1_2]);
  });

  it('loads its own state, of which true and a number are values of one option', () => {
    const p = at([3, 4]);
    const optimizer = new optim.LAMB([p], { trustClip: true });
    step(optimizer, p, [1, 1]);
    const other = new optim.LAMB([at([3, 4])], { trustClip: 2 });
    other.loadStateDict(optimizer.stateDict());
    expect(other.paramGroups[0]!.trustClip).equal(true);
  });

  for (const trustClip of [0, -1, Number.NaN, '1']) {
    it(`refuses trustClip ${trustClip}`, () => {
      expect(() => new optim.LAMB([at([1])], { trustClip: trustClip as number })).throw(
        TorchClipError,
        /"trustClip" must be true, false or a number > 0, got/,
      );
    });
  }
});

describe('optim.LARS', () => {
  it('scales the gradient to a part of the tensor', () => {
    const p = at([3, 4]);
    const options = { lr: 1, momentum: 0, weightDecay: 0, eps: 0, trustCoefficient: 0.1, alwaysAdapt: true };
    const optimizer = new optim.LARS([p], options);
    step(optimizer, p, [0, 20]);
    near(p, [3, 3.5]);
    optimizer.paramGroups[0]!.trustClip = true;
    optimizer.paramGroups[0]!.lr = 1e-3;
    step(optimizer, p, [0, 20]);
    near(p, [3, 3.48]);
  });

  it('is SGD without weight decay, and where a norm is 0', () => {
    const p = at([3, 4]);
    step(new optim.LARS([p], { lr: 0.5, weightDecay: 0 }), p, [1, 1]);
    near(p, [2.5, 3.5]);
    const q = at([0, 0]);
    step(new optim.LARS([q], { lr: 0.5 }), q, [1, 1]);
    near(q, [-0.5, -0.5]);
  });

  it('under propagate, a NaN takes its own element only', () => {
    const p = at([3, 4]);
    step(new optim.LARS([p], { lr: 1, momentum: 0, nonFinite: 'propagate', clip: clip.value(10) }), p, [Number.NaN, 1]);
    expect((p.tolist() as number[]).map(Number.isNaN)).deep.equal([true, false]);
  });

  it('refuses nesterov without momentum', () => {
    expect(() => new optim.LARS([at([1])], { nesterov: true, momentum: 0 })).throw(
      TorchClipError,
      /Nesterov momentum requires a momentum/,
    );
  });
});
