import { expect } from 'chai';
import torch, { nn, type Tensor, TorchClipError } from '../../lib/index.js';
import { refused } from './support.js';

/** A call that TypeScript would refuse. */
const any = <T>(value: unknown) => value as T;

describe('layers refuse arguments that they cannot use', () => {
  const cases: [string, () => unknown, string][] = [
    ['Linear', () => new nn.Linear(-1, 2), 'inFeatures'],
    ['Linear', () => new nn.Linear(2, 2.5), 'outFeatures'],
    ['Linear', () => new nn.Linear(2, any<number>('2')), 'outFeatures'],
    ['Linear', () => new nn.Linear(2, 2, { bias: any<boolean>(1) }), 'bias'],
    ['Linear', () => new nn.Linear(2, 2, any<object>({ biass: true })), 'biass'],
    ['Dropout', () => new nn.Dropout(1.5), '"p"'],
    ['Dropout', () => new nn.Dropout(Number.NaN), '"p"'],
    ['Dropout', () => new nn.Dropout({ p: 0.5, inPlace: true } as object), 'inPlace'],
    ['GELU', () => new nn.GELU({ approximate: any<'tanh'>('erf') }), 'approximate'],
    ['Softmax', () => new nn.Softmax(any<number>(undefined)), 'dim'],
    ['LeakyReLU', () => new nn.LeakyReLU(Infinity), 'negativeSlope'],
    ['Conv2d', () => new nn.Conv2d(3, 4, 0), 'kernelSize'],
    ['Conv2d', () => new nn.Conv2d(3, 4, [3, 3, 3]), 'kernelSize'],
    ['Conv2d', () => new nn.Conv2d(3, 4, 3, { groups: 2 }), 'inChannels'],
    ['Conv2d', () => new nn.Conv2d(4, 5, 3, { groups: 2 }), 'outChannels'],
    ['Conv2d', () => new nn.Conv2d(3, 4, 3, { padding: 'same', stride: 2 }), 'stride'],
    ['Conv2d', () => new nn.Conv2d(3, 4, 3, { padding: any<'same'>('full') }), 'padding'],
    ['Conv2d', () => new nn.Conv2d(3, 4, 3, { paddingMode: any<'zeros'>('mirror') }), 'paddingMode'],
    ['Conv1d', () => new nn.Conv1d(3, 4, 3, { padding: -1 }), 'padding'],
    ['MaxPool2d', () => new nn.MaxPool2d([2]), 'kernelSize'],
    ['AvgPool2d', () => new nn.AvgPool2d(2, { divisorOverride: 0 }), 'divisorOverride'],
    ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d([-1, null]), 'outputSize'],
    ['LayerNorm', () => new nn.LayerNorm([]), 'normalizedShape'],
    ['LayerNorm', () => new nn.LayerNorm(4, { eps: -1 }), 'eps'],
    ['GroupNorm', () => new nn.GroupNorm(3, 4), 'numChannels'],
    ['BatchNorm1d', () => new nn.BatchNorm1d(0), 'numFeatures'],
    ['LSTM', () => new nn.LSTM(0, 4), 'inputSize'],
    ['LSTM', () => new nn.LSTM(4, 4, { projSize: 4 }), 'projSize'],
    ['LSTM', () => new nn.LSTM(4, 4, { numLayers: 0 }), 'numLayers'],
    ['RNN', () => new nn.RNN(4, 4, { nonlinearity: any<'relu'>('gelu') }), 'nonlinearity'],
    ['GRU', () => new nn.GRU(4, 4, { dropout: 2 }), 'dropout'],
    ['GRU', () => new nn.GRU(4, 4, { projSize: 2 } as object), 'projSize'],
    ['MSELoss', () => new nn.MSELoss({ reduction: any<'sum'>('avg') }), 'reduction'],
    ['CrossEntropyLoss', () => new nn.CrossEntropyLoss({ labelSmoothing: 2 }), 'labelSmoothing'],
    ['CrossEntropyLoss', () => new nn.CrossEntropyLoss({ weight: any<Tensor>([1]) }), 'weight'],
    ['Sequential', () => new nn.Sequential({ forward: new nn.ReLU() }), 'forward'],
    ['Sequential', () => new nn.Sequential({ a: any<nn.Module>(1) }), 'module'],
    ['calculateGain', () => nn.init.calculateGain(any<'relu'>('swish')), 'nonlinearity'],
    ['kaimingUniform_', () => nn.init.kaimingUniform_(torch.zeros([2, 2]), { mode: any<'fan_in'>('fan') }), 'mode'],
    ['sparse_', () => nn.init.sparse_(torch.zeros([2, 2]), 2), 'sparsity'],
    ['truncNormal_', () => nn.init.truncNormal_(torch.zeros([2]), { a: 1, b: 0 }), '"a"'],
  ];
  for (const [name, run, word] of cases) it(`${name}: ${word}`, () => refused(run, 'ERR_ARGUMENT', word));

  it('Embedding: paddingIdx outside the table', () => {
    refused(() => new nn.Embedding(3, 2, { paddingIdx: 3 }), 'ERR_INDEX', 'paddingIdx');
  });
  it('init of tensors without fans', () => {
    refused(() => nn.init.xavierNormal_(torch.zeros([3])), 'ERR_SHAPE', 'tensor');
    refused(() => nn.init.orthogonal_(torch.zeros([3])), 'ERR_SHAPE', 'tensor');
    refused(() => nn.init.eye_(torch.zeros([3])), 'ERR_SHAPE', 'tensor');
  });
});

