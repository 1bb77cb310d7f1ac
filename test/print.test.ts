import { inspect } from 'node:util';
import { expect } from 'chai';
import torch, { type Tensor } from '../lib/index.js';
import { shortest } from '../lib/print/numbers.js';
import { type Bytes, decode, golden, refusalOf } from './support.js';

interface Golden {
  tensors: { tensor: Bytes; text: string }[];
  graph: { expression: string; text: string }[];
  sparse: { expression: string; text: string }[];
  kinds: Record<string, string>;
  options: [{ tensor: Bytes }, ...{ options: Record<string, unknown>; text: string }[]];
  floats: string[];
}

const expected = golden<Golden>('print');

describe('printing', () => {
  afterEach(() => torch.setPrintOptions({ profile: 'default' }));

  for (const [i, { tensor, text }] of expected.tensors.entries()) {
    it(`prints tensor ${i}, ${tensor.dtype} [${tensor.shape}], as PyTorch does`, () => {
      expect(String(decode(tensor))).to.equal(text);
    });
  }

  it('writes single numbers as Python does', () => {
    const numberOf = (text: string) => Number(text.replace('inf', 'Infinity'));
    expect(expected.floats.map((text) => shortest(numberOf(text)))).to.deep.equal(expected.floats);
  });

  it('names the gradient function or says that a gradient is required', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const m = torch.arange(12, { dtype: torch.float64 }).reshape(3, 4).detach().requiresGrad_();
    const wide = torch.linspace(0, 1, 9, { requiresGrad: true });
    const made: Record<string, Tensor> = {
      x,
      'x + x': x.add(x),
      'x.sum()': x.sum(),
      m,
      'm * m': m.mul(m),
      wide,
      'wide.exp()': wide.exp(),
      'x.view(2, 1)': x.view(2, 1),
    };
    for (const { expression, text } of expected.graph) expect(String(made[expression]), expression).to.equal(text);
  });

  it('prints sparse tensors by their indices and values', () => {
    const coo = torch.sparseCooTensor(
      torch.tensor([
        [0n, 1n],
        [2n, 0n],
      ]),
      torch.tensor([3, 4]),
      [2, 3],
    );
    const csr = torch
      .tensor([
        [0, 1],
        [2, 0],
      ])
      .toSparseCsr();
    const none = torch.sparseCooTensor(torch.zeros([2, 0], { dtype: torch.int64 }), torch.zeros([0]), [2, 3]);
    const made: Record<string, Tensor> = { coo, csr, empty: none };
    for (const { expression, text } of expected.sparse) expect(String(made[expression]), expression).to.equal(text);
  });

  const eye = torch.eye(2);
  const matrix = torch.tensor([
    [1, -2.5],
    [3, 0.26],
  ]);
  const quantized = torch.quantizePerTensor;
  const [scales, whole, half] = [torch.tensor([0.1, 0.25]), torch.tensor([0n, 1n]), torch.tensor([0, 0.5])];
  const complex = () => torch.complex(torch.tensor([1]), torch.tensor([2]));
  const kinds: Record<string, () => Tensor> = {
    quint8: () => quantized(torch.tensor([1, 2]), 0.1, 0, torch.quint8),
    qint8: () => quantized(matrix, 0.5, 3, torch.qint8),
    qint32: () => quantized(matrix, 0.5, -1, torch.qint32),
    'small scale': () => quantized(torch.tensor([1, 2]), 1e-7, 0, torch.quint8),
    'quantized scalar': () => quantized(torch.tensor(1.5), 0.1, 3, torch.quint8),
    'quantized, empty': () => quantized(torch.zeros([0]), 0.1, 0, torch.quint8),
    'many quantized': () => quantized(torch.arange(1200).float().reshape([2, 600]), 10, 0, torch.quint8),
    'per channel': () => torch.quantizePerChannel(matrix, scales, whole, 0, torch.qint8),
    'per channel, fractions': () => torch.quantizePerChannel(matrix, scales, half, 1, torch.quint8),
    csc: () => eye.toSparseCsc(),
    bsr: () => eye.toSparseBsr([1, 1]),
    'complex sparse': () => eye.to({ dtype: torch.complex64 }).toSparse(),
    'sparse with a gradient': () => eye.toSparse().requiresGrad_(),
    meta: () => torch.empty([2, 3], { device: 'meta', dtype: torch.int64 }),
    'sparse meta': () => eye.toSparse().to({ device: 'meta' }),
    'csr meta': () => eye.toSparseCsr().to({ device: 'meta' }),
    conjugate: () => complex().conj(),
    'negative view': () => torch.imag(complex().conj()),
    float8_e4m3fn: () => eye.to({ dtype: torch.float8E4m3fn }),
    float8_e5m2: () => eye.to({ dtype: torch.float8E5m2 }),
    uint16: () => torch.tensor([1, 2], { dtype: torch.uint16 }),
    complex32: () => complex().to({ dtype: torch.complex32 }),
  };
  for (const [name, text] of Object.entries(expected.kinds)) {
    it(`prints what is more than elements as PyTorch does: ${name}`, () => {
      expect([String(kinds[name]!()), inspect(kinds[name]!())]).deep.equal([text, text]);
    });
  }

  it('follows the print options', () => {
    const [{ tensor }, ...cases] = expected.options;
    const t = decode(tensor);
    for (const { options, text } of cases) {
      const { sci_mode: sciMode = null, ...rest } = options;
      torch.setPrintOptions({ ...rest, sciMode: sciMode as boolean | null });
      expect(String(t), JSON.stringify(options)).to.equal(text);
      torch.setPrintOptions({ profile: 'default' });
    }
  });

  it('is what console.log shows', () => {
    expect(inspect(torch.tensor([1, 2]))).to.equal('tensor([1., 2.])');
    expect(inspect({ a: torch.tensor(true) })).to.equal('{ a: tensor(True) }');
    expect(`${torch.zeros([2], { device: 'meta' })}`).to.equal("tensor(..., device='meta', size=(2,))");
    expect(inspect([torch.float32, torch.channelsLast, torch.zeros([1]).device])).to.equal(
      "[ torch.float32, torch.channels_last, device('cpu') ]",
    );
  });

  it('prints a disposed tensor without failing', () => {
    const t = torch.zeros([2]);
    t.dispose();
    expect(String(t)).to.equal('tensor(<disposed>)');
  });

  it('leaves the grad mode and the graph alone', () => {
    const x = torch.ones([3], { requiresGrad: true });
    const y = x.mul(2);
    String(y);
    expect(torch.isGradEnabled()).to.equal(true);
    y.sum().backward();
    expect(x.grad!.tolist()).to.deep.equal([2, 2, 2]);
  });

  it('refuses options that make no sense, and keeps the old ones', () => {
    for (const bad of [
      { precision: -1 },
      { linewidth: 0 },
      { edgeitems: 1.5 },
      { sciMode: 1 },
      { width: 3 },
      { profile: 'x' },
    ]) {
      expect(refusalOf(() => torch.setPrintOptions(bad as never)).code, JSON.stringify(bad)).to.equal('ERR_ARGUMENT');
    }
    expect(torch.getPrintOptions()).to.deep.equal({
      precision: 4,
      threshold: 1000,
      edgeitems: 3,
      linewidth: 80,
      sciMode: null,
    });
  });
});
