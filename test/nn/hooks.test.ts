import { expect } from 'chai';
import torch, { nn, optim, type Tensor } from '../../lib/index.js';
import { refused } from './support.js';

const net = () => new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.ReLU(), new nn.Linear(3, 1)));
const x = () => torch.ones([4, 2]);

describe('Module.call', () => {
  it('is forward where there are no hooks', () => {
    const model = net();
    expect(model.call(x()).tolist()).to.deep.equal(model.forward(x()).tolist());
  });

  it('runs pre-hooks, forward and hooks in order, and the hooks of the modules below', () => {
    const model = net();
    const seen: string[] = [];
    model.registerForwardPreHook(() => void seen.push('pre 2'));
    model.registerForwardPreHook(() => void seen.push('pre 1'), { prepend: true });
    model.registerForwardHook(() => void seen.push('post 2'));
    model.registerForwardHook(() => void seen.push('post 1'), { prepend: true });
    model.getSubmodule('1.1').registerForwardHook(() => void seen.push('inner'));
    model.call(x());
    expect(seen).to.deep.equal(['pre 1', 'pre 2', 'inner', 'post 1', 'post 2']);
    seen.length = 0;
    model.forward(x());
    expect(seen, 'forward stays plain').to.deep.equal(['inner']);
  });

  it('a pre-hook replaces the arguments, a hook the output', () => {
    const layer = new nn.Identity();
    layer.registerForwardPreHook((_, [input]) => (input as Tensor).add(1));
    layer.registerForwardPreHook((_, [input]) => [(input as Tensor).mul(10)]);
    layer.registerForwardHook((module, args, output) => {
      expect(module).to.equal(layer);
      expect((args[0] as Tensor).tolist()).to.deep.equal([20]);
      return (output as Tensor).neg();
    });
    expect(layer.call(torch.ones([1])).tolist()).to.deep.equal([-20]);
  });

  it('remove takes a hook off, once and for all, even while the hooks run', () => {
    const layer = new nn.Identity();
    let calls = 0;
    const handle = layer.registerForwardHook(() => {
      calls++;
      handle.remove();
    });
    layer.call(x());
    layer.call(x());
    handle.remove();
    expect(calls).to.equal(1);
  });

  it('alwaysCall runs a hook, once, where forward throws', () => {
    class Broken extends nn.Module {
      override forward(): Tensor {
        throw new Error('broken');
      }
    }
    const layer = new Broken();
    let [always, never] = [0, 0];
    layer.registerForwardHook(() => void always++, { alwaysCall: true });
    layer.registerForwardHook(() => void never++);
    expect(() => layer.call()).to.throw('broken');
    expect([always, never]).to.deep.equal([1, 0]);
  });

  it('refuses hooks that are not functions and unknown options', () => {
    const layer = new nn.Identity();
    refused(() => layer.registerForwardHook(3 as never), 'ERR_ARGUMENT', 'hook');
    refused(() => layer.registerForwardPreHook(() => {}, { first: true } as never), 'ERR_ARGUMENT', 'first');
  });
});

