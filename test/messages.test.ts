// What libtorch says, in the words of TypeScript.
import { expect } from 'chai';
import torch, { data, nn, optim, type TorchClipError } from '../lib/index.js';
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

describe('messages for what Python would take', () => {
  const model = new nn.Linear(4, 2);
  const x = torch.ones([3, 4]);
  const loose = { torch, nn, optim, data, F } as unknown as Record<
    'torch' | 'nn' | 'optim' | 'data' | 'F',
    Record<string, new (...args: unknown[]) => unknown> & Record<string, (...args: unknown[]) => unknown>
  >;
  const make = (space: keyof typeof loose, name: string, ...args: unknown[]) =>
    Reflect.construct(loose[space][name]!, args);
  const sgd = () => new optim.SGD(model.parameters());

  const said: [what: string, call: () => unknown, message: string][] = [
    ['a rate by position', () => make('optim', 'SGD', model.parameters(), 0.1), 'got 0.1: write { lr: 0.1 }'],
    ['a bias by position', () => make('nn', 'Linear', 4, 2, false), 'got false: write { bias: false }'],
    ['layers by position', () => make('nn', 'LSTM', 4, 8, 2), 'got 2: write { numLayers: 2 }'],
    ['a batch size by position', () => make('data', 'DataLoader', [1, 2], 2), 'got 2: write { batchSize: 2 }'],
    ['a step size by position', () => new optim.lrScheduler.StepLR(sgd(), 10 as never), 'write { stepSize: 10 }'],
    ['a probability by position', () => F.dropout(x, 0.5 as never), 'got 0.5: write { p: 0.5 }'],
    ['a reduction by position', () => F.mseLoss(x, x, 'sum' as never), 'got "sum": write { reduction: "sum" }'],
    ['a dtype by position', () => torch.tensor([1], torch.float64 as never), 'got a Dtype: write { dtype: ... }'],
    ['weights by position', () => F.crossEntropy(x, x, x as never), 'got a Tensor: write { weight: ... }'],
    ['the option of another overload', () => x.sum({ axis: 1 } as never), 'of sum(); it takes dtype, dim, keepdim'],
    ['options that no option takes', () => make('nn', 'Linear', 4, 2, 'x'), 'must be a plain object, got "x"'],
    [
      'parameters that were not called',
      () => make('optim', 'SGD', model.parameters, {}),
      'call it, as in model.parameters()',
    ],
    ['a model for its parameters', () => make('optim', 'SGD', model, {}), 'pass model.parameters()'],
    ['a model for the gradients to clip', () => nn.utils.clipGradNorm_(model as never, 1), 'pass model.parameters()'],
    ['modules in an array', () => make('nn', 'Sequential', [model, model]), 'new Sequential(...modules)'],
    [
      'a device that there is not',
      () => x.to('gpu' as 'cpu'),
      `"target" must be a device such as 'cpu' or 'cuda:0', a dtype`,
    ],
    ['the name of a dtype', () => torch.ones([2], { dtype: 'float32' as never }), 'a dtype such as torch.float32'],
    [
      'numbers for new Tensor()',
      () => make('torch', 'Tensor', [1, 2]),
      'made by functions such as torch.tensor([1, 2])',
    ],
    ['a word that there is not', () => new nn.Embedding(3, 2).forward(torch.tensor([1n, 7n])), 'from 0 to 2, got 7'],
    ['a word below 0', () => new nn.Embedding(3, 2).forward(torch.tensor([1n, -1n])), 'from 0 to 2, got -1'],
  ];
  for (const [what, call, message] of said) {
    it(what, () => expect(refusalOf(call).message).contain(message));
  }

  it('functions of nn.functional are named as they were called', () => {
    const image = torch.ones([1, 1, 4, 4]);
    const matrix = torch.ones([2, 3]);
    // What a message may name beside the function: methods that mend a mistake, and the function of which another is a variant.
    const others = ['long', 'item', 'interpolate'];
    const lists: unknown[][] = [
      [[1]],
      [matrix, [1]],
      [matrix, matrix, [1]],
      [image, 'x'],
      [image, image, 'x'],
      [image, 2, 'x'],
      [image, [4, 4], 'x'],
      [torch.ones([1, 2, 3]), 'x'],
    ];
    for (const [name, f] of Object.entries(loose.F)) {
      if (typeof f !== 'function') continue;
      for (const args of lists) {
        let message = '';
        try {
          f(...args);
        } catch (error) {
          message = (error as Error).message;
        }
        for (const [, named] of message.matchAll(/\b([a-z]\w+)\(\)/g)) {
          if (!others.includes(named!) && !name.startsWith(named!)) expect.fail(`${name}: ${message}`);
        }
      }
    }
  });
});