describe('layers refuse more layers than can be made', () => {
  const makes: Record<string, (count: number) => unknown> = {
    LSTM: (numLayers) => new nn.LSTM(2, 2, { numLayers }),
    GRU: (numLayers) => new nn.GRU(2, 2, { numLayers }),
    'Transformer, encoder': (numEncoderLayers) => new nn.Transformer({ dModel: 4, nhead: 1, numEncoderLayers }),
    'Transformer, decoder': (numDecoderLayers) => new nn.Transformer({ dModel: 4, nhead: 1, numDecoderLayers }),
  };
  for (const [name, make] of Object.entries(makes)) {
    it(name, () => expect(() => make(2 ** 31)).throw(TorchClipError, /to 65536, got 2147483648/));
  }
});

describe('layers refuse inputs that they cannot use', () => {
  it('recurrent networks: shapes and dtypes of input and hidden state', () => {
    const lstm = new nn.LSTM(4, 5);
    refused(() => lstm.forward(torch.zeros([4])), 'ERR_SHAPE', 'input');
    refused(() => lstm.forward(torch.zeros([2, 3, 5])), 'ERR_SHAPE', 'inputSize');
    refused(() => lstm.forward(torch.zeros([2, 3, 4], { dtype: torch.float64 })), 'ERR_DTYPE', 'float32');
    const [h, c] = [torch.zeros([1, 3, 5]), torch.zeros([1, 2, 5])];
    refused(() => lstm.forward(torch.zeros([2, 3, 4]), [h, c]), 'ERR_SHAPE', 'hidden', '[1, 3, 5]');
    refused(() => lstm.forward(torch.zeros([2, 3, 4]), any<[Tensor, Tensor]>([h])), 'ERR_ARGUMENT', 'hidden');
    refused(() => new nn.GRU(4, 5).forward(torch.zeros([2, 4]), h), 'ERR_SHAPE', '[1, 5]');
    refused(() => new nn.RNN(4, 5).forward(torch.zeros([2, 3, 4]), any<Tensor>('h')), 'ERR_ARGUMENT', 'hidden');
    refused(() => lstm.forward(any<Tensor>([[1]])), 'ERR_ARGUMENT', 'input');
  });
  it('batch normalisation: dimensions, and one value a channel', () => {
    refused(() => new nn.BatchNorm1d(2).forward(torch.zeros([2, 2, 2, 2])), 'ERR_SHAPE', 'input');
    refused(() => new nn.BatchNorm2d(2).forward(torch.zeros([2, 2])), 'ERR_SHAPE', 'input');
    refused(() => new nn.BatchNorm1d(2).forward(torch.zeros([1, 2])), 'ERR_SHAPE', 'more than 1 value');
    expect(new nn.BatchNorm1d(2).eval().forward).to.be.a('function');
  });
  it('binary cross entropy: another shape of the target', () => {
    refused(() => new nn.BCELoss().forward(torch.zeros([2]), torch.zeros([2, 1])), 'ERR_SHAPE', 'target');
    refused(() => new nn.BCEWithLogitsLoss().forward(torch.zeros([2]), torch.zeros([3])), 'ERR_SHAPE', 'target');
  });
  it('no tensor at all', () => {
    const bad = any<Tensor>(3);
    for (const layer of [
      new nn.Linear(2, 2),
      new nn.ReLU(),
      new nn.Conv2d(1, 1, 1),
      new nn.Flatten(),
      new nn.Dropout(),
    ]) {
      refused(() => layer.forward(bad), 'ERR_ARGUMENT');
    }
  });
  it('a disposed tensor', () => {
    const x = torch.zeros([2, 2]);
    x.dispose();
    refused(() => new nn.Linear(2, 2).forward(x), 'ERR_DISPOSED');
    refused(() => new nn.LSTM(2, 2).forward(x), 'ERR_DISPOSED');
  });
});