describe('hooks of state dicts', () => {
  it('see the prefix of their module, and may change what is saved', () => {
    const model = net();
    const prefixes: string[] = [];
    const inner = model.getSubmodule('1.1');
    inner.registerStateDictPreHook((_, prefix) => void prefixes.push(prefix));
    inner.registerStateDictPostHook((_, state, prefix) => {
      state[`${prefix}scale`] = state[`${prefix}weight`]!.mul(2);
      delete state[`${prefix}bias`];
    });
    const state = model.stateDict({ prefix: 'net.' });
    expect(prefixes).to.deep.equal(['net.1.1.']);
    expect(Object.keys(state)).to.deep.equal(['net.0.weight', 'net.0.bias', 'net.1.1.weight', 'net.1.1.scale']);
  });

  it('may rename what is loaded, without touching the object that was given', () => {
    const model = net();
    const state = net().stateDict();
    const old = { ...state, '1.1.w': state['1.1.weight']! };
    delete (old as Record<string, Tensor>)['1.1.weight'];
    model.getSubmodule('1.1').registerLoadStateDictPreHook((_, given, prefix) => {
      given[`${prefix}weight`] = given[`${prefix}w`]!;
      delete given[`${prefix}w`];
    });
    expect(model.loadStateDict(old)).to.deep.equal({ missingKeys: [], unexpectedKeys: [] });
    expect(model.stateDict()['1.1.weight']!.tolist()).to.deep.equal(state['1.1.weight']!.tolist());
    expect(Object.keys(old)).to.include('1.1.w');
  });

  it('hear of missing keys after loading', () => {
    const model = net();
    const heard: string[][] = [];
    model.registerLoadStateDictPostHook((_, keys) => {
      heard.push([...keys.missingKeys]);
      keys.missingKeys.length = 0;
    });
    const { missingKeys } = model.loadStateDict({}, { strict: false });
    expect(heard).to.deep.equal([['0.weight', '0.bias', '1.1.weight', '1.1.bias']]);
    expect(missingKeys).to.deep.equal([]);
  });

  it('extra state is saved and set', () => {
    class Counter extends nn.Module {
      count = 3;
      override getExtraState(): unknown {
        return torch.tensor([this.count]);
      }
      override setExtraState(state: unknown): void {
        this.count = (state as Tensor).item();
      }
    }
    const model = new nn.ModuleDict({ a: new Counter(), b: new nn.Linear(1, 1) });
    const state = model.stateDict();
    expect(Object.keys(state)).to.deep.equal(['a._extra_state', 'b.weight', 'b.bias']);
    const other = new nn.ModuleDict({ a: new Counter(), b: new nn.Linear(1, 1) });
    other.get('a').count = 0;
    other.loadStateDict(state);
    expect(other.get('a').count).to.equal(3);
    const { 'a._extra_state': _, ...rest } = state;
    refused(() => other.loadStateDict(rest), 'ERR_STATE', 'a._extra_state');
  });
});

describe('lookups by dotted name', () => {
  it('find modules, parameters and buffers', () => {
    const model = new nn.Sequential({ body: new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2)) });
    expect(model.getSubmodule('')).to.equal(model);
    expect(model.getSubmodule('body.0')).to.be.instanceOf(nn.Linear);
    expect(model.getParameter('body.0.weight')).to.equal((model.getSubmodule('body.0') as nn.Linear).weight);
    expect(model.getBuffer('body.1.running_mean').tolist()).to.deep.equal([0, 0]);
  });

  for (const name of ['nothing', 'body.2', 'body.0.weight', '__proto__', 'forward', 'body.', '.']) {
    it(`no module is called ${JSON.stringify(name)}`, () => {
      const model = new nn.Sequential({ body: new nn.Sequential(new nn.Linear(2, 2)) });
      refused(() => model.getSubmodule(name), 'ERR_ARGUMENT', 'target', 'Sequential');
    });
  }

  it('no parameter and no buffer under another name', () => {
    const model = new nn.Sequential({ norm: new nn.BatchNorm1d(2) });
    refused(() => model.getParameter('norm.running_mean'), 'ERR_ARGUMENT', 'parameter');
    refused(() => model.getBuffer('norm.weight'), 'ERR_ARGUMENT', 'buffer');
    refused(() => model.getParameter('norm'), 'ERR_ARGUMENT', 'parameter');
  });

  it('setSubmodule replaces and adds', () => {
    const model = net();
    model.setSubmodule('1.0', new nn.Tanh());
    expect(String(model.getSubmodule('1.0'))).to.equal('Tanh()');
    model.setSubmodule('1.2', new nn.Identity());
    expect(Object.keys(model.stateDict())).to.deep.equal(['0.weight', '0.bias', '1.1.weight', '1.1.bias']);
    refused(() => model.setSubmodule('1.9', new nn.Tanh(), { strict: true }), 'ERR_ARGUMENT', 'target');
    refused(() => model.setSubmodule('8.0', new nn.Tanh()), 'ERR_ARGUMENT', 'target');
    refused(() => model.setSubmodule('1.0', torch.ones([1]) as never), 'ERR_ARGUMENT', 'module');
  });
});

