import { expect } from 'chai';
import torch, { TorchClipError } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const of = (code: string, body: () => unknown) => ({ code, body });

describe('an error', () => {
  const x = torch.ones([2, 3]);
  const cases = {
    'of shapes': of('ERR_SHAPE', () => x.matmul(x)),
    'of broadcasting': of('ERR_SHAPE', () => x.add(torch.ones([2]))),
    'of dtypes': of('ERR_DTYPE', () => torch.ones([2, 2]).matmul(torch.ones([2, 2], { dtype: torch.float64 }))),
    'of an index': of('ERR_INDEX', () => x.select(0, 5)),
    'of a dimension': of('ERR_INDEX', () => x.sum({ dim: 7 })),
    'of an argument': of('ERR_ARGUMENT', () => x.sum({ dim: 'x' as never })),
    'of an unknown option': of('ERR_ARGUMENT', () => x.sum({ axis: 0 } as never)),
    'of autograd': of('ERR_AUTOGRAD', () => x.sum().backward()),
    'of memory': of('ERR_OUT_OF_MEMORY', () => torch.zeros([2 ** 45])),
  };
  for (const [name, { code, body }] of Object.entries(cases)) {
    it(`${name} has its code, one clean message and the stack of JavaScript`, () => {
      const error = refusalOf(body);
      expect(error.code, error.message).to.equal(code);
      expect(error.name).to.equal('TorchClipError');
      expect(error.message).not.to.match(/Exception raised from|frame #|\.cpp:\d+/);
      expect(error.stack).to.include('errors.test');
    });
  }

  it('changes nothing', () => {
    const y = torch.ones([2]);
    for (const body of [() => y.add_(torch.ones([3])), () => y.resize_([-1]), () => y.copy_(torch.ones([3]))]) {
      expect(body).to.throw(TorchClipError);
    }
    expect([y.shape, y.tolist()]).to.deep.equal([[2], [1, 1]]);
  });

  it('names the argument, what was expected and what came', () => {
    expect(refusalOf(() => torch.ones([1]).add('1' as never)).message)
      .to.include('"other"')
      .and.to.include('got "1"');
    expect(refusalOf(() => torch.manualSeed(0.5)).message).to.equal('"seed" must be an integer of 64 bits, got 0.5');
  });

  it('never runs the code of a hostile value to describe it', () => {
    const hostile = {
      toString() {
        throw new Error('ran');
      },
      valueOf() {
        throw new Error('ran');
      },
    };
    const refused = refusalOf(() => torch.ones([1]).add(hostile as never));
    expect(refused.code).to.equal('ERR_ARGUMENT');
  });
});
