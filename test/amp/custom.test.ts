import { expect } from 'chai';
import torch, { amp, autograd, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('custom functions under autocast', () => {
  const seen: string[] = [];
  const note = (x: Tensor, what: string) => seen.push(`${what} ${x.dtype.name} ${amp.isAutocastEnabled('cpu')}`);

  function square(castInputs?: typeof torch.float32) {
    return class Square extends autograd.Function {
      static forward = amp.customFwd(
        (ctx: autograd.FunctionContext, x: Tensor) => {
          note(x, 'forward');
          ctx.saveForBackward(x);
          return x.mul(x);
        },
        { deviceType: 'cpu', ...(castInputs && { castInputs }) },
      );
      static backward = amp.customBwd(
        (ctx: autograd.FunctionContext, grad: Tensor) => {
          const [x] = ctx.savedTensors as [Tensor];
          note(x, 'backward');
          return grad.mul(x).mul(2);
        },
        { deviceType: 'cpu' },
      );
    };
  }

  beforeEach(() => {
    seen.length = 0;
  });

  it('run backward as forward ran', () => {
    const x = torch.tensor([3], { requiresGrad: true });
    const y = torch.autocast({ deviceType: 'cpu' }, () => square().apply(x));
    (y as Tensor).sum().backward();
    expect(x.grad!.item()).to.equal(6);
    expect(seen).to.deep.equal(['forward float32 true', 'backward float32 true']);
  });

  it('cast their inputs, and then run without autocast', () => {
    const x = torch.tensor([3], { dtype: torch.bfloat16, requiresGrad: true });
    const y = torch.autocast({ deviceType: 'cpu' }, () => square(torch.float32).apply(x));
    (y as Tensor).sum().backward();
    expect(seen).to.deep.equal(['forward float32 false', 'backward float32 false']);
  });

  it('are left alone outside of autocast', () => {
    const x = torch.tensor([3], { dtype: torch.bfloat16, requiresGrad: true });
    (square(torch.float32).apply(x) as Tensor).sum().backward();
    expect(seen).to.deep.equal(['forward bfloat16 false', 'backward bfloat16 false']);
  });

  it('know which devices have autocast, and refuse others', () => {
    expect([amp.isAutocastAvailable('cpu'), amp.isAutocastAvailable('tpu')]).to.deep.equal([true, false]);
    expect(refusalOf(() => amp.customBwd(() => null, { deviceType: 'tpu' as never })).code).to.equal('ERR_ARGUMENT');
  });
});
