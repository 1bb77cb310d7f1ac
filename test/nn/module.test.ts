import { inspect } from 'node:util';
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refused } from './support.js';

class Net extends nn.Module {
  fc1 = new nn.Linear(4, 3);
  act = new nn.ReLU();
  fc2 = new nn.Linear(3, 2, { bias: false });
  scale = new nn.Parameter(torch.ones([1]));
  note = 'not a member';
  loose = torch.zeros([2]);

  constructor() {
    super();
    this.registerBuffer('seen', torch.tensor(0));
    this.registerBuffer('scratch', torch.zeros([2]), { persistent: false });
  }

  override forward(x: Tensor, twice = false): Tensor {
    const y = this.fc2.forward(this.act.forward(this.fc1.forward(x))).mul(this.scale);
    return twice ? y.mul(2) : y;
  }
}

const names = (pairs: [string, unknown][]) => pairs.map(([name]) => name);

describe('Module', () => {
  it('finds parameters, buffers and modules in its properties, parents first, in the order of assignment', () => {
    const net = new Net();
    expect(names(net.namedParameters())).to.deep.equal(['scale', 'fc1.weight', 'fc1.bias', 'fc2.weight']);
    expect(names(net.namedParameters({ recurse: false }))).to.deep.equal(['scale']);
    expect(names(net.namedBuffers())).to.deep.equal(['seen', 'scratch']);
    expect(names(net.namedChildren())).to.deep.equal(['fc1', 'act', 'fc2']);
    expect(names(net.namedModules())).to.deep.equal(['', 'fc1', 'act', 'fc2']);
    expect(net.modules()[0]).to.equal(net);
    expect(net.parameters()).to.deep.equal(net.namedParameters().map(([, p]) => p));
    expect(net.parameters({ recurse: false })).to.deep.equal([net.scale]);
    expect(net.modules()).to.deep.equal(net.namedModules().map(([, m]) => m));
    expect(Object.keys(net.stateDict())).to.deep.equal(['scale', 'seen', 'fc1.weight', 'fc1.bias', 'fc2.weight']);
  });

  it('finds what was assigned after construction, and forgets what was replaced or deleted', () => {
    const net = new Net();
    const extended = net as Net & { extra?: nn.Module };
    extended.extra = new nn.Linear(1, 1);
    expect(names(net.namedParameters())).to.include('extra.bias');
    delete extended.extra;
    net.fc1.bias = null;
    expect(names(net.namedParameters())).to.deep.equal(['scale', 'fc1.weight', 'fc2.weight']);
  });

  it('gives a shared tensor once as a parameter and under each of its names in the state dict', () => {
    const [a, b] = [new nn.Linear(3, 3, { bias: false }), new nn.Linear(3, 3, { bias: false })];
    b.weight = a.weight;
    const tied = new nn.Sequential(a, b, a);
    expect(names(tied.namedParameters())).to.deep.equal(['0.weight']);
    expect(names(tied.namedModules())).to.deep.equal(['', '0', '1']);
    expect(Object.keys(tied.stateDict())).to.deep.equal(['0.weight', '1.weight', '2.weight']);
  });

  it('computes and trains', () => {
    const net = new Net();
    const x = torch.randn([5, 4]);
    const y = net.forward(x);
    expect(y.shape).to.deep.equal([5, 2]);
    expect(net.forward(x, true).allclose(y.mul(2))).to.equal(true);
    y.sum().backward();
    for (const [name, p] of net.namedParameters()) expect(p.grad?.shape, name).to.deep.equal(p.shape);
    net.zeroGrad({ setToNone: false });
    expect(net.scale.grad!.item()).to.equal(0);
    net.zeroGrad();
    expect(net.parameters().every((p) => p.grad === null)).to.equal(true);
  });

  it('switches between training and evaluation, all the way down', () => {
    const net = new nn.Sequential(new nn.Sequential(new nn.Dropout()));
    expect(
      net
        .eval()
        .modules()
        .map((m) => m.training),
    ).to.deep.equal([false, false, false]);
    expect(
      net
        .train()
        .modules()
        .map((m) => m.training),
    ).to.deep.equal([true, true, true]);
    refused(() => net.train(1 as unknown as boolean), 'ERR_ARGUMENT', 'mode');
  });

  it('applies a function to children before parents', () => {
    const seen: string[] = [];
    new Net().apply((m) => seen.push(m.constructor.name));
    expect(seen).to.deep.equal(['Linear', 'ReLU', 'Linear', 'Net']);
  });

  it('switches gradients off and on', () => {
    const net = new Net().requiresGrad_(false);
    expect(net.parameters().some((p) => p.requiresGrad)).to.equal(false);
    expect(net.forward(torch.ones([1, 4])).requiresGrad).to.equal(false);
    expect(
      net
        .requiresGrad_()
        .parameters()
        .every((p) => p.requiresGrad),
    ).to.equal(true);
  });

  it('changes dtype in place: parameters stay the same objects, and their gradients follow', () => {
    const net = new Net();
    const before = net.parameters();
    net
      .forward(torch.ones([1, 4]))
      .sum()
      .backward();
    const weights = net.fc1.weight.tolist();
    expect(net.double()).to.equal(net);
    expect(net.parameters().every((p, i) => p === before[i])).to.equal(true);
    expect(net.fc1.weight.dtype).to.equal(torch.float64);
    expect(net.fc1.weight.grad!.dtype).to.equal(torch.float64);
    expect(net.fc1.weight.tolist()).to.deep.equal(weights);
    expect(net.fc1.weight.isLeaf && net.fc1.weight.requiresGrad).to.equal(true);
    net
      .forward(torch.ones([1, 4], { dtype: torch.float64 }))
      .sum()
      .backward();
    expect(net.to({ dtype: torch.bfloat16 }).fc2.weight.dtype).to.equal(torch.bfloat16);
    refused(() => net.to({ dtype: torch.int64 }), 'ERR_DTYPE', 'floating-point');
    expect(net.to(torch.float32).to('cpu').scale.dtype).to.equal(torch.float32);
    expect(net.to(torch.zeros([1], { dtype: torch.float64 })).scale.dtype).to.equal(torch.float64);
    refused(() => net.to('gpu' as 'cpu'), 'ERR_ARGUMENT', 'target');
    refused(() => net.to({ dytpe: torch.float32 } as object), 'ERR_ARGUMENT', 'dytpe');
  });

  it('leaves integer buffers as they are when the dtype changes', () => {
    const norm = new nn.BatchNorm1d(2).half();
    expect(norm.running_mean!.dtype).to.equal(torch.float16);
    expect(norm.num_batches_tracked!.dtype).to.equal(torch.int64);
  });

  it("moves the optimizer's view with it: a step after a dtype change moves the same parameter", () => {
    const layer = new nn.Linear(2, 1);
    const held = layer.weight;
    layer.double();
    torch.noGrad(() => held.add_(1));
    expect(layer.stateDict().weight!.tolist()).to.deep.equal(held.tolist());
  });

  it('refuses names that cannot be members', () => {
    const net = new Net();
    const p = new nn.Parameter(torch.zeros([1]));
    refused(() => net.registerParameter('a.b', p), 'ERR_ARGUMENT', 'name');
    refused(() => net.registerParameter('', p), 'ERR_ARGUMENT', 'name');
    refused(() => net.registerModule('forward', new nn.ReLU()), 'ERR_ARGUMENT', 'forward');
    refused(() => net.registerBuffer('fc1', torch.zeros([1])), 'ERR_ARGUMENT', 'fc1');
    refused(() => net.registerModule('m', {} as nn.Module), 'ERR_ARGUMENT', 'module');
    refused(() => net.registerBuffer('b', 1 as unknown as Tensor), 'ERR_ARGUMENT', 'tensor');
    refused(() => net.registerParameter('p', torch.zeros([1]) as nn.Parameter), 'ERR_ARGUMENT', 'parameter');
    net.registerParameter('scale', p);
    expect(net.scale).to.equal(p);
  });

  it('says so when a model has no forward', () => {
    class Empty extends nn.Module {}
    refused(() => new Empty().forward(), 'ERR_STATE', 'Empty');
  });

  it('says so when a module holds itself', () => {
    const net = new nn.ModuleDict();
    (net as unknown as { loop: nn.Module }).loop = net;
    refused(() => net.stateDict(), 'ERR_STATE', 'loop');
  });

  it('prints as PyTorch does', () => {
    const text = [
      'Net(',
      '  (fc1): Linear(in_features=4, out_features=3, bias=True)',
      '  (act): ReLU()',
      '  (fc2): Linear(in_features=3, out_features=2, bias=False)',
      ')',
    ].join('\n');
    expect(inspect(new Net())).to.equal(text);
    expect(`${new nn.ModuleList([])}`).to.equal('ModuleList()');
  });
});

