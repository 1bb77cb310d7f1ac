import { expect } from 'chai';
import torch from '../../lib/index.js';
import { refusalOf } from '../support.js';

class Thenable {
  // biome-ignore lint/suspicious/noThenProperty: a promise of someone's own is refused too.
  then(): void {}
}

type Mode = (body: () => unknown) => unknown;
const modes: Record<string, Mode> = {
  noGrad: torch.noGrad,
  enableGrad: torch.enableGrad,
  inferenceMode: torch.inferenceMode,
  'setGradEnabled(false)': (body) => torch.setGradEnabled(false, body),
};
const state = () => [torch.isGradEnabled(), torch.isInferenceModeEnabled()];

describe('autograd modes', () => {
  for (const [name, mode] of Object.entries(modes)) {
    describe(name, () => {
      it('returns what the body returns, and restores the mode', () => {
        expect(mode(() => 7)).to.equal(7);
        expect(state()).to.deep.equal([true, false]);
      });

      it('restores the mode when the body throws, and lets the error through', () => {
        const failure = new Error('mine');
        expect(() =>
          mode(() => {
            throw failure;
          }),
        ).to.throw(failure);
        expect(state()).to.deep.equal([true, false]);
      });

      it('refuses async bodies before they run', () => {
        let ran = false;
        const refused = refusalOf(() =>
          mode(async () => {
            ran = true;
          }),
        );
        expect(refused.code).to.equal('ERR_ASYNC_SCOPE');
        expect(ran).to.equal(false);
        expect(refusalOf(() => mode(() => Promise.resolve(1))).code).to.equal('ERR_ASYNC_SCOPE');
        expect(refusalOf(() => mode(() => new Thenable())).code).to.equal('ERR_ASYNC_SCOPE');
        expect(refusalOf(() => mode('body' as never)).code).to.equal('ERR_ARGUMENT');
        expect(state()).to.deep.equal([true, false]);
      });
    });
  }

  it('nest, each inside the other', () => {
    const seen: boolean[][] = [];
    torch.noGrad(() => {
      torch.enableGrad(() => torch.inferenceMode(() => seen.push(state())));
      seen.push(state());
    });
    expect(seen).to.deep.equal([
      [false, true],
      [false, false],
    ]);
    expect(state()).to.deep.equal([true, false]);
  });

  it('decide what is recorded', () => {
    const x = torch.ones([2], { requiresGrad: true });
    expect(torch.noGrad(() => x.mul(2)).requiresGrad).to.equal(false);
    expect(torch.noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad).to.equal(true);
    expect(x.mul(2).requiresGrad).to.equal(true);
    torch.noGrad(() => x.add_(1));
    expect(x.tolist()).to.deep.equal([2, 2]);
  });

  it('keep inference tensors out of graphs', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const made = torch.inferenceMode(() => torch.ones([2]));
    expect(refusalOf(() => x.mul(made)).code).to.equal('ERR_AUTOGRAD');
    expect(refusalOf(() => made.add_(1)).code).to.equal('ERR_AUTOGRAD');
    expect(made.version).to.equal(0);
    expect(x.mul(made.clone()).requiresGrad).to.equal(true);
  });
});