describe('modules without memory', () => {
  it('draw no random numbers', () => {
    torch.manualSeed(3);
    const expected = torch.rand([2]).tolist();
    torch.manualSeed(3);
    new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, device: 'meta' });
    expect(torch.rand([2]).tolist()).to.deep.equal(expected);
  });

  it('get it by toEmpty, tied parameters staying tied, and then their state', () => {
    const make = (device: 'cpu' | 'meta') => {
      const model = new nn.Sequential(new nn.Linear(2, 2, { device }), new nn.BatchNorm1d(2, { device }));
      const tied = new nn.Linear(2, 2, { device });
      tied.weight = (model.at(0) as nn.Linear).weight;
      return model.append(tied);
    };
    const source = make('cpu');
    const model = make('meta').toEmpty({ device: 'cpu' });
    expect((model.at(2) as nn.Linear).weight).to.equal((model.at(0) as nn.Linear).weight);
    model.loadStateDict(source.stateDict());
    for (const [name, t] of Object.entries(model.stateDict())) {
      expect([String(t.device), t.tolist()], name).to.deep.equal(['cpu', source.stateDict()[name]!.tolist()]);
    }
    expect(model.forward(torch.ones([3, 2])).shape).to.deep.equal([3, 2]);
  });

  it('lose it by to(), as new parameters with their gradients, tied ones staying tied', () => {
    const linear = new nn.Linear(2, 2);
    const tied = new nn.Linear(2, 2);
    tied.weight = linear.weight;
    const model = new nn.Sequential(linear, new nn.BatchNorm1d(2), tied, new nn.LazyLinear(3));
    const { weight } = linear;
    weight.grad = torch.ones([2, 2]);
    linear.bias!.requiresGrad_(false);
    const types = () => [...model.namedParameters(), ...model.namedBuffers()].map(([name, t]) => [name, t.constructor]);
    const before = types();
    model.to('meta');
    expect(types()).to.deep.equal(before);
    for (const t of [...model.parameters(), ...model.buffers()]) expect(t.device.type).to.equal('meta');
    expect([linear.weight === weight, tied.weight === linear.weight]).to.deep.equal([false, true]);
    expect([weight.device.type, weight.grad!.device.type]).to.deep.equal(['cpu', 'cpu']);
    expect([linear.weight.grad!.device.type, linear.weight.shape]).to.deep.equal(['meta', [2, 2]]);
    expect(model.parameters().map((p) => p.requiresGrad)).to.deep.equal([true, false, true, true, true, true, true]);

    const onMeta = linear.weight;
    model.to({ device: 'meta', dtype: torch.float64 });
    expect([linear.weight === onMeta, onMeta.dtype, onMeta.grad!.dtype]).to.deep.equal([
      true,
      torch.float64,
      torch.float64,
    ]);

    model.toEmpty({ device: 'cpu' });
    expect(types()).to.deep.equal(before);
    expect(tied.weight).to.equal(linear.weight);
    expect(model.forward(torch.ones([3, 2], { dtype: torch.float64 })).shape).to.deep.equal([3, 3]);
  });

  it('or by assign, which shares the memory', () => {
    const model = new nn.Linear(2, 2, { device: 'meta' });
    model.weight.requiresGrad_(false);
    const state = { weight: torch.ones([2, 2]), bias: torch.zeros([2]) };
    model.loadStateDict(state, { assign: true });
    state.weight.fill_(5);
    expect(model.weight.tolist()).to.deep.equal([
      [5, 5],
      [5, 5],
    ]);
    expect([model.weight.requiresGrad, model.bias!.requiresGrad]).to.deep.equal([false, true]);
    expect(model.weight).to.be.instanceOf(nn.Parameter);
  });
});

