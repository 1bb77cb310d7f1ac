import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refused } from './support.js';

const names = (module: nn.Module) => module.namedChildren().map(([name, child]) => `${name}:${child.constructor.name}`);

describe('lists of modules change', () => {
  for (const [kind, make] of [
    ['ModuleList', () => new nn.ModuleList([new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid()])],
    ['Sequential', () => new nn.Sequential(new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid())],
  ] as const) {
    it(`${kind}: insert, set, pop, extend`, () => {
      const list: nn.ModuleList | nn.Sequential = make();
      list.insert(1, new nn.Identity());
      expect(names(list)).to.deep.equal(['0:ReLU', '1:Identity', '2:Tanh', '3:Sigmoid']);
      list.set(-1, new nn.GELU());
      expect(list.pop(0)).to.be.instanceOf(nn.ReLU);
      expect(names(list)).to.deep.equal(['0:Identity', '1:Tanh', '2:GELU']);
      list.extend([new nn.Softsign()]).insert(-1, new nn.SiLU());
      expect(names(list)).to.deep.equal(['0:Identity', '1:Tanh', '2:GELU', '3:SiLU', '4:Softsign']);
      expect(list.pop()).to.be.instanceOf(nn.Softsign);
      expect(list.length).to.equal(4);
    });

    it(`${kind}: refuses places that there are not, and changes nothing`, () => {
      const list: nn.ModuleList | nn.Sequential = make();
      refused(() => list.set(3, new nn.ReLU()), 'ERR_INDEX', 'index');
      refused(() => list.insert(4, new nn.ReLU()), 'ERR_INDEX', 'index');
      refused(() => list.pop(-4), 'ERR_INDEX', 'index');
      refused(() => list.insert(0, 3 as never), 'ERR_ARGUMENT', 'module');
      refused(() => list.set(0, null as never), 'ERR_ARGUMENT', 'module');
      expect(names(list)).to.deep.equal(['0:ReLU', '1:Tanh', '2:Sigmoid']);
    });
  }

  it('slices share the modules', () => {
    const list = new nn.ModuleList([new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid()]);
    const part = list.slice(1);
    expect(names(part)).to.deep.equal(['0:Tanh', '1:Sigmoid']);
    expect(part.at(0)).to.equal(list.at(1));
    for (const place of [10n ** 30n, 0.5, Number.NaN, Symbol('one'), {}]) {
      refused(() => list.slice(place as never), 'ERR_ARGUMENT', 'start');
      refused(() => list.slice(0, place as never), 'ERR_ARGUMENT', 'end');
      refused(() => list.at(place as never), 'ERR_ARGUMENT', 'index');
      refused(() => new nn.ParameterList().at(place as never), 'ERR_ARGUMENT', 'index');
    }
  });

  it('ModuleDict: update, pop, clear', () => {
    const table = new nn.ModuleDict({ a: new nn.ReLU() });
    table.update({ b: new nn.Tanh(), a: new nn.GELU() } as never);
    expect(names(table)).to.deep.equal(['a:GELU', 'b:Tanh']);
    refused(() => table.update({ c: new nn.ReLU(), d: 3 } as never), 'ERR_ARGUMENT', 'd');
    expect(table.pop('a')).to.be.instanceOf(nn.GELU);
    refused(() => table.pop('a'), 'ERR_ARGUMENT', 'name');
    table.clear();
    expect(table.size).to.equal(0);
  });
});