describe('Parameter', () => {
  it('is a leaf that records gradients and shares the memory of its data', () => {
    const data = torch.zeros([2]);
    const p = new nn.Parameter(data);
    expect([p.isLeaf, p.requiresGrad, data.requiresGrad]).to.deep.equal([true, true, false]);
    torch.noGrad(() => p.add_(1));
    expect(data.tolist()).to.deep.equal([1, 1]);
    expect(new nn.Parameter(p.mul(2)).isLeaf).to.equal(true);
    expect(p.mul(2)).not.to.be.instanceOf(nn.Parameter);
  });

  it('need not record gradients', () => {
    expect(new nn.Parameter(torch.zeros([2], { dtype: torch.int64 }), false).requiresGrad).to.equal(false);
  });

  it('refuses integers that would record gradients, and what is not a tensor', () => {
    refused(() => new nn.Parameter(torch.zeros([2], { dtype: torch.int64 })), 'ERR_DTYPE', 'data');
    refused(() => new nn.Parameter([1] as unknown as Tensor), 'ERR_ARGUMENT', 'data');
  });
});

describe('state dicts', () => {
  const make = () => new nn.Sequential({ a: new nn.Linear(2, 3), b: new nn.BatchNorm1d(3) });

  it('carry a model to another', () => {
    const [from, to] = [make(), make()];
    from.forward(torch.randn([4, 2]));
    to.loadStateDict(from.stateDict());
    for (const [key, t] of Object.entries(from.stateDict())) expect(to.stateDict()[key]!.equal(t), key).to.equal(true);
  });

  it('share the memory of the model and do not record gradients', () => {
    const model = make();
    const { 'a.weight': weight } = model.stateDict();
    weight!.fill_(7);
    expect(weight!.requiresGrad).to.equal(false);
    expect((model as unknown as { a: nn.Linear }).a.weight.tolist()).to.deep.equal([
      [7, 7],
      [7, 7],
      [7, 7],
    ]);
  });

  it('convert to the dtype of the model', () => {
    const model = make();
    const state = Object.fromEntries(Object.entries(make().double().stateDict()).map(([k, t]) => [k, t]));
    model.loadStateDict(state);
    expect(model.stateDict()['a.weight']!.dtype).to.equal(torch.float32);
    expect(model.stateDict()['a.weight']!.equal(state['a.weight']!.float())).to.equal(true);
  });

  it('are refused as PyTorch refuses them, and nothing is copied', () => {
    const model = make();
    const before = model.stateDict()['a.weight']!.clone();
    const { 'a.bias': _, ...state } = make().stateDict();
    const wrong = { ...state, 'b.weight': torch.zeros([4]), other: torch.zeros([1]) };
    refused(
      () => model.loadStateDict(wrong),
      'ERR_STATE',
      'Error(s) in loading state_dict for Sequential:',
      'Missing key(s) in state_dict: "a.bias".',
      'Unexpected key(s) in state_dict: "other".',
      'size mismatch for b.weight: copying a param with shape torch.Size([4]) from checkpoint, the shape in current model is torch.Size([3]).',
    );
    expect(model.stateDict()['a.weight']!.equal(before)).to.equal(true);
    refused(
      () => model.loadStateDict({ ...make().stateDict(), 'a.bias': 1 as unknown as Tensor }),
      'ERR_STATE',
      'a.bias',
    );
    refused(() => model.loadStateDict(null as unknown as nn.StateDict), 'ERR_ARGUMENT', 'stateDict');
  });

  it('whose names differ by a prefix are refused with what to do, which helps', () => {
    const plain = make();
    const wrapper = new nn.Sequential({ inner: new nn.Sequential({ module: make() }) });
    const state = wrapper.stateDict();
    const names = Object.keys(plain.stateDict());
    refused(
      () => plain.loadStateDict(state),
      'ERR_STATE',
      'Unexpected key(s) in state_dict: "inner.module.a.weight"',
      '\n\tNames in the state dict begin with "inner.module.": nn.utils.consumePrefixInStateDictIfPresent(stateDict, "inner.module.") takes that away.',
    );
    refused(
      () => wrapper.loadStateDict(plain.stateDict()),
      'ERR_STATE',
      '\n\tNames in the module begin with "inner.module.": load the state dict into its submodule "inner.module".',
    );
    nn.utils.consumePrefixInStateDictIfPresent(state, 'inner.module.');
    expect(Object.keys(state)).to.deep.equal(names);
    plain.loadStateDict(state);
    (wrapper.getSubmodule('inner.module') as nn.Module).loadStateDict(state);
    // Names without it, and other prefixes, stay.
    const mixed = {
      b: torch.zeros([1]),
      'module.a': torch.ones([1]),
      modulea: torch.ones([1]),
      'x.module.c': torch.ones([1]),
    };
    nn.utils.consumePrefixInStateDictIfPresent(mixed, 'module.');
    expect(Object.keys(mixed)).to.deep.equal(['b', 'a', 'modulea', 'x.module.c']);
    nn.utils.consumePrefixInStateDictIfPresent(mixed, '');
    nn.utils.consumePrefixInStateDictIfPresent(mixed, 'module.');
    expect(Object.keys(mixed)).to.deep.equal(['b', 'a', 'modulea', 'x.module.c']);
    refused(() => nn.utils.consumePrefixInStateDictIfPresent([] as never, 'a'), 'ERR_ARGUMENT', 'stateDict');
    refused(() => nn.utils.consumePrefixInStateDictIfPresent({}, 1 as never), 'ERR_ARGUMENT', 'prefix');
  });

  it('may differ in their names when not strict, but not in their shapes', () => {
    const model = make();
    const state = { 'a.bias': torch.ones([3]), other: torch.zeros([1]) };
    const result = model.loadStateDict(state, { strict: false });
    expect(result.unexpectedKeys).to.deep.equal(['other']);
    expect(result.missingKeys).to.include('a.weight');
    expect(model.stateDict()['a.bias']!.tolist()).to.deep.equal([1, 1, 1]);
    refused(() => model.loadStateDict({ 'a.bias': torch.ones([2]) }, { strict: false }), 'ERR_STATE', 'size mismatch');
  });
});
