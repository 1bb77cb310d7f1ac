import { expect } from 'chai';
import torch, { type Tensor, TorchClipError } from '../../lib/index.js';
import { reference, series } from '../../lib/setup/libtorch.js';
import { refusalOf } from '../support.js';
import { golden } from './support.js';

const F = torch.nn.functional;
const x = torch.ones([2, 3]);
const image = torch.ones([1, 1, 4, 4]);

/** Calls that the types forbid. */
const loose = F as unknown as Record<string, (...args: unknown[]) => unknown>;

describe('nn.functional', () => {
  it('drops out as often as it says, and scales what stays', () => {
    torch.manualSeed(0);
    const dropped = F.dropout(torch.ones([10_000]), { p: 0.25 });
    const kept = dropped.ne(0).sum().item();
    expect(kept).to.be.within(7300, 7700);
    expect(dropped.max().item()).to.be.closeTo(4 / 3, 1e-6);
    expect(F.dropout(x, { training: false }).equal(x)).to.equal(true);
    const channels = F.dropout2d(torch.ones([8, 8, 3, 3])).sum([2, 3]);
    expect(new Set(channels.flatten().tolist() as number[])).to.deep.equal(new Set([0, 18]));
    expect(F.dropout1d(torch.ones([4, 5])).shape).to.deep.equal([4, 5]);
    const t = torch.ones([4]);
    expect(F.dropout(t, { inplace: true })).to.equal(t);
  });

  it('samples from the Gumbel-softmax distribution', () => {
    torch.manualSeed(0);
    const logits = torch.tensor([[0, 5, 0]], { requiresGrad: true });
    const soft = F.gumbelSoftmax(logits);
    expect(soft.sum().item()).to.be.closeTo(1, 1e-6);
    const hard = F.gumbelSoftmax(logits, { hard: true });
    expect(hard.sum().item()).to.be.closeTo(1, 1e-6);
    expect(hard.gt(0.5).sum().item()).to.equal(1);
    hard.max().backward();
    expect(logits.grad!.abs().sum().item()).to.be.above(0);
  });

  it('undoes a max pooling', () => {
    const picture = torch.arange(16, { dtype: torch.float32 }).view([1, 1, 4, 4]);
    const [values, indices] = F.maxPool2dWithIndices(picture, 2);
    const back = F.maxUnpool2d(values, indices, 2);
    expect(back.shape).to.deep.equal([1, 1, 4, 4]);
    expect(back.ne(0).sum().item()).to.equal(4);
    expect(F.maxPool2d(back, 2).equal(values)).to.equal(true);
    expect(F.maxUnpool2d(values, indices, 2, { outputSize: [4, 5] }).shape).to.deep.equal([1, 1, 4, 5]);
  });

  it('scales down the rows of an embedding in place', () => {
    const weight = torch.tensor([
      [3, 4],
      [0.3, 0.4],
    ]);
    F.embedding(torch.tensor([0n]), weight, { maxNorm: 1 });
    expect(weight.norm(2, 1).tolist()).to.satisfy(
      ([a, b]: number[]) => Math.abs(a! - 1) < 1e-5 && Math.abs(b! - 0.5) < 1e-6,
    );
  });

  const refusals: [string, () => unknown, RegExp][] = [
    [
      'a misspelled option',
      () => loose.mseLoss!(x, x, { reducton: 'sum' }),
      /unknown option "reducton" of mseLoss\(\); did you mean "reduction"\? It takes reduction/,
    ],
    [
      'a reduction that there is not',
      () => loose.l1Loss!(x, x, { reduction: 'toString' }),
      /"reduction" must be "none", "mean" or "sum", got "toString"/,
    ],
    [
      'options that are none',
      () => loose.crossEntropy!(x, x, 'mean'),
      /"options" of crossEntropy\(\) must be a plain object, got "mean"/,
    ],
    ['a probability above 1', () => F.dropout(x, { p: 2 }), /"p" must be a number in \[0, 1\], got 2/],
    [
      'a target of another shape',
      () => F.binaryCrossEntropy(x, torch.ones([3])),
      /"target" must have the input's shape/,
    ],
    [
      'one value a channel in training',
      () => F.batchNorm(torch.ones([1, 3]), null, null, { training: true }),
      /more than 1/,
    ],
    [
      'both size and scale',
      () => F.interpolate(image, { size: 2, scaleFactor: 2 }),
      /"size" and "scaleFactor" of interpolate/,
    ],
    ['neither size nor scale', () => F.interpolate(image, {}), /needs "size" or "scaleFactor"/],
    ['a mode for other dimensions', () => F.interpolate(image, { size: 2, mode: 'linear' }), /"mode" must be/],
    [
      'a grid mode that there is not',
      () => loose.gridSample!(image, image, { mode: 'x' }),
      /"mode" must be "bilinear", "nearest" or "bicubic"/,
    ],
    ['a padding row outside', () => F.embedding(torch.tensor([0n]), x, { paddingIdx: 2 }), /"paddingIdx" must be/],
    [
      'offsets of rows',
      () => F.embeddingBag(torch.tensor([[0n]]), x, { offsets: x }),
      /"offsets" cannot be combined with a two-dimensional input/,
    ],
    ['too few dimensions', () => F.localResponseNorm(x, 2), /3 or more dimensions/],
    ['a kernel of words', () => loose.lpPool2d!(image, 2, 'x'), /"kernelSize" must be/],
  ];
  for (const [what, body, message] of refusals) {
    it(`refuses ${what}`, () => expect(refusalOf(body).message).to.match(message));
  }

  it('refuses what is not a tensor in every function', () => {
    for (const [name, f] of Object.entries(loose)) {
      for (const value of [undefined, null, 'x', {}]) refusalOf(() => f(value, value, value, value));
      expect(name).to.be.a('string');
    }
  });
});

