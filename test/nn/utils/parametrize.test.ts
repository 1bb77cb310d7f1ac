import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../../lib/index.js';
import { refused } from '../support.js';

const { parametrize, parametrizations, prune, stateless } = nn.utils;

class Symmetric extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.triu().add(x.triu(1).transpose(-1, -2));
  }
}

/** exp, whose inverse is log. */
class Exp extends nn.Module {
  calls = 0;
  override forward(x: Tensor): Tensor {
    this.calls++;
    return x.exp();
  }
  rightInverse(x: Tensor): Tensor {
    return x.log();
  }
}

class Doubled extends nn.Module {
  override forward(x: Tensor): Tensor {
    return torch.cat([x, x]);
  }
}

const near = (a: Tensor, b: Tensor) => expect(a.sub(b).abs().max().item()).to.be.lessThan(1e-5);

describe('nn.utils.parametrize', () => {
  it('computes a parameter, which stays the same object behind it', () => {
    const layer = new nn.Linear(3, 3);
    const { weight } = layer;
    parametrize.registerParametrization(layer, 'weight', new Symmetric());
    near(layer.weight, layer.weight.t());
    expect(layer.getParameter('parametrizations.weight.original')).to.equal(weight);
    expect(layer.parameters()).to.include(weight);
    expect(layer).to.be.instanceOf(nn.Linear);
    layer
      .forward(torch.ones([1, 3]))
      .sum()
      .backward();
    expect(weight.grad!.tril(-1).abs().sum().item()).to.equal(0);
    expect(String(layer)).to.match(/^ParametrizedLinear\(\n {2}in_features=3/);
    expect(parametrize.typeBeforeParametrizations(layer)).to.equal(nn.Linear);
    expect(parametrize.typeBeforeParametrizations(new nn.ReLU())).to.equal(nn.ReLU);
  });

  it('assigns through the inverse, one parametrization after the other', () => {
    const layer = new nn.Linear(2, 2);
    torch.noGrad(() => layer.weight.abs_().add_(1));
    const before = layer.weight.detach().clone();
    parametrize.registerParametrization(layer, 'weight', new Exp());
    near(layer.weight, before);
    parametrize.registerParametrization(layer, 'weight', new Exp());
    near(layer.weight, before.exp());
    Reflect.set(layer, 'weight', before.exp().mul(2));
    near(layer.weight, before.exp().mul(2));
    refused(() => {
      Reflect.set(layer, 'weight', torch.ones([2, 2], { dtype: torch.float64 }));
    }, 'ERR_DTYPE');
    near(layer.weight, before.exp().mul(2));
  });

  it('one without an inverse cannot be assigned, and nothing changes', () => {
    const layer = new nn.Linear(3, 3);
    parametrize.registerParametrization(layer, 'weight', new Symmetric());
    const before = layer.weight.detach();
    refused(() => Reflect.set(layer, 'weight', torch.ones([3, 3])), 'ERR_STATE', 'rightInverse');
    near(layer.weight, before);
  });

  it('cached computes once', () => {
    const layer = new nn.Linear(2, 2);
    torch.noGrad(() => layer.weight.abs_().add_(1));
    const exp = new Exp();
    parametrize.registerParametrization(layer, 'weight', exp);
    exp.calls = 0;
    parametrize.cached(() => {
      expect(layer.weight).to.equal(layer.weight);
      layer.forward(torch.ones([1, 2]));
    });
    expect(exp.calls).to.equal(1);
    expect(layer.weight).not.to.equal(layer.weight);
    refused(() => parametrize.cached((async () => 1) as never), 'ERR_ASYNC_SCOPE');
    expect(parametrize.cached(() => 3)).to.equal(3);
  });

  it('is taken off, with the value or the original', () => {
    for (const leaveParametrized of [true, false]) {
      const layer = new nn.Linear(3, 3);
      const { weight } = layer;
      const plain = weight.detach().clone();
      parametrize.registerParametrization(layer, 'weight', new Symmetric());
      const computed = layer.weight.detach();
      expect(parametrize.isParametrized(layer, 'weight')).to.equal(true);
      parametrize.removeParametrizations(layer, 'weight', { leaveParametrized });
      expect(layer.weight).to.equal(weight);
      near(layer.weight, leaveParametrized ? computed : plain);
      expect(parametrize.isParametrized(layer)).to.equal(false);
      expect(String(layer)).to.equal('Linear(in_features=3, out_features=3, bias=True)');
      expect(Object.keys(layer.stateDict())).to.deep.equal(['bias', 'weight']);
    }
    const layer = parametrizations.weightNorm(new nn.Linear(2, 2));
    refused(
      () => parametrize.removeParametrizations(layer, 'weight', { leaveParametrized: false }),
      'ERR_STATE',
      '2 tensors',
    );
    refused(() => parametrize.removeParametrizations(layer, 'bias'), 'ERR_ARGUMENT', 'tensorName');
  });

  it('works on buffers, and a deep copy is apart', () => {
    const norm = new nn.BatchNorm1d(2);
    parametrize.registerParametrization(norm, 'running_var', new Exp());
    near(norm.running_var!, torch.ones([2]));
    const layer = new nn.Linear(3, 3);
    parametrize.registerParametrization(layer, 'weight', new Symmetric());
    const copy = nn.deepcopy(layer);
    torch.noGrad(() => copy.getParameter('parametrizations.weight.original').zero_());
    expect(copy.weight.abs().sum().item()).to.equal(0);
    expect(layer.weight.abs().sum().item()).to.be.greaterThan(0);
    parametrize.registerParametrization(copy, 'bias', new Exp(), { unsafe: true });
    expect(layer.bias).to.be.instanceOf(nn.Parameter);
    parametrize.removeParametrizations(layer, 'weight');
    expect(parametrize.isParametrized(copy, 'weight')).to.equal(true);
  });

  it('is transferred with what it computes from', () => {
    const [from, to] = [new nn.Linear(3, 3), new nn.Linear(3, 3)];
    parametrize.registerParametrization(from, 'weight', new Symmetric());
    parametrize.transferParametrizationsAndParams(from, to);
    expect(to.weight.tolist()).to.deep.equal(from.weight.tolist());
    expect(to.getParameter('parametrizations.weight.original')).to.equal(
      from.getParameter('parametrizations.weight.original'),
    );
  });

  it('refuses one that holds the module itself, and one that reads what it computes', () => {
    const layer = new nn.Linear(2, 2);
    const { weight } = layer;
    for (const held of [layer, new nn.Sequential(layer), new nn.Sequential(new nn.ReLU(), new nn.Sequential(layer))]) {
      for (const unsafe of [false, true]) {
        const register = () => parametrize.registerParametrization(layer, 'weight', held as never, { unsafe });
        refused(register, 'ERR_STATE', '"parametrization" must not hold the module whose "weight" it computes');
      }
    }
    const other = new nn.Linear(2, 2);
    parametrize.registerParametrization(layer, 'weight', other as never, { unsafe: true });
    refused(() => parametrize.registerParametrization(other, 'weight', layer as never, { unsafe: true }), 'ERR_STATE');
    parametrize.removeParametrizations(layer, 'weight', { leaveParametrized: false });
    expect(layer.weight).to.equal(weight);
    class Reader extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.add(layer.weight);
      }
    }
    parametrize.registerParametrization(layer, 'weight', new Reader(), { unsafe: true });
    for (let i = 0; i < 2; i++) refused(() => layer.weight, 'ERR_STATE', 'reads the value that it is to compute');
    parametrize.cached(() => refused(() => layer.weight, 'ERR_STATE', 'reads the value that it is to compute'));
  });

  it('refuses what cannot be parametrized, and changes nothing', () => {
    const layer = new nn.Linear(2, 2);
    const { weight } = layer;
    refused(() => parametrize.registerParametrization(layer, 'weight', new Doubled()), 'ERR_SHAPE', '[4, 2]');
    refused(() => parametrize.registerParametrization(layer, 'inFeatures', new Symmetric()), 'ERR_ARGUMENT');
    refused(() => parametrize.registerParametrization(layer, 'nothing', new Symmetric()), 'ERR_ARGUMENT');
    refused(() => parametrize.registerParametrization(layer, 'weight', (() => {}) as never), 'ERR_ARGUMENT');
    expect(layer.weight).to.equal(weight);
    expect(String(layer)).to.match(/^Linear/);
    parametrize.registerParametrization(layer, 'weight', new Doubled(), { unsafe: true });
    expect(layer.weight.shape).to.deep.equal([4, 2]);
  });
});

