import { expect } from 'chai';
import torch, { type Tensor, TorchClipError } from '../../../lib/index.js';
import { originalExpectigrad, originalSGD, originalSSTM } from '../../../lib/optim/originals/index.js';
import { refusalOf } from '../../support.js';
import { bits, type Case, Original, original, parameters, setGradients, table } from './support.js';

describe('optim: options with reference: true', () => {
  const sgd = (options: object) => originalSGD({ lr: 1, ...options });
  const sstm = (options: object) => originalSSTM({ lr: 1, L: 1, ...options });
  const refused: [string, () => unknown, string][] = [
    [
      'a clipping type that there is not',
      () => sgd({ clippingType: 'L2' }),
      'Invalid clipping type: "L2" ("clippingType" must be one of noClip, norm, layerWise, coordinateWise, autoClip, ' +
        'linearRandNorm, quadraticRandNorm, linearRandAutoclip, quadraticRandAutoclip)',
    ],
    [
      'a level below 0',
      () => make(sgd({ clippingLevel: -1 })),
      'Invalid clipping level: -1 ("clippingLevel" must be a finite number >= 0)',
    ],
    ['beta above 1', () => sgd({ beta: 1.5 }), '"beta" must be a number in [0, 1], got 1.5'],
    ['the percentile 0', () => sgd({ pAutoclip: 0 }), '"pAutoclip" must be a number in (0, 1], got 0'],
    [
      'options that the original has not',
      () => make(sgd({ nesterov: true })),
      'unknown option "nesterov" of ClippedSGD; it takes lr, momentum, clippingLevel',
    ],
    [
      "the engine's options",
      () => sgd({ nonFinite: 'skip' }),
      '"nonFinite" cannot be combined with reference: true: the original has no such option',
    ],
    [
      'no Lipschitz constant',
      () => originalSSTM({ lr: 1 }),
      'Invalid Lipschitz constant: undefined ("L" must be a finite number > 0)',
    ],
    ['nu above 1', () => sstm({ nu: 2 }), 'Invalid nu: 2 ("nu" must be a number in [0, 1])'],
    [
      'the ratio 0',
      () => sstm({ aKRatioUpperBound: 0 }),
      'Invalid a_k_ratio_upper_bound: 0 ("aKRatioUpperBound" must be a number in (0, 1])',
    ],
    [
      'half an iteration',
      () => sstm({ clippingIterStart: 0.5 }),
      '"clippingIterStart" must be an integer >= 1, got 0.5',
    ],
    ['beta 1', () => originalExpectigrad(true, { beta: 1 }), 'Invalid beta: 1 ("beta" must be a number in [0, 1))'],
    [
      'two levels',
      () => originalExpectigrad('tensorflow', { clipnorm: 1, globalClipnorm: 1 }),
      '"clipnorm" and "globalClipnorm" of Expectigrad cannot be combined',
    ],
    [
      "Keras's options in PyTorch's form",
      () => originalExpectigrad('pytorch', { decay: 1 }),
      '"decay" is an option of the form for TensorFlow: reference: \'tensorflow\'',
    ],
    [
      'a form that there is not',
      () => originalExpectigrad('jax' as 'pytorch', {}),
      '"reference" must be true, "pytorch" or "tensorflow", got "jax"',
    ],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(refusalOf(body)).include({ code: 'ERR_ARGUMENT', message });
    });
  }

  it('takes clipping types in either spelling', () => {
    const typeOf = (clippingType: string) =>
      originalSGD({ lr: 1, clippingType: clippingType as 'norm' }).stepper.save([]).shared;
    expect(typeOf('quadratic_rand_autoclip')).deep.equal(typeOf('quadraticRandAutoclip'));
    expect(typeOf('layerWise')).include({ clipping_type: 'layer_wise' });
  });

  it('reads the options of the groups at every step', () => {
    const p = torch.tensor([1], { requiresGrad: true });
    const optimizer = make(originalSGD({ lr: 1, clippingType: 'norm' }), [p]);
    p.grad = torch.tensor([8]);
    optimizer.step();
    optimizer.paramGroups[0]!.lr = 0.5;
    optimizer.paramGroups[0]!.clippingLevel = 4;
    optimizer.step();
    expect(p.tolist()).deep.equal([1 - 1 - 0.5 * 4]);
  });

  it('returns what the closure returned, not the tuple of the original', () => {
    const p = torch.tensor([1], { requiresGrad: true });
    const optimizer = make(originalSSTM({ lr: 1, L: 1 }), [p]);
    const closure = () => {
      const loss = p.mul(2).sum();
      loss.backward();
      return loss;
    };
    expect(optimizer.step(closure).item()).equal(2);
    expect(refusalOf(() => optimizer.step(5 as never))).include({ message: '"closure" must be a function, got 5' });
  });

  const failing: [string, Case['optimizer'], (params: Tensor[][]) => void, RegExp][] = [
    [
      'a sparse gradient',
      'ClippedSGD',
      (params) => {
        params[1]![0]!.grad = params[1]![0]!.detach().toSparse();
      },
      /does not support sparse gradients/,
    ],
    [
      'a gradient that was not there before',
      'ClippedSSTM',
      (params) => {
        params[0]![1]!.grad = torch.ones(params[0]![1]!.shape);
      },
      /one state for all groups and every step, by position/,
    ],
  ];
  for (const [what, name, damage, message] of failing) {
    it(`${name} refuses ${what} before anything moves`, () => {
      const spec: Case = {
        ...table.cases[name === 'ClippedSGD' ? 'SGD, momentum, norm' : 'SSTM, norm']!,
        gradients: 'frozen',
      };
      const groups = parameters(spec, torch.float32);
      const optimizer = original(spec, groups);
      setGradients(spec, groups, 1);
      optimizer.step();
      optimizer.step();
      const before = bits(groups, optimizer.stateDict());
      damage(groups);
      expect(() => optimizer.step()).throw(TorchClipError, message);
      expect(bits(groups, optimizer.stateDict())).deep.equal(before);
    });
  }

  it('Expectigrad refuses complex parameters, which have no sign', () => {
    const p = torch.zeros([1], { dtype: torch.complex64, requiresGrad: true });
    p.grad = torch.ones([1], { dtype: torch.complex64 });
    expect(refusalOf(() => make(originalExpectigrad(true, {}), [p]).step())).include({ code: 'ERR_DTYPE' });
  });
});

function make(reference: object, params = [torch.zeros([1], { requiresGrad: true })]): Original {
  return new Original([{ params }], reference as ConstructorParameters<typeof Original>[1]);
}