describe('F.groupNorm, F.batchNorm and F.instanceNorm', () => {
  interface Options {
    groups: number;
    training: boolean;
    eps: number;
    useInputStats: boolean;
  }
  const calls: Record<string, (x: Tensor, options: Options) => Tensor> = {
    groupNorm: (x, { groups }) => F.groupNorm(x, groups),
    batchNorm: (x, options) => F.batchNorm(x, torch.zeros([4]), torch.ones([4]), options),
    instanceNorm: (x, options) =>
      F.instanceNorm(x, { runningMean: torch.zeros([4]), runningVar: torch.ones([4]), ...options }),
  };

  const isReference = series(torch.version.libtorch) === series(reference);
  it('refuse the shapes and options that PyTorch refuses', () => {
    for (const [name, shape, options, refusal] of golden<[string, number[], Options, string | null][]>('nn-refusals')) {
      const what = `${name} of [${shape}], ${JSON.stringify(options)}`;
      const call = () => calls[name]!(torch.ones(shape), options);
      // From 2.14 on, libtorch itself refuses groups without elements.
      if (name === 'groupNorm' && shape.at(-1) === 0 && !isReference) continue;
      if (refusal === null) expect(call().shape, what).deep.equal(shape);
      else {
        const words = options.eps < 0 || refusal.includes('eps') ? '"eps" must be' : 'when training, got';
        expect(call, what).throw(TorchClipError, words);
      }
    }
  });

  it('groupNorm leaves the rest to the operator, and takes its options in both ways', () => {
    const x = torch.arange(8).reshape([2, 4]).to({ dtype: torch.float32 });
    const [weight, bias] = [torch.full([4], 2), torch.ones([4])];
    const positional = F.groupNorm(x, 2, weight, bias, 1e-3);
    expect(F.groupNorm(x, 2, { weight, bias, eps: 1e-3 }).equal(positional)).equal(true);
    expect(torch.groupNorm(x, 2, weight, bias, 1e-3).equal(positional)).equal(true);
    for (const groups of [0, -1, 3, 2.5, NaN, '2', null]) {
      expect(() => F.groupNorm(x, groups as number)).throw(TorchClipError);
    }
    for (const input of [torch.ones([]), torch.ones([4]), 'x', null]) {
      expect(() => F.groupNorm(input as Tensor, 2)).throw(TorchClipError);
    }
  });
});