describe('nn.utils: weight norms', () => {
  it('the older state dict loads into the newer form', () => {
    const old = nn.utils.weightNorm(new nn.Linear(3, 2));
    const layer = parametrizations.weightNorm(new nn.Linear(3, 2));
    layer.loadStateDict(old.stateDict());
    near(layer.weight, old.weight);
  });

  it('a computed weight cannot be assigned or computed twice', () => {
    const layer = nn.utils.weightNorm(new nn.Linear(3, 2));
    refused(() => nn.utils.weightNorm(layer), 'ERR_STATE', 'already');
    refused(
      () => {
        layer.weight = new nn.Parameter(torch.ones([2, 3]));
      },
      'ERR_STATE',
      'weightNorm',
    );
    refused(() => nn.utils.removeSpectralNorm(layer), 'ERR_STATE', 'spectralNorm');
    refused(() => nn.utils.spectralNorm(new nn.Linear(3, 2), { name: 'bia' }), 'ERR_ARGUMENT', 'name');
    refused(() => nn.utils.weightNorm(new nn.Linear(3, 2), { dim: 2 }), 'ERR_INDEX', 'dim');
    near(nn.deepcopy(layer).weight, layer.weight);
  });

  it('orthogonal weights stay orthogonal while they are trained', () => {
    const layer = parametrizations.orthogonal(new nn.Linear(4, 6));
    const optimizer = new torch.optim.SGD(layer.parameters(), { lr: 0.1 });
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      layer
        .forward(torch.randn([5, 4]))
        .pow(2)
        .sum()
        .backward();
      optimizer.step();
    }
    near(layer.weight.t().matmul(layer.weight), torch.eye(4));
    refused(() => parametrizations.orthogonal(new nn.Linear(4, 6), { name: 'bias' }), 'ERR_SHAPE', '2 or more');
  });
});

