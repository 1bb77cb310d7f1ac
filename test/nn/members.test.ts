import { expect } from 'chai';
import fc from 'fast-check';
import torch, { nn, optim, type Tensor, TorchClipError } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { expectUnchanged } from '../unchanged.js';

const any = <T>(value: unknown) => value as T;

describe('nn.Module: a parameter can only be replaced by a parameter', () => {
  // Every layer that holds parameters of its own.
  const layers: nn.Module[] = [
    new nn.Linear(2, 3),
    new nn.Bilinear(2, 3, 4),
    new nn.Conv1d(2, 4, 3),
    new nn.Conv2d(2, 4, 3),
    new nn.Conv3d(2, 4, 3),
    new nn.ConvTranspose1d(2, 4, 3),
    new nn.ConvTranspose2d(2, 4, 3),
    new nn.ConvTranspose3d(2, 4, 3),
    new nn.BatchNorm1d(3),
    new nn.BatchNorm2d(3),
    new nn.BatchNorm3d(3),
    new nn.SyncBatchNorm(3),
    new nn.InstanceNorm1d(3, { affine: true }),
    new nn.LayerNorm(3),
    new nn.RMSNorm(3),
    new nn.GroupNorm(1, 3),
    new nn.Embedding(4, 2),
    new nn.EmbeddingBag(4, 2),
    new nn.PReLU(),
    new nn.RNN(2, 3),
    new nn.LSTM(2, 3),
    new nn.GRU(2, 3),
    new nn.RNNCell(2, 3),
    new nn.LSTMCell(2, 3),
    new nn.GRUCell(2, 3),
  ];
  it('the table holds every layer with parameters of its own', () => {
    const made = new Set(layers.map((layer) => layer.constructor.name));
    const missing = Object.entries(nn).flatMap(([name, Class]) => {
      if (typeof Class !== 'function' || !(Class.prototype instanceof nn.Module) || made.has(name)) return [];
      for (const args of [[], [3], [2, 2], [2, 2, 2], [1, 2, 2]]) {
        try {
          const layer = Reflect.construct(Class, args) as nn.Module;
          return layer.parameters({ recurse: false }).length > 0 ? [name] : [];
        } catch {
          // It wants other arguments.
        }
      }
      return [];
    });
    // Multi-head attention and what is made of it have tests of their own; lazy layers become those of the table.
    expect(missing.filter((name) => !/Attention|Transformer|Instance|^Lazy/.test(name))).deep.equal([]);
  });

  for (const layer of layers) {
    const names = () => layer.namedParameters({ recurse: false }).map(([name]) => name);
    it(`${layer.constructor.name} refuses other tensors, and takes parameters and null`, () => {
      const all = names();
      expect(all.length).greaterThan(0);
      for (const name of all) {
        const set = (value: unknown) => Reflect.set(layer, name, value);
        const before = Reflect.get(layer, name) as nn.Parameter;
        for (const wrong of [torch.ones(before.shape), before.detach(), 1, 'x', [before]]) {
          expect(() => set(wrong)).throw(
            TorchClipError,
            new RegExp(
              `${layer.constructor.name} cannot take .* as its parameter "${name}": it must be a Parameter or null`,
            ),
          );
          expect(Reflect.get(layer, name)).equal(before);
        }
        const fresh = new nn.Parameter(before.detach().clone());
        set(fresh);
        expect(Reflect.get(layer, name)).equal(fresh);
        expect(layer.parameters()).include(fresh);
      }
      expect(names()).deep.equal(all);
    });
  }

  it('a model of the user: as soon as its parameters have been asked for', () => {
    class Net extends nn.Module {
      scale = new nn.Parameter(torch.ones([2]));
      head = new nn.Linear(2, 1);
    }
    const net = new Net();
    const optimizer = new optim.SGD(net.parameters(), { lr: 1 });
    const error = refusalOf(() => {
      net.scale = any<nn.Parameter>(torch.zeros([2]));
    });
    expect(error.message).equal(
      'Net cannot take a Tensor as its parameter "scale": it must be a Parameter or null; to change the values, use copy_() inside torch.noGrad()',
    );
    expect(net.parameters()).deep.equal(optimizer.paramGroups[0]!.params);
    expect(Object.keys(net.stateDict())).deep.equal(['scale', 'head.weight', 'head.bias']);
  });

  it('a bias that a layer does without is not a tensor either', () => {
    const linear = new nn.Linear(2, 1, { bias: false });
    expect(() => {
      linear.bias = any<nn.Parameter>(torch.zeros([1]));
    }).throw(TorchClipError, 'as its parameter "bias"');
    linear.bias = new nn.Parameter(torch.zeros([1]));
    expect(linear.parameters()).length(2);
  });

  it('a buffer stays a tensor or null', () => {
    const norm = new nn.BatchNorm1d(2);
    expect(() => {
      norm.running_mean = any<Tensor>([0, 0]);
    }).throw(
      TorchClipError,
      'BatchNorm1d cannot take [0, 0] as its buffer "running_mean": it must be a Tensor or null',
    );
    norm.running_mean = torch.ones([2]);
    expect(norm.buffers()).include(norm.running_mean);
  });

  it('layers of one class share their properties', () => {
    const of = (layer: nn.Linear) => Object.getOwnPropertyDescriptor(layer, 'weight')!;
    expect(of(new nn.Linear(1, 1)).set).equal(of(new nn.Linear(2, 2)).set);
    const [a, b] = [new nn.Linear(1, 1), new nn.Linear(1, 1)];
    expect(a.weight).not.equal(b.weight);
  });
});

