// Activations in place, and small things.
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { nn, optim, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('activations in place', () => {
  const F = nn.functional;
  const data = [-3, -0.5, 0.25, 7];
  for (const [name, call] of Object.entries({
    relu: (x: Tensor, o: nn.functional.Inplace) => F.relu(x, o),
    relu6: (x: Tensor, o: nn.functional.Inplace) => F.relu6(x, o),
    selu: (x: Tensor, o: nn.functional.Inplace) => F.selu(x, o),
    silu: (x: Tensor, o: nn.functional.Inplace) => F.silu(x, o),
    mish: (x: Tensor, o: nn.functional.Inplace) => F.mish(x, o),
    hardswish: (x: Tensor, o: nn.functional.Inplace) => F.hardswish(x, o),
    hardsigmoid: (x: Tensor, o: nn.functional.Inplace) => F.hardsigmoid(x, o),
    leakyRelu: (x: Tensor, o: nn.functional.Inplace) => F.leakyRelu(x, 0.2, o),
    'leakyRelu by name': (x: Tensor, o: nn.functional.Inplace) => F.leakyRelu(x, { negativeSlope: 0.2, ...o }),
    elu: (x: Tensor, o: nn.functional.Inplace) => F.elu(x, 0.5, o),
    celu: (x: Tensor, o: nn.functional.Inplace) => F.celu(x, 0.5, o),
    hardtanh: (x: Tensor, o: nn.functional.Inplace) => F.hardtanh(x, -1, 2, o),
    threshold: (x: Tensor, o: nn.functional.Inplace) => F.threshold(x, 0.1, 9, o),
    rrelu: (x: Tensor, o: nn.functional.Inplace) => F.rrelu(x, 0.1, 0.3, false, o),
  })) {
    it(name, () => {
      const [x, y] = [torch.tensor(data), torch.tensor(data)];
      const plain = call(x, {});
      expect(x.tolist()).to.deep.equal(data);
      expect(call(x, { inplace: false }).tolist()).to.deep.equal(plain.tolist());
      expect(call(y, { inplace: true })).to.equal(y);
      expect(y.tolist()).to.deep.equal(plain.tolist());
      expect(refusalOf(() => call(x, { inplace: 1 as never })).message).to.equal(
        '"inplace" must be true or false, got 1',
      );
    });
  }
});

describe('small things', () => {
  it('constants and aliases are those of PyTorch', () => {
    expect([torch.pi, torch.e, torch.inf, torch.newaxis]).to.deep.equal([Math.PI, Math.E, Infinity, null]);
    expect(torch.nan).to.be.NaN;
    const aliases = [torch.float, torch.double, torch.half, torch.short, torch.int, torch.long];
    expect(aliases.map((d) => d.name)).to.deep.equal(['float32', 'float64', 'float16', 'int16', 'int32', 'int64']);
    expect([torch.chalf, torch.cfloat, torch.cdouble].map((d) => d.name)).to.deep.equal([
      'complex32',
      'complex64',
      'complex128',
    ]);
    expect(torch.zeros([2]).at(torch.newaxis, 0).shape).to.deep.equal([1]);
  });

  it('random.forkRng draws beside the stream', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), (draws) => {
        torch.manualSeed(1);
        const want = torch.rand([2]).tolist();
        torch.manualSeed(1);
        expect(torch.random.forkRng(() => torch.rand([draws]).shape)).to.deep.equal([draws]);
        expect(torch.rand([2]).tolist()).to.deep.equal(want);
      }),
      { numRuns: 5 },
    );
    torch.manualSeed(1);
    const state = torch.getRngState();
    expect(() =>
      torch.random.forkRng(() => {
        torch.rand([1]);
        throw new Error('no');
      }),
    ).to.throw('no');
    expect(torch.getRngState().equal(state)).to.equal(true);
    torch.random.forkRng(() => torch.rand([1]), { enabled: false });
    expect(torch.getRngState().equal(state)).to.equal(false);
    expect(refusalOf(() => torch.random.forkRng(async () => {})).code).to.equal('ERR_ASYNC_SCOPE');
  });

  it('threads between operators and repeated warnings', () => {
    expect(torch.getNumInteropThreads()).to.be.at.least(1);
    expect(refusalOf(() => torch.setNumInteropThreads(0)).message).to.equal(
      '"n" must be an integer from 1 to 4096, got 0',
    );
    const before = torch.isWarnAlwaysEnabled();
    for (const on of [true, false, before]) {
      torch.setWarnAlways(on);
      expect(torch.isWarnAlwaysEnabled()).to.equal(on);
    }
  });

  it('a module in place of parameters is refused with the cure', () => {
    const model = new nn.Linear(2, 1);
    for (const params of [model, new nn.Sequential(model)]) {
      expect(refusalOf(() => new optim.SGD(params as never)).message).to.match(/: pass model\.parameters\(\)$/);
    }
  });
});
