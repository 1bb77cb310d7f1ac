// What libtorch says, in the words of TypeScript.
import { expect } from 'chai';
import torch, { nn, type TorchClipError } from '../lib/index.js';
import { inJavaScript } from '../lib/wording.js';
import { refusalOf } from './support.js';

const F = nn.functional;

describe('messages of libtorch', () => {
  const python =
    /\b(?:True|False|None)\b(?! of)|\w=(?:true|false|null)\b|\b[a-z]+_[a-z]+\(|retain_graph|requires_grad|grad_fn/;

  const calls: Record<string, () => unknown> = {
    'a second backward pass': () => {
      const y = torch.ones([2], { requiresGrad: true }).pow(2).sum();
      y.backward();
      y.backward();
    },
    'no graph': () => torch.ones([1]).backward(),
    'writing to a leaf': () => torch.ones([1], { requiresGrad: true }).add_(1),
    'numpy of what requires gradients': () => torch.ones([2], { requiresGrad: true }).resize_([3]),
    'an unused input': () => {
      const [x, y] = [torch.ones([1], { requiresGrad: true }), torch.ones([1], { requiresGrad: true })];
      torch.autograd.grad(x.sum(), [y]);
    },
    'a tensor of inference mode': () => {
      const x = torch.inferenceMode(() => torch.ones([1]));
      x.mul(torch.ones([1], { requiresGrad: true })).sum();
    },
    'sorted boundaries': () => torch.searchsorted(torch.ones([2, 2]), torch.ones([3])),
    'classes in float32': () => F.crossEntropy(torch.zeros([2, 3]), torch.tensor([0, 2])),
    'likelihoods of classes in float32': () => F.nllLoss(torch.zeros([2, 3]), torch.tensor([0, 2])),
    'words in float32': () => new nn.Embedding(3, 2).forward(torch.tensor([1, 2])),
    'indices in float32': () => torch.zeros([3]).indexSelect(0, torch.tensor([1])),
    'places in float32': () => torch.zeros([3]).gather(0, torch.tensor([1])),
  };

  for (const [what, call] of Object.entries(calls)) {
    it(`${what}: no Python`, () => {
      expect(refusalOf(call).message).not.to.match(python);
    });
  }

  it('have the cure of the commonest mistakes', () => {
    for (const what of ['classes', 'likelihoods of classes', 'words', 'indices', 'places']) {
      const { message } = refusalOf(calls[`${what} in float32`]!) as TorchClipError;
      expect(message, what).to.contain('dtype: torch.int64').and.contain('2n');
    }
    expect(refusalOf(calls['no graph']!).message).to.contain('set requiresGrad: true');
    expect(refusalOf(calls['a second backward pass']!).message).to.contain('retainGraph: true');
    expect(refusalOf(calls['writing to a leaf']!).message).to.contain('torch.noGrad(() => ...)');
  });

  it('keep what is not Python', () => {
    for (const text of [
      'mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)',
      '"addmm_impl_cpu_" not implemented for \'Half\'',
      "Could not run 'aten::add.out' with arguments from the 'Meta' backend",
      'got torch.float8_e5m2 and torch.sparse_coo',
      'None of the inputs',
    ]) {
      expect(inJavaScript(text)).to.equal(text);
    }
    expect(inJavaScript('call x.retain_grad() with upper=True and dim=None')).to.equal(
      'call x.retainGrad() with upper: true and dim: null',
    );
  });
});