describe('nn.attention', () => {
  const { SDPBackend, bias, sdpaKernel } = nn.attention;
  const [q, k, v] = [torch.randn([1, 2, 3, 4]), torch.randn([1, 2, 5, 4]), torch.randn([1, 2, 5, 4])];
  const attend = (attnMask: Tensor | null = null) => nn.functional.scaledDotProductAttention(q, k, v, { attnMask });

  it('the kernels agree, and the choice ends with the body', () => {
    const expected = attend();
    for (const backend of [SDPBackend.MATH, [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]]) {
      const result = sdpaKernel(backend, () => attend());
      expect(result.sub(expected).abs().max().item()).to.be.lessThan(1e-6);
    }
    expect(() => sdpaKernel(SDPBackend.CUDNN_ATTENTION, () => attend())).to.throw();
    expect(attend().tolist()).to.deep.equal(expected.tolist());
    refused(() => sdpaKernel('fast' as never, () => 1), 'ERR_ARGUMENT', 'backends');
    refused(() => sdpaKernel([], () => 1), 'ERR_ARGUMENT', 'backends');
    refused(() => sdpaKernel(SDPBackend.MATH, (async () => 1) as never), 'ERR_ASYNC_SCOPE');
  });

  it('the causal masks begin at the first query, or end at the last', () => {
    expect(bias.causalUpperLeft(2, 3).tolist()).to.deep.equal([
      [true, false, false],
      [true, true, false],
    ]);
    const lower = bias.causalLowerRight(2, 3);
    expect(lower.tolist()).to.deep.equal([
      [true, true, false],
      [true, true, true],
    ]);
    expect([lower.variant, lower.seqLenQ, lower.seqLenKv]).to.deep.equal([bias.CausalVariant.LOWER_RIGHT, 2, 3]);
    const causal = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true });
    expect(attend(bias.causalUpperLeft(3, 5)).sub(causal).abs().max().item()).to.be.lessThan(1e-6);
    refused(() => bias.causalUpperLeft(-1, 3), 'ERR_ARGUMENT', 'seqLenQ');
    refused(() => new bias.CausalBias('left' as never, 1, 1), 'ERR_ARGUMENT', 'variant');
  });
});

describe('nn.functional.groupedMm', () => {
  it('multiplies each group of rows by its matrix', () => {
    const a = torch.randn([6, 8]);
    const b = torch.randn([2, 8, 4]);
    const offs = torch.tensor([2, 6], { dtype: torch.int32 });
    const result = nn.functional.groupedMm(a, b, { offs });
    const expected = torch.cat([a.narrow(0, 0, 2).matmul(b.select(0, 0)), a.narrow(0, 2, 4).matmul(b.select(0, 1))]);
    expect(result.sub(expected).abs().max().item()).to.be.lessThan(1e-5);
    refused(() => nn.functional.groupedMm(a, 3 as never), 'ERR_ARGUMENT', 'matB');
  });
});

describe('AdaptiveLogSoftmaxWithLoss', () => {
  it('its probabilities are those of its loss, and predict chooses the likeliest', () => {
    torch.manualSeed(2);
    const softmax = new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], { divValue: 2 });
    const input = torch.randn([50, 8]).mul(20);
    const logProb = softmax.logProb(input);
    expect(logProb.exp().sum({ dim: 1 }).sub(1).abs().max().item()).to.be.lessThan(1e-5);
    const target = torch.randint(0, 20, [50]);
    const [output, loss] = softmax.forward(input, target);
    const chosen = logProb.gather(1, target.unsqueeze(1)).squeeze(1);
    expect(output.sub(chosen).abs().max().item()).to.be.lessThan(1e-4);
    expect(loss.item()).to.be.closeTo(chosen.mean().neg().item<number>(), 1e-4);
    const predicted = softmax.predict(input);
    expect(new Set(predicted.tolist() as number[]).size).to.be.greaterThan(3);
    const best = logProb.gather(1, predicted.unsqueeze(1)).squeeze(1);
    const head = softmax.head.forward(input).argmax({ dim: 1 }).lt(4);
    // As in PyTorch, a row whose head names a class itself is that class.
    expect(best.eq(logProb.amax(1)).logicalOr(head).all().item()).to.equal(true);
    refused(() => softmax.forward(input, target.add(15)), 'ERR_INDEX', 'target');
    refused(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [10, 4]), 'ERR_ARGUMENT', 'ascending');
    refused(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [20]), 'ERR_ARGUMENT', 'cutoffs');
  });
});
