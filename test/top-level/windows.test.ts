// torch.signal.windows.
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { dtypeNamed, refusalOf } from '../support.js';
import { expectClose, expected } from './support.js';

describe('torch.signal.windows', () => {
  for (const { name, m, sym, dtype, options, out } of expected.windows) {
    it(`${name} of ${m}, sym ${sym}, ${dtype}, ${JSON.stringify(options)}`, () => {
      const make = torch.signal.windows[name as keyof typeof torch.signal.windows] as (
        m: number,
        options: object,
      ) => Tensor;
      const window = make(m, { ...options, sym, dtype: dtypeNamed(dtype) });
      expectClose(window, out, name, dtype === 'float64' ? 1e-15 : 3e-7);
    });
  }
  it('can require gradients, and refuse what is not a length or dtype', () => {
    expect(torch.signal.windows.hann(4, { requiresGrad: true }).isLeaf).to.equal(true);
    expect(refusalOf(() => torch.signal.windows.hann(-1)).message).to.equal('"m" must be an integer >= 0, got -1');
    expect(refusalOf(() => torch.signal.windows.hann(3, { dtype: torch.float16 })).code).to.equal('ERR_DTYPE');
    expect(refusalOf(() => torch.signal.windows.exponential(3, { center: 1 })).message).to.contain('sym: false');
    expect(refusalOf(() => torch.signal.windows.generalCosine(3, { a: [] })).message).to.contain('"a" must be');
  });
});
