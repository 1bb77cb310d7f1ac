import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import torch, { Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const codeOf = (body: () => unknown) => refusalOf(body).code;

describe('a disposed tensor', () => {
  const uses: Record<string, (t: Tensor) => unknown> = {
    shape: (t) => t.shape,
    dtype: (t) => t.dtype,
    device: (t) => t.device,
    grad: (t) => t.grad,
    requiresGrad: (t) => (t.requiresGrad = true),
    backward: (t) => t.backward(),
    item: (t) => t.item(),
    tolist: (t) => t.tolist(),
    toTypedArray: (t) => t.toTypedArray(),
    itemAsync: (t) => t.itemAsync(),
    registerHook: (t) => t.registerHook(() => undefined),
    'a method without arguments': (t) => t.abs(),
    'a method with a tensor': (t) => t.add(torch.ones([1])),
    'a method with a number': (t) => t.mul(2),
    'a method with options': (t) => t.sum({ dim: 0 }),
    'an in-place method': (t) => t.zero_(),
    'a second operand': (t) => torch.ones([1]).add(t),
    'an element of a list': (t) => torch.cat([torch.ones([1]), t]),
    'an out option': (t) => torch.add(torch.ones([1]), torch.ones([1]), { out: t }),
    'an index': (t) => torch.ones([3]).indexSelect(0, t),
  };
  for (const [name, use] of Object.entries(uses)) {
    it(`is refused as ${name}`, () => {
      const t = torch.ones([1]);
      t.dispose();
      expect(codeOf(() => use(t))).to.equal('ERR_DISPOSED');
    });
  }

  it('stays disposed when it is disposed again', () => {
    const t = torch.ones([2]);
    expect(t.isDisposed).to.equal(false);
    t.dispose();
    t.dispose();
    t[Symbol.dispose]();
    expect(t.isDisposed).to.equal(true);
  });

  it('leaves views of its memory and recorded graphs alive', () => {
    const x = torch.ones([3], { requiresGrad: true });
    const y = x.mul(2);
    const view = y.view([3, 1]);
    const loss = y.mul(y).sum();
    y.dispose();
    expect(view.tolist()).to.deep.equal([[2], [2], [2]]);
    loss.backward();
    expect(x.grad!.tolist()).to.deep.equal([8, 8, 8]);
  });

  it('can be printed, as its error', () => {
    const t = torch.ones([2]);
    t.dispose();
    expect(() => String(t)).not.to.throw(TypeError);
  });
});

describe('using', () => {
  it('disposes at the end of the block', () => {
    let kept: Tensor;
    {
      using t = torch.ones([2]);
      kept = t;
      expect(kept.isDisposed).to.equal(false);
    }
    expect(kept.isDisposed).to.equal(true);
  });
});

describe('what is not a tensor', () => {
  const foreign: Record<string, unknown> = {
    undefined: undefined,
    null: null,
    'a string': 'tensor',
    'an array': [1, 2],
    'an object': {},
    'an object with a handle': { handle: torch.ones([1]).handle },
    'a class instance': new Date(),
    'a generator': new torch.Generator(),
    'a function': () => torch.ones([1]),
    'a symbol': Symbol('tensor'),
    'a bare prototype': Object.create(Tensor.prototype),
  };
  for (const [name, value] of Object.entries(foreign)) {
    it(`such as ${name} is refused in every place`, () => {
      const t = torch.ones([2]);
      const bad = value as Tensor;
      for (const use of [
        () => torch.matmul(t, bad),
        () => t.matmul(bad),
        () => torch.cat([t, bad]),
        () => torch.matmul(t, t, { out: bad === undefined ? (null as unknown as Tensor) : bad }),
        () => Tensor.prototype.abs.call(bad),
        () => t.isSame(bad),
        () => torch.autograd.grad(bad, [t]),
      ]) {
        expect(codeOf(use)).to.equal('ERR_ARGUMENT');
      }
      expect(t.tolist()).to.deep.equal([1, 1]);
    });
  }

  it('is not made by new', () => {
    const Constructor = Tensor as unknown as new (handle: unknown) => Tensor;
    for (const handle of [undefined, null, {}, 'x', Number.NaN, -1, 1e9, 2 ** 40, 0.5]) {
      expect(
        codeOf(() => new Constructor(handle).shape),
        String(handle),
      ).to.equal('ERR_ARGUMENT');
    }
  });
});

describe('the same tensor', () => {
  it('is told from an equal one', () => {
    const x = torch.ones([1], { requiresGrad: true });
    x.sum().backward();
    const [a, b] = [x.grad!, x.grad!];
    expect(a.isSame(b)).to.equal(true);
    expect(a.isSame(a.clone())).to.equal(false);
    a.dispose();
    expect(b.tolist()).to.deep.equal([1]);
  });
});

describe('a tensor that nothing but a call refers to', () => {
  it('lives until the call has read it, whenever the collector runs', () => {
    const script = fileURLToPath(new URL('../fixtures/temporaries.ts', import.meta.url));
    const env = { ...process.env, TORCH_CLIP_COLLECT_AT_CALLS: '1' };
    const args = ['--max-semi-space-size=1', '--import', 'tsx', script];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8', env })).to.equal('done');
  });
});