describe('losses warn once of sizes that broadcast', () => {
  it('[n, 1] against [n]', async () => {
    const seen: string[] = [];
    const listen = (warning: Error) => seen.push(warning.message);
    process.on('warning', listen);
    const loss = new nn.MSELoss();
    loss.forward(torch.zeros([3]), torch.zeros([3]));
    for (let i = 0; i < 2; i++) loss.forward(torch.zeros([3, 1]), torch.zeros([3]));
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(seen).to.deep.equal(['MSELoss broadcasts an input of shape [3, 1] and a target of shape [3]']);
  });
});

describe('options may stand alone or by name', () => {
  it('as PyTorch takes them by position or keyword', () => {
    const pairs: [nn.Module, nn.Module][] = [
      [new nn.Dropout(0.1), new nn.Dropout({ p: 0.1 })],
      [new nn.Dropout(0.1, { inplace: true }), new nn.Dropout({ p: 0.1, inplace: true })],
      [new nn.LeakyReLU(0.2), new nn.LeakyReLU({ negativeSlope: 0.2 })],
      [new nn.ELU(2), new nn.ELU({ alpha: 2 })],
      [new nn.Softplus(2, 5), new nn.Softplus({ beta: 2, threshold: 5 })],
      [new nn.Softmax(1), new nn.Softmax({ dim: 1 })],
      [new nn.Flatten(0, 1), new nn.Flatten({ startDim: 0, endDim: 1 })],
    ];
    for (const [a, b] of pairs) expect(String(a)).to.equal(String(b));
  });
});

describe('containers', () => {
  it('Sequential passes on, indexes, grows, and is typed by its first and last module', () => {
    const model = new nn.Sequential(new nn.Linear(4, 3), new nn.LSTM(3, 2));
    const [output, [h, c]] = model.forward(torch.zeros([5, 4]));
    expect([output.shape, h.shape, c.shape]).to.deep.equal([
      [5, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(model.length).to.equal(2);
    expect(model[0]).to.equal(model.at(-2));
    const grown = new nn.Sequential(new nn.Linear(2, 2)).append(new nn.ReLU()).append(new nn.Linear(2, 1));
    expect(grown.forward(torch.zeros([3, 2])).shape).to.deep.equal([3, 1]);
    expect([...grown].map((m) => m.constructor.name)).to.deep.equal(['Linear', 'ReLU', 'Linear']);
    const x = torch.ones([1]);
    expect(new nn.Sequential().forward(x)).to.equal(x);
  });

  it('Sequential can be extended', () => {
    class Block extends nn.Sequential {
      constructor(size: number) {
        super(new nn.Linear(size, size), new nn.ReLU());
      }
    }
    expect(new Block(3).forward(torch.zeros([2, 3])).shape).to.deep.equal([2, 3]);
    expect(String(new Block(3)).startsWith('Block(\n  (0): Linear')).to.equal(true);
  });

  it('replacing a module of a Sequential by its index takes effect', () => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.Identity());
    model[0] = new nn.Linear(2, 5);
    expect(model.forward(torch.zeros([1, 2])).shape).to.deep.equal([1, 5]);
  });

  it('ModuleList and ModuleDict own their modules', () => {
    class Net extends nn.Module {
      layers = new nn.ModuleList([new nn.Linear(2, 2), new nn.Linear(2, 2)]);
      heads = new nn.ModuleDict({ a: new nn.Linear(2, 1), b: new nn.Identity() });
      override forward(x: Tensor): Tensor {
        for (const layer of this.layers) x = layer.forward(x);
        return this.heads.get('a').forward(x);
      }
    }
    const net = new Net();
    expect(net.forward(torch.zeros([3, 2])).shape).to.deep.equal([3, 1]);
    expect(net.namedParameters().map(([name]) => name)).to.deep.equal([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'heads.a.weight',
      'heads.a.bias',
    ]);
    expect([net.heads.size, net.heads.keys(), net.heads.has('c')]).to.deep.equal([2, ['a', 'b'], false]);
    expect(net.heads.delete('b')).to.equal(true);
    expect([...net.heads]).to.have.length(1);
    refused(() => net.heads.get(any<'a'>('zz')), 'ERR_ARGUMENT', 'name');
    refused(() => net.heads.forward(), 'ERR_STATE', 'ModuleDict');
    refused(() => new nn.ModuleDict({ get: new nn.ReLU() }), 'ERR_ARGUMENT', 'get');
    expect(net.layers.extend([new nn.Linear(2, 2)]).length).to.equal(3);
  });
});

describe('modules made inside a scope', () => {
  it('keep their parameters and buffers', () => {
    let model: nn.Module | undefined;
    torch.scope(() => {
      model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2)).double();
    });
    expect([...model!.parameters(), ...model!.buffers()].some((t) => t.isDisposed)).to.equal(false);
  });
});