describe('nn.Module: names are in the order in which they were given', () => {
  it('numbers among parameters, buffers and modules', () => {
    const module = new nn.Module();
    const p = () => new nn.Parameter(torch.ones([1]));
    module.registerParameter('10', p());
    module.registerParameter('w', p());
    module.registerParameter('2', p());
    module.registerModule('7', new nn.Linear(1, 1));
    module.registerModule('1', new nn.Linear(1, 1));
    module.registerBuffer('5', torch.ones([1]));
    module.registerBuffer('3', torch.ones([1]));
    expect(module.namedParameters({ recurse: false }).map(([name]) => name)).deep.equal(['10', 'w', '2']);
    expect(module.namedChildren().map(([name]) => name)).deep.equal(['7', '1']);
    expect(module.namedBuffers().map(([name]) => name)).deep.equal(['5', '3']);
    expect(module.parameters({ recurse: false })).deep.equal(['10', 'w', '2'].map((name) => Reflect.get(module, name)));
  });

  const assign = (module: nn.Module, name: string, value: unknown) => Reflect.set(module, name, value);
  const lost = 'JavaScript does not keep the order in which names that are numbers are assigned';

  it('numbers that were assigned as properties are refused where their order is lost, also beside registered ones', () => {
    const p = () => new nn.Parameter(torch.ones([1]));
    const makes: ((module: nn.Module) => void)[] = [
      (module) => ['10', '2'].map((name) => assign(module, name, p())),
      (module) => ['2', '10'].map((name) => assign(module, name, new nn.Identity())),
      (module) => ['w', '0'].map((name) => assign(module, name, p())),
      (module) => ['0', 'w'].map((name) => assign(module, name, new nn.Identity())),
      (module) => {
        assign(module, '5', p());
        module.registerParameter('7', p());
        assign(module, '3', p());
        assign(module, '1', new nn.Identity());
      },
    ];
    for (const make of makes) {
      const module = new nn.Module();
      make(module);
      for (const read of [
        () => module.parameters(),
        () => module.stateDict(),
        () => module.modules(),
        () => module.registerParameter('99', p()),
        () => new nn.Sequential(module).parameters(),
        () => nn.deepcopy(module).parameters(),
      ]) {
        expect(read).throw(TorchClipError, lost).property('code', 'ERR_STATE');
      }
    }
  });

  it('numbers that were assigned one by one between reads keep the order in which they came', () => {
    const name = fc.integer({ min: 0, max: 30 }).map(String);
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, fc.boolean()), { selector: ([n]) => n, maxLength: 8 }), (names) => {
        const module = new nn.Module();
        for (const [key, registered] of names) {
          const value = new nn.Parameter(torch.ones([1]));
          if (registered) module.registerParameter(key, value);
          else assign(module, key, value);
          module.parameters();
        }
        const want = names.map(([key]) => key);
        expect(module.namedParameters().map(([key]) => key)).deep.equal(want);
        expect(Object.keys(module.stateDict())).have.members(want);
        expect(
          nn
            .deepcopy(module)
            .namedParameters()
            .map(([key]) => key),
        ).deep.equal(want);
      }),
      { numRuns: 100 },
    );
  });

  it('a registered module or parameter is replaced by assignment', () => {
    const list = new nn.Sequential(new nn.Linear(1, 1), new nn.ReLU());
    const relu = new nn.GELU();
    list[1] = relu;
    expect(list.children()).deep.equal([list[0], relu]);
  });

  it('any names, as they were registered', () => {
    const name = fc.oneof(
      fc.integer({ min: 0, max: 30 }).map(String),
      fc.constantFrom('4294967294', '4294967295', '01', '-1', '1e3', 'a', 'b'),
    );
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 12 }), (names) => {
        const dict = new nn.ModuleDict();
        for (const key of names) dict.set(key, new nn.Identity());
        expect(dict.keys()).deep.equal(names);
        expect(dict.namedChildren().map(([key]) => key)).deep.equal(names);
        const params = new nn.Module();
        for (const key of names) params.registerParameter(key, new nn.Parameter(torch.ones([1])));
        expect(params.namedParameters().map(([key]) => key)).deep.equal(names);
      }),
      { numRuns: 200 },
    );
  });

  it('a name that was taken out comes back at the end', () => {
    const dict = new nn.ModuleDict(
      new Map([
        ['10', new nn.Identity()],
        ['2', new nn.Identity()],
        ['x', new nn.Identity()],
      ]),
    );
    dict.delete('10');
    dict.set('10', new nn.Identity());
    expect(dict.keys()).deep.equal(['2', 'x', '10']);
  });

  it('ModuleDict and Sequential take pairs and Maps, and refuse objects whose order is lost', () => {
    const a = new nn.Linear(1, 1);
    const b = new nn.Linear(1, 1);
    const pairs: [string, nn.Module][] = [
      ['10', a],
      ['2', b],
    ];
    expect(new nn.ModuleDict(pairs).keys()).deep.equal(['10', '2']);
    expect(new nn.Sequential(new Map(pairs)).children()).deep.equal([a, b]);
    expect(new nn.Sequential({ 0: a, 1: b }).children()).deep.equal([a, b]);
    for (const make of [
      () => new nn.ModuleDict({ '10': a, '2': b }),
      () => new nn.Sequential({ '10': a, '2': b }),
      () => new nn.ModuleDict({ x: a, '0': b }),
    ]) {
      expect(make).throw(TorchClipError, '"modules" must be a Map or an array of pairs where names are numbers');
    }
    expect(() => new nn.Sequential(any<nn.NamedModules>([a, b]))).throw(
      TorchClipError,
      '"modules" must be given one by one, as in new Sequential(...modules)',
    );
  });

  it('lists of many modules count up', () => {
    const list = new nn.ModuleList(Array.from({ length: 120 }, () => new nn.Identity()));
    expect(list.namedChildren().map(([name]) => name)).deep.equal(Array.from({ length: 120 }, (_, i) => String(i)));
    const mixed = new nn.Sequential(new Map([['first', new nn.Identity() as nn.Module]]));
    mixed.append(new nn.ReLU());
    expect(mixed.namedChildren().map(([name]) => name)).deep.equal(['first', '1']);
  });
});

