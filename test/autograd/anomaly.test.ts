import { expect } from 'chai';
import torch from '../../lib/index.js';
import { refusalOf } from '../support.js';

const { detectAnomaly, isAnomalyCheckNanEnabled, isAnomalyEnabled, setDetectAnomaly, grad } = torch.autograd;

const zero = () => torch.zeros([1], { requiresGrad: true });
// Where this function calls the operation is what the errors below must name.
function faulty(x: torch.Tensor) {
  return x.sqrt().mul(0);
}

describe('detectAnomaly', () => {
  it('names the line of the forward pass whose gradient is NaN', () => {
    const error = refusalOf(() => detectAnomaly(() => faulty(zero()).sum().backward()));
    expect(error).property('code', 'ERR_NONFINITE');
    expect(error.message).match(
      /^Function 'SqrtBackward0' returned nan values in its 0th output; SqrtBackward0 goes back to the call at .*anomaly\.test\.ts:\d+:\d+$/,
    );
    const [, first] = error.stack!.split('forward pass:\n');
    expect(first).match(/^\s+at faulty \(.*anomaly\.test\.ts/);
    expect(error.cause).instanceOf(torch.TorchClipError);
  });

  it('also by autograd.grad and autograd.backward', () => {
    for (const run of [
      (x: torch.Tensor) => grad(faulty(x).sum(), x),
      (x: torch.Tensor) => torch.autograd.backward(faulty(x).sum()),
    ]) {
      expect(refusalOf(() => detectAnomaly(() => run(zero()))).message).match(
        /goes back to the call at .*anomaly\.test/,
      );
    }
  });

  it('goes back through a second derivative', () => {
    const error = refusalOf(() =>
      detectAnomaly(() => {
        const x = zero();
        const [dx] = grad(x.pow(1.5).sum(), x, { createGraph: true });
        dx!.mul(0).sum().backward();
      }),
    );
    expect(error.message).match(/made by the backward pass of PowBackward0 goes back to the call at .*anomaly\.test/);
  });

  it('names the line of what was written in place', () => {
    const error = refusalOf(() =>
      detectAnomaly(() => {
        const y = zero().exp();
        torch.noGrad(() => y.add_(1));
        y.sum().backward();
      }),
    );
    expect(error).property('code', 'ERR_AUTOGRAD');
    expect(error.message).match(
      /modified by an inplace operation.* ExpBackward0 goes back to the call at .*anomaly\.test/s,
    );
  });

  it('lets NaN pass without checkNan, and the errors of hooks as they are', () => {
    detectAnomaly({ checkNan: false }, () => faulty(zero()).sum().backward());
    const mine = new RangeError('mine');
    let caught: unknown;
    try {
      detectAnomaly(() => {
        const x = zero();
        x.registerHook(() => {
          throw mine;
        });
        x.mul(2).sum().backward();
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).equal(mine);
  });

  it('is on inside alone, and setDetectAnomaly for good', () => {
    expect(isAnomalyEnabled()).equal(false);
    expect(detectAnomaly({ checkNan: false }, () => [isAnomalyEnabled(), isAnomalyCheckNanEnabled()])).deep.equal([
      true,
      false,
    ]);
    expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).deep.equal([false, true]);
    setDetectAnomaly(true);
    try {
      expect(isAnomalyEnabled()).equal(true);
      expect(refusalOf(() => faulty(zero()).sum().backward()).message).match(/goes back to the call/);
    } finally {
      setDetectAnomaly(false);
    }
    const x = zero();
    faulty(x).sum().backward();
    expect(x.grad!.isnan().item<boolean>()).equal(true);
  });

  it('refuses async bodies and other arguments', () => {
    expect(refusalOf(() => detectAnomaly(async () => 1))).property('code', 'ERR_ASYNC_SCOPE');
    expect(refusalOf(() => detectAnomaly({ checkNaN: true } as never, () => 1)).message).match(
      /unknown option "checkNaN"/,
    );
    expect(refusalOf(() => setDetectAnomaly(1 as never)).message).match(/"enabled" must be true or false/);
  });
});