describe('nn.deepcopy', () => {
  it('copies everything once, hooks, gradients and buffers included', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2), new nn.Linear(2, 2));
    (model.at(2) as nn.Linear).weight = (model.at(0) as nn.Linear).weight;
    model
      .forward(torch.randn([3, 2]))
      .sum()
      .backward();
    let calls = 0;
    model.registerForwardHook(() => void calls++);
    const copy = nn.deepcopy(model);
    expect(String(copy)).to.equal(String(model));
    expect(copy.parameters().length).to.equal(model.parameters().length);
    expect((copy.at(2) as nn.Linear).weight).to.equal((copy.at(0) as nn.Linear).weight);
    for (const [i, p] of copy.parameters().entries()) {
      expect(p).not.to.equal(model.parameters()[i]);
      expect(p.grad!.tolist()).to.deep.equal(model.parameters()[i]!.grad!.tolist());
    }
    copy.call(torch.randn([3, 2]));
    expect(calls).to.equal(1);
    expect(copy.getBuffer('1.num_batches_tracked').item()).to.equal(2);
    expect(model.getBuffer('1.num_batches_tracked').item()).to.equal(1);
    torch.noGrad(() => copy.parameters()[0]!.zero_());
    expect(model.parameters()[0]!.abs().sum().item()).to.be.greaterThan(0);
    expect(Object.keys(copy.stateDict())).to.deep.equal(Object.keys(model.stateDict()));
  });

  it('every layer that has been copied computes what the first does', () => {
    const layers: [nn.Module & { forward(x: Tensor): unknown }, number[]][] = [
      [new nn.Conv2d(1, 2, 3, { padding: 1, paddingMode: 'reflect' }), [1, 1, 4, 4]],
      [new nn.ConvTranspose2d(1, 2, 3), [1, 1, 4, 4]],
      [new nn.LSTM(2, 3, { numLayers: 2 }), [4, 1, 2]],
      [new nn.AdaptiveMaxPool2d([2, null]), [1, 1, 4, 4]],
      [new nn.ReflectionPad1d(1), [1, 1, 4]],
      [new nn.Upsample({ scaleFactor: 2 }), [1, 1, 4]],
      [new nn.TransformerEncoderLayer(4, 2, { dropout: 0 }), [3, 2, 4]],
    ];
    for (const [layer, shape] of layers) {
      const input = torch.randn(shape);
      const first = (result: unknown) => (Array.isArray(result) ? (result[0] as Tensor) : (result as Tensor));
      expect(first(nn.deepcopy(layer).forward(input)).tolist()).to.deep.equal(first(layer.forward(input)).tolist());
    }
  });

  it('refuses results of recorded operations', () => {
    const model = new nn.Identity() as nn.Identity & { cache?: Tensor };
    model.cache = torch.ones([1], { requiresGrad: true }).mul(2);
    refused(() => nn.deepcopy(model), 'ERR_AUTOGRAD', 'leaves');
  });

  it('keeps what a lazy layer waits for', () => {
    const copy = nn.deepcopy(new nn.LazyLinear(3));
    expect(copy.forward(torch.ones([1, 2])).shape).to.deep.equal([1, 3]);
  });
});

describe('lazy layers', () => {
  it('take the shapes of a state dict, and its values stay', () => {
    const state = new nn.Linear(4, 3).stateDict();
    const layer = new nn.LazyLinear(3);
    layer.loadStateDict(state);
    expect(String(layer)).to.equal('LazyLinear(in_features=0, out_features=3, bias=True)');
    layer.forward(torch.ones([1, 4]));
    expect(String(layer)).to.equal('Linear(in_features=4, out_features=3, bias=True)');
    expect(layer.weight.tolist()).to.deep.equal(state.weight!.tolist());
  });

  it('can be moved before their first input', () => {
    const layer = new nn.LazyBatchNorm1d().double();
    layer.forward(torch.ones([2, 4], { dtype: torch.float64 }));
    expect([layer.weight!.dtype.name, layer.running_mean!.shape]).to.deep.equal(['float64', [4]]);
  });

  it('say what is wrong with a first input', () => {
    refused(() => new nn.LazyConv2d(3, 2).forward(torch.ones([4])), 'ERR_SHAPE', 'input', '3 or 4');
    refused(() => new nn.LazyConv2d(4, 2, { groups: 2 }).forward(torch.ones([1, 3, 4, 4])), 'ERR_SHAPE', 'groups');
    refused(() => new nn.LazyConv2d(3, 2, { groups: 2 }), 'ERR_ARGUMENT', 'outChannels');
    refused(() => new nn.LazyBatchNorm1d().forward(torch.ones([4])), 'ERR_SHAPE', 'input');
  });
});