describe('nn.Module: names that JavaScript keeps for itself', () => {
  const p = () => new nn.Parameter(torch.ones([1]));
  for (const name of ['__proto__', 'constructor', 'toString', 'forward', 'training', '', 'a.b']) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      const module = new nn.Module();
      const dict = new nn.ModuleDict();
      const state = () => [module.namedParameters(), module.namedChildren(), dict.keys()];
      const named = JSON.parse(`{${JSON.stringify(name)}: 1}`) as Record<string, unknown>;
      for (const key of Object.keys(named)) named[key] = new nn.ReLU();
      for (const call of [
        () => module.registerParameter(name, p()),
        () => module.registerBuffer(name, torch.ones([1])),
        () => module.registerModule(name, new nn.ReLU()),
        () => dict.set(name, new nn.ReLU()),
        () => new nn.ModuleDict([[name, new nn.ReLU()]]),
        () => new nn.Sequential([[name, new nn.ReLU()]]),
      ]) {
        expectUnchanged(state, call, /"name" must be/);
        expect(Object.getPrototypeOf(module)).equal(nn.Module.prototype);
        expect(Object.getPrototypeOf(dict)).equal(nn.ModuleDict.prototype);
      }
    });
  }

  it('a state dict with the name __proto__ has an unexpected key', () => {
    const saved = JSON.parse('{"__proto__": 1}') as Record<string, Tensor>;
    expect(() => new nn.Linear(1, 1).loadStateDict(saved, { strict: true })).throw(
      TorchClipError,
      'Unexpected key(s) in state_dict: "__proto__"',
    );
    expect(new nn.Module().loadStateDict(saved, { strict: false }).unexpectedKeys).deep.equal(['__proto__']);
  });
});

describe('nn.Module: one that holds itself', () => {
  const cyclic = () => {
    const outer = new nn.Sequential(new nn.Linear(1, 1));
    const inner = new nn.ModuleDict();
    outer.append(inner);
    inner.set('again', outer);
    return outer;
  };

  it('prints, names what it holds and goes to training mode', () => {
    const module = cyclic();
    expect(String(module)).include('(again): Sequential(...)');
    expect(module.modules()).length(3);
    expect(module.parameters()).length(2);
    module.eval();
    expect(module.training).equal(false);
  });

  it('refuses apply and stateDict, which would not end, and works again when it no longer does', () => {
    const module = cyclic();
    let calls = 0;
    const apply = () => module.apply(() => calls++);
    expect(apply).throw(TorchClipError, 'a Sequential holds itself').property('code', 'ERR_STATE');
    expect(() => module.stateDict()).throw(TorchClipError, 'holds itself, at "1.again"');
    (module.at(1) as nn.ModuleDict).delete('again');
    calls = 0;
    apply();
    expect(calls).equal(3);
    expect(Object.keys(module.stateDict())).deep.equal(['0.weight', '0.bias']);
  });

  it('one that is held twice is printed and applied twice', () => {
    const shared = new nn.Linear(1, 1);
    const module = new nn.Sequential(shared, shared);
    expect(String(module).match(/Linear/g)).length(2);
    let calls = 0;
    new nn.ModuleDict({ a: shared, b: new nn.Sequential(shared) }).apply(() => calls++);
    expect(calls).equal(4);
  });
});