describe('nn.utils.prune', () => {
  it('prunes several parameters as one', () => {
    const layers = [new nn.Linear(4, 3), new nn.Linear(3, 2)];
    const parameters = layers.map((layer) => [layer, 'weight'] as const);
    const all = torch.cat(layers.map((layer) => layer.weight.detach().abs().reshape([-1])));
    const [bound] = torch.kthvalue(all, 9);
    prune.globalUnstructured(parameters, new prune.L1Unstructured(0.5));
    for (const layer of layers) {
      const kept = layer.weight.ne(0);
      expect(kept.tolist()).to.deep.equal(layer.getParameter('weight_orig').abs().gt(bound).tolist());
    }
    expect(prune.isPruned(new nn.Sequential(...layers))).to.equal(true);
    expect(prune.isPruned(new nn.Linear(1, 1))).to.equal(false);
  });

  it('masks the gradients, and remove makes it permanent in the same parameter', () => {
    const layer = new nn.Linear(4, 3);
    const { weight } = layer;
    prune.l1Unstructured(layer, 'weight', 0.5);
    layer
      .forward(torch.ones([1, 4]))
      .sum()
      .backward();
    expect(weight.grad!.tolist()).to.deep.equal(layer.getBuffer('weight_mask').tolist());
    const masked = layer.weight.detach();
    prune.remove(layer, 'weight');
    expect(layer.weight).to.equal(weight);
    expect(layer.weight.tolist()).to.deep.equal(masked.tolist());
    refused(() => prune.remove(layer, 'weight'), 'ERR_STATE', 'not pruned');
  });

  it("takes scores of importance and methods of one's own", () => {
    class First extends prune.BasePruningMethod {
      readonly pruningType = 'unstructured';
      computeMask(t: Tensor, defaultMask: Tensor): Tensor {
        return defaultMask.mul(torch.arange(t.numel()).ge(1).reshape(t.shape));
      }
    }
    const layer = new nn.Linear(2, 2, { bias: false });
    prune.l1Unstructured(layer, 'weight', 1, {
      importanceScores: torch.tensor([
        [3, 1],
        [2, 4],
      ]),
    });
    expect(layer.getBuffer('weight_mask').tolist()).to.deep.equal([
      [1, 0],
      [1, 1],
    ]);
    prune.apply(layer, 'weight', new First());
    expect(layer.getBuffer('weight_mask').tolist()).to.deep.equal([
      [0, 0],
      [1, 1],
    ]);
    expect(
      new prune.L1Unstructured(1)
        .prune(torch.tensor([2, -1]))
        .abs()
        .tolist(),
    ).to.deep.equal([2, 0]);
  });

  it('refuses amounts, masks and names, and changes nothing', () => {
    const layer = new nn.Linear(2, 2);
    const before = Object.keys(layer.stateDict());
    for (const amount of [-1, 1.5, Number.NaN, '1' as never]) {
      refused(() => prune.l1Unstructured(layer, 'weight', amount), 'ERR_ARGUMENT', 'amount');
    }
    refused(() => prune.l1Unstructured(layer, 'weight', 5), 'ERR_ARGUMENT', 'amount', '4');
    refused(() => prune.lnStructured(layer, 'bias', 1, 2, 0), 'ERR_SHAPE');
    refused(() => prune.lnStructured(layer, 'weight', 1, 2, 2), 'ERR_INDEX', 'dim');
    refused(() => prune.customFromMask(layer, 'weight', torch.ones([2])), 'ERR_SHAPE', 'mask');
    refused(() => prune.identity(layer, 'weigth'), 'ERR_ARGUMENT', 'name');
    refused(() => prune.globalUnstructured([[layer, 'weight']], new prune.LnStructured(1, 2)), 'ERR_ARGUMENT');
    refused(
      () =>
        prune.identity(parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Symmetric()), 'weight'),
      'ERR_ARGUMENT',
    );
    expect(Object.keys(layer.stateDict())).to.deep.equal(before);
  });
});