describe('lists and dictionaries of parameters', () => {
  it('own their parameters, and print as in PyTorch', () => {
    const list = new nn.ParameterList([torch.ones([2]), new nn.Parameter(torch.zeros([1, 3]))]);
    list.append(torch.ones([])).set(-1, torch.ones([4]));
    expect(list.namedParameters().map(([name]) => name)).to.deep.equal(['0', '1', '2']);
    expect([list.length, list.at(-1)!.shape]).to.deep.equal([3, [4]]);
    expect(String(list)).to.equal(
      'ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n' +
        '    (1): Parameter containing: [torch.float32 of size 1x3]\n' +
        '    (2): Parameter containing: [torch.float32 of size 4]\n)',
    );
    refused(() => list.set(3, torch.ones([1])), 'ERR_INDEX', 'index');
    refused(() => list.append(3 as never), 'ERR_ARGUMENT', 'value');
  });

  it('by name', () => {
    const table = new nn.ParameterDict({ left: torch.ones([2]), right: torch.ones([3]) });
    table.set('left', torch.zeros([2]));
    expect(table.keys()).to.deep.equal(['left', 'right']);
    expect([...table].map(([, p]) => p.shape)).to.deep.equal([[2], [3]]);
    expect(String(table)).to.equal(
      'ParameterDict(\n    (left): Parameter containing: [torch.FloatTensor of size 2]\n' +
        '    (right): Parameter containing: [torch.FloatTensor of size 3]\n)',
    );
    expect(table.pop('left').tolist()).to.deep.equal([0, 0]);
    expect(new nn.ParameterDict(table).size).to.equal(1);
    refused(() => table.get('left'), 'ERR_ARGUMENT', 'right');
    refused(() => table.update({ right: torch.ones([3]), other: 3 as never }), 'ERR_ARGUMENT', 'other');
    expect(table.get('right').requiresGrad).to.equal(true);
    table.clear();
    expect(table.size).to.equal(0);
  });
});