describe('nn.utils: the rest', () => {
  it('fused layers compute what the two did', () => {
    const trained = <N extends nn.Module>(norm: N & { forward(x: Tensor): Tensor }, shape: number[]) => {
      norm.forward(torch.randn(shape).mul(3).add(1));
      return norm.eval();
    };
    const conv = new nn.Conv2d(2, 3, 2).eval();
    const bn = trained(new nn.BatchNorm2d(3), [4, 3, 5, 5]);
    const x = torch.randn([2, 2, 5, 5]);
    near(nn.utils.fuseConvBnEval(conv, bn).forward(x), bn.forward(conv.forward(x)));
    const transposed = new nn.ConvTranspose2d(2, 3, 2, { bias: false }).eval();
    near(nn.utils.fuseConvBnEval(transposed, bn, { transpose: true }).forward(x), bn.forward(transposed.forward(x)));
    const linear = new nn.Linear(4, 3).eval();
    const norm = trained(new nn.BatchNorm1d(3), [8, 3]);
    const y = torch.randn([2, 4]);
    near(nn.utils.fuseLinearBnEval(linear, norm).forward(y), norm.forward(linear.forward(y)));
    refused(() => nn.utils.fuseConvBnEval(conv.train(), bn), 'ERR_STATE', 'eval()');
    refused(() => nn.utils.fuseLinearBnEval(linear, new nn.BatchNorm1d(2).eval()), 'ERR_SHAPE', '3');
  });

  it('skipInit draws nothing', () => {
    torch.manualSeed(1);
    const expected = torch.rand([1]).item();
    torch.manualSeed(1);
    const layer = nn.utils.skipInit(nn.Linear, 5, 3, { bias: false });
    expect(torch.rand([1]).item()).to.equal(expected);
    expect([layer.weight.shape, String(layer.weight.device), layer.bias]).to.deep.equal([[3, 5], 'cpu', null]);
    refused(() => nn.utils.skipInit((() => {}) as never), 'ERR_ARGUMENT', 'ModuleClass');
  });

  it('weights of convolutions take a memory format, in place', () => {
    const model = new nn.Sequential(new nn.Conv2d(4, 4, 3), new nn.Conv3d(2, 2, 2));
    const { weight } = model.at(0) as nn.Conv2d;
    nn.utils.convertConv2dWeightMemoryFormat(model, torch.channelsLast);
    expect((model.at(0) as nn.Conv2d).weight).to.equal(weight);
    expect(weight.isContiguous(torch.channelsLast)).to.equal(true);
    expect((model.at(1) as nn.Conv3d).weight.isContiguous()).to.equal(true);
    nn.utils.convertConv3dWeightMemoryFormat(model, torch.channelsLast3d);
    expect((model.at(1) as nn.Conv3d).weight.isContiguous(torch.channelsLast3d)).to.equal(true);
    refused(() => nn.utils.convertConv2dWeightMemoryFormat(model, 'last' as never), 'ERR_ARGUMENT', 'memoryFormat');
  });

  it('functionalCall uses other tensors, and puts the members back', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));
    const before = model.parameters();
    const zeros = torch.zeros([2, 2], { requiresGrad: true });
    const bias = torch.tensor([1, 2]);
    const x = torch.ones([3, 2]);
    model.eval();
    const output = stateless.functionalCall(model, { '0.weight': zeros, '0.bias': bias }, x);
    near(output, model.getSubmodule('1').call(bias.expand(3, 2) as never) as Tensor);
    output.sum().backward();
    expect(zeros.grad).not.to.equal(null);
    expect(model.parameters()).to.deep.equal(before);
    refused(() => stateless.functionalCall(model, { nothing: bias }, x), 'ERR_ARGUMENT', 'nothing');
    refused(() => stateless.functionalCall(model, { '0.bias': bias }, x, { strict: true }), 'ERR_ARGUMENT', '0.weight');
    expect(() => stateless.functionalCall(model, { '0.weight': torch.ones([5, 5]) }, x)).to.throw();
    expect(model.parameters()).to.deep.equal(before);
  });

  it('functionalCall within functionalCall replaces what stands in already', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));
    const layer = model.at(0) as nn.Linear;
    const before = model.parameters();
    const full = (value: number) => torch.full([2, 2], value);
    const bias = torch.tensor([10, 20]);
    class Outer extends nn.Module {
      inner = layer;
      override forward(x: Tensor): Tensor[] {
        const first = stateless.functionalCall(layer, { weight: full(3), bias }, x);
        const [deep] = [torch.func.functionalCall(layer, { weight: full(5) }, x)];
        const own = layer.call(x) as Tensor;
        expect(() => stateless.functionalCall(layer, { weight: full(1), other: bias }, x)).to.throw(/got "other"/);
        return [first, deep, own];
      }
    }
    const results = stateless.functionalCall(
      new Outer(),
      { 'inner.weight': full(7), 'inner.bias': bias },
      torch.ones([1, 2]),
    );
    expect(results.map((t) => t.tolist())).to.deep.equal([[[16, 26]], [[20, 30]], [[24, 34]]]);
    expect(model.parameters()).to.deep.equal(before);
    // A plain property of another time is none of the module's tensors.
    Object.defineProperty(layer, 'extra', { value: bias, enumerable: true, configurable: true });
    refused(() => stateless.functionalCall(layer, { extra: bias }, torch.ones([1, 2])), 'ERR_ARGUMENT', 'extra');
  });

  it('functionalCall shows what stands in to lists of parameters and buffers', () => {
    class Lists extends nn.Module {
      weights = new nn.ParameterList([torch.ones([1]), torch.full([1], 2)]);
      named = new nn.ParameterDict({ a: torch.full([1], 3) });
      layer = new nn.BatchNorm1d(1);
      override forward(): unknown[] {
        const values = (list: readonly Tensor[]) => list.map((t) => t.item());
        return [
          values([...this.weights]),
          this.weights.length,
          [this.named.has('a'), this.named.size, this.named.get('a').item()],
          this.namedParameters().map(([name, t]) => [name, t.item()]),
          values(this.parameters()),
          this.namedBuffers().map(([name, t]) => [name, t.item()]),
          Object.entries(this.stateDict()).map(([name, t]) => [name, t.item()]),
          this.getParameter('weights.1').item(),
        ];
      }
    }
    const lists = new Lists();
    const before = lists.forward();
    const state = {
      'weights.1': torch.full([1], 7),
      'named.a': torch.full([1], 8),
      'layer.running_mean': torch.full([1], 9),
    };
    const parameters = [
      ['weights.0', 1],
      ['weights.1', 7],
      ['named.a', 8],
      ['layer.weight', 1],
      ['layer.bias', 0],
    ];
    const buffers = [
      ['layer.running_mean', 9],
      ['layer.running_var', 1],
      ['layer.num_batches_tracked', 0],
    ];
    const inside = stateless.functionalCall(lists, state, [] as never);
    expect(inside).to.deep.equal([
      [1, 7],
      2,
      [true, 1, 8],
      parameters,
      parameters.map(([, value]) => value),
      buffers,
      [...parameters, ...buffers],
      7,
    ]);
    expect(lists.forward()).to.deep.equal(before);
    expect(lists.parameters().every((p) => p instanceof nn.Parameter)).to.equal(true);
    // A plain tensor under the name of a parameter that was deleted is none.
    const layer = new nn.Linear(1, 1) as nn.Linear & { weight?: unknown };
    Reflect.deleteProperty(layer, 'weight');
    Object.assign(layer, { weight: torch.ones([1, 1]) });
    expect(layer.namedParameters().map(([name]) => name)).to.deep.equal(['bias']);
  });

  it('functionalCall refuses a forward that is asynchronous', async () => {
    class Later extends nn.Module {
      weight = new nn.Parameter(torch.ones([1]));
      override async forward(x: Tensor): Promise<Tensor> {
        await null;
        return x.mul(this.weight);
      }
    }
    class Promising extends Later {
      override forward(x: Tensor): Promise<Tensor> {
        return super.forward(x);
      }
    }
    for (const call of [stateless.functionalCall, torch.func.functionalCall]) {
      for (const module of [new Later(), new Promising()]) {
        const { weight } = module;
        refused(
          () => call(module, { weight: torch.zeros([1]) }, torch.ones([1])),
          'ERR_ASYNC_SCOPE',
          '"forward" of functionalCall must be a synchronous function',
        );
        expect(module.weight).to.equal(weight);
        expect((await module.forward(torch.ones([1]))).tolist()).to.deep.equal([1]);
      }
    }
  });

  it('functionalCall replaces tied parameters together', () => {
    const model = new nn.ModuleDict({
      a: new nn.Linear(2, 2, { bias: false }),
      b: new nn.Linear(2, 2, { bias: false }),
    });
    model.get('b').weight = model.get('a').weight;
    class Both extends nn.Module {
      parts = model;
      override forward(x: Tensor): Tensor {
        return this.parts.get('a').forward(x).add(this.parts.get('b').forward(x));
      }
    }
    const x = torch.ones([1, 2]);
    const other = { 'parts.a.weight': torch.ones([2, 2]) };
    expect(stateless.functionalCall(new Both(), other, [x]).tolist()).to.deep.equal([[4, 4]]);
    const alone = stateless.functionalCall(new Both(), other, [x], { tieWeights: false });
    near(alone, model.get('b').forward(x).add(2));
  });
});