describe('backward hooks', () => {
  const backward = (model: nn.Module & { forward(x: Tensor): Tensor }, input: Tensor) =>
    model
      .call(input)
      .mul(torch.tensor([1, 2]))
      .sum()
      .backward();

  it('see the gradients of outputs and inputs, in the order of the backward pass', () => {
    const layer = new nn.Linear(2, 2);
    const input = torch.randn([3, 2], { requiresGrad: true });
    const seen: [string, (number[] | undefined)[]][] = [];
    const shapes = (gradients: readonly (Tensor | null)[]) => gradients.map((g) => g?.shape);
    layer.registerFullBackwardPreHook((_, gradOutput) => void seen.push(['pre', shapes(gradOutput)]));
    layer.registerFullBackwardHook((module, gradInput, gradOutput) => {
      expect(module).to.equal(layer);
      seen.push(['in', shapes(gradInput)], ['out', shapes(gradOutput)]);
    });
    backward(layer, input);
    expect(seen).to.deep.equal([
      ['pre', [[3, 2]]],
      ['in', [[3, 2]]],
      ['out', [[3, 2]]],
    ]);
    const expected = torch.tensor([[1, 2]]).matmul(layer.weight.detach());
    expect(input.grad!.sub(expected).abs().max().item()).to.be.lessThan(1e-6);
  });

  it('replace gradients on both sides', () => {
    const layer = new nn.Identity();
    const input = torch.ones([2], { requiresGrad: true });
    layer.registerFullBackwardPreHook((_, [g]) => [g!.mul(10)]);
    layer.registerFullBackwardHook((_, [gradInput], [gradOutput]) => {
      expect(gradOutput!.tolist()).to.deep.equal([10, 20]);
      return [gradInput!.add(1)];
    });
    backward(layer, input);
    expect(input.grad!.tolist()).to.deep.equal([11, 21]);
  });

  it('have places for several arguments and outputs, null for what has no gradient', () => {
    class Two extends nn.Module {
      override forward(a: Tensor, n: number, b: Tensor): [Tensor, Tensor] {
        return [a.mul(n), b.mul(2)];
      }
    }
    const layer = new Two();
    const gradients: (number | undefined)[][] = [];
    layer.registerFullBackwardHook((_, gradInput, gradOutput) => {
      gradients.push(
        gradInput.map((g) => g?.item<number>()),
        gradOutput.map((g) => g?.item<number>()),
      );
    });
    const a = torch.tensor([1], { requiresGrad: true });
    const [y] = layer.call(a, 3, torch.tensor([1]));
    y.backward();
    expect(gradients).to.deep.equal([
      [3, undefined, undefined],
      [1, undefined],
    ]);
    expect(a.grad!.item()).to.equal(3);
  });

  it('are called where no input wants a gradient, but parameters do', () => {
    const layer = new nn.Linear(2, 2);
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((_, gradInput, gradOutput) => void seen.push(gradInput, gradOutput[0]!.shape));
    backward(layer, torch.ones([1, 2]));
    expect(seen).to.deep.equal([[null], [1, 2]]);
    expect(layer.bias!.grad!.tolist()).to.deep.equal([1, 2]);
  });

  it('see the whole model in reverse, and higher derivatives go through', () => {
    const model = new nn.Sequential(new nn.Linear(1, 1), new nn.Tanh(), new nn.Linear(1, 1)).double();
    const order: string[] = [];
    for (const [name, module] of model.namedChildren()) {
      module.registerFullBackwardHook(() => void order.push(name));
    }
    const input = torch.ones([1, 1], { dtype: torch.float64, requiresGrad: true });
    const [first] = torch.autograd.grad(model.call(input), input, { createGraph: true });
    expect(order).to.deep.equal(['2', '1', '0']);
    const [second] = torch.autograd.grad(first!, input);
    const plain = torch.autograd.grad(model.forward(input), input, { createGraph: true })[0]!;
    expect(second!.item()).to.be.closeTo(torch.autograd.grad(plain, input)[0]!.item<number>(), 1e-12);
  });

  it('refuse results of another length', () => {
    const layer = new nn.Identity();
    layer.registerFullBackwardHook(() => []);
    refused(() => backward(layer, torch.ones([2], { requiresGrad: true })), 'ERR_AUTOGRAD', 'array of 1');
  });
});

describe('nn.Buffer', () => {
  class Net extends nn.Module {
    mask: Tensor = new nn.Buffer(torch.ones([2]));
    scratch: Tensor = new nn.Buffer(torch.zeros([1]), { persistent: false });
    weight = new nn.Parameter(torch.ones([1]));
  }

  it('becomes a buffer of the module, saved unless it is told otherwise', () => {
    const net = new Net();
    expect(net.namedBuffers().map(([name]) => name)).to.deep.equal(['mask', 'scratch']);
    expect(Object.keys(net.stateDict())).to.deep.equal(['weight', 'mask']);
    expect(net.parameters().length).to.equal(1);
    net.double();
    expect([net.mask.dtype.name, net.namedBuffers().length]).to.deep.equal(['float64', 2]);
  });

  it('stays one in a copy, also where the module has not looked at it yet', () => {
    const copy = nn.deepcopy(new Net());
    expect(copy.namedBuffers().map(([name]) => name)).to.deep.equal(['mask', 'scratch']);
    expect(Object.keys(copy.stateDict())).to.deep.equal(['weight', 'mask']);
    const average = new optim.swaUtils.AveragedModel(new Net());
    average.updateParameters(new Net());
    expect(average.n_averaged.item()).to.equal(1);
  });

  it('is replaced by tensors only', () => {
    const net = new Net();
    net.stateDict();
    net.mask = torch.zeros([2]);
    expect(net.getBuffer('mask').tolist()).to.deep.equal([0, 0]);
    refused(() => Reflect.set(net, 'mask', 3), 'ERR_ARGUMENT', 'buffer');
    refused(() => new nn.Buffer(3 as never), 'ERR_ARGUMENT', 'data');
  });
});
