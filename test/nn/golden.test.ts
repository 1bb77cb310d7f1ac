import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { decode, decodeAll, dtypeNamed, expectClose, expectSame, flat, type Golden, golden } from './support.js';

interface Case {
  module: string;
  args: unknown[];
  options: Record<string, unknown>;
  dtype: string | null;
  train: boolean;
  repr: string;
  state: Record<string, Golden>;
  inputs: unknown[];
  outputs: Golden[];
  inputGrads: (Golden | null)[];
  grads: Record<string, Golden>;
  buffers: Record<string, Golden>;
}

const SEED = 1234;
type Make = new (...args: unknown[]) => nn.Module & { forward(...input: unknown[]): unknown };

function build(c: Case) {
  const options = { ...(decodeAll(c.options) as object), ...(c.dtype ? { dtype: dtypeNamed(c.dtype) } : {}) };
  const Layer = (nn as unknown as Record<string, Make>)[c.module]!;
  torch.manualSeed(SEED);
  return new Layer(...c.args, options);
}

/** The gradient that scripts/golden/nn.py sends into every output: cos(0), cos(1), ... */
function pull(outputs: Tensor[]): void {
  const real = outputs.filter((o) => o.requiresGrad);
  if (real.length === 0) return;
  const sums = real.map((o) => o.mul(torch.arange(o.numel(), { dtype: o.dtype }).cos().reshape(o.shape)).sum());
  sums.reduce((a, b) => a.add(b)).backward();
}

function check(c: Case): void {
  const layer = build(c).train(c.train) as ReturnType<typeof build>;
  expect(Object.keys(layer.stateDict()), 'names').to.deep.equal(Object.keys(c.state));
  for (const [name, t] of Object.entries(layer.stateDict())) expectSame(t, c.state[name]!, name);
  expect(String(layer)).to.equal(c.repr);

  const loss = c.module.endsWith('Loss');
  const leaves = flat(c.inputs.map(decodeAll));
  for (const [i, t] of leaves.entries()) if (t.dtype.isFloatingPoint && !(loss && i > 0)) t.requiresGrad_();
  // An in-place layer may not write into a leaf that wants a gradient.
  const fed = leaves.map((t) => (c.options.inplace ? t.mul(1) : t));
  const feed = (shape: unknown): unknown => (Array.isArray(shape) ? shape.map(feed) : (fed.shift() as Tensor));
  const inputs = c.inputs.map((v) => (Array.isArray(v) ? feed(v) : fed.shift()));
  torch.manualSeed(SEED + 1);
  const outputs = flat(layer.forward(...inputs));
  expect(outputs.length).to.equal(c.outputs.length);
  for (const [i, o] of outputs.entries()) expectClose(o, c.outputs[i]!, `output ${i}`);

  pull(outputs);
  leaves.forEach((t, i) => {
    const want = c.inputGrads[i];
    if (want) expectClose(t.grad!, want, `gradient of input ${i}`);
    else expect(t.grad, `gradient of input ${i}`).to.equal(null);
  });
  for (const [name, p] of layer.namedParameters()) {
    const want = c.grads[name];
    if (want) expectClose(p.grad!, want, `gradient of ${name}`);
    else expect(p.grad, `gradient of ${name}`).to.equal(null);
  }
  expect(layer.namedBuffers().map(([name]) => name)).to.deep.equal(Object.keys(c.buffers));
  for (const [name, b] of layer.namedBuffers()) expectClose(b, c.buffers[name]!, name);
}

function title(c: Case): string {
  const options = Object.entries({
    ...c.options,
    ...(c.dtype ? { dtype: c.dtype } : {}),
    ...(c.train ? {} : { eval: '' }),
  });
  const shown = options.map(
    ([k, v]) => `${k}: ${typeof v === 'object' && v && 'data' in v ? 'tensor' : JSON.stringify(v)}`,
  );
  const shapes = flat(c.inputs.map(decodeAll)).map((t) => `[${t.shape}]`);
  return `${c.module}(${[...c.args.map((a) => JSON.stringify(a)), ...shown].join(', ')}) of ${shapes.join(', ')}`;
}

describe('nn layers have the weights, outputs and gradients of PyTorch', () => {
  for (const c of golden<Case[]>('nn-layers')) it(title(c), () => check(c));
});

describe('nn losses have the values and gradients of PyTorch', () => {
  for (const c of golden<Case[]>('nn-losses')) it(title(c), () => check(c));
});

describe('nn.init draws what PyTorch draws', () => {
  interface Init {
    name: string;
    shape: number[];
    options: Record<string, unknown>;
    value: Golden;
  }
  const file = golden<{
    seed: number;
    gains: { nonlinearity: string; param: number | null; gain: number }[];
    cases: Init[];
  }>('nn-init');
  const init = nn.init as unknown as Record<string, (t: Tensor, ...args: unknown[]) => Tensor>;
  for (const c of file.cases) {
    it(`${c.name} of [${c.shape}] with ${JSON.stringify(c.options)}`, () => {
      const { val, sparsity, ...options } = c.options;
      const positional = [val, sparsity].filter((v) => v !== undefined);
      const t = torch.empty(c.shape);
      torch.manualSeed(file.seed);
      expect(init[c.name]!(t, ...positional, options)).to.equal(t);
      // QR's own rounding depends on the build of LAPACK.
      (c.name === 'orthogonal_' ? expectClose : expectSame)(t, c.value, c.name);
    });
  }

  it('calculateGain', () => {
    for (const { nonlinearity, param, gain } of file.gains) {
      expect(nn.init.calculateGain(nonlinearity as 'relu', param), nonlinearity).to.equal(gain);
    }
  });
});

describe('nested modules have the weights, names and printed form of PyTorch', () => {
  const expected = golden<Record<string, { repr: string; state: Record<string, Golden> }>>('nn-modules');
  const builders: Record<string, () => nn.Module> = {
    mlp: () => new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(8, 3)),
    conv: () =>
      new nn.Sequential(
        new nn.Conv2d(3, 4, 3, { padding: 1 }),
        new nn.BatchNorm2d(4),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(48, 2),
      ),
    named: () =>
      new nn.Sequential({
        first: new nn.Linear(4, 4),
        inner: new nn.Sequential(new nn.Tanh(), new nn.Linear(4, 2, { bias: false })),
      }),
    list: () => new nn.ModuleList([...[0, 1, 2].map(() => new nn.Linear(4, 4)), new nn.ReLU()]),
    dict: () =>
      new nn.ModuleDict({ rnn: new nn.LSTM(4, 3, { numLayers: 2, batchFirst: true }), head: new nn.Linear(3, 2) }),
    empty: () => new nn.Sequential(),
  };
  it('all of them, built in one order from one seed', () => {
    torch.manualSeed(SEED);
    for (const [name, want] of Object.entries(expected)) {
      const module = builders[name]!();
      expect(String(module)).to.equal(want.repr);
      const state = module.stateDict();
      expect(Object.keys(state)).to.deep.equal(Object.keys(want.state));
      for (const [key, t] of Object.entries(state)) expectSame(t, want.state[key]!, `${name}.${key}`);
    }
  });

  it('a state dict of PyTorch loads', () => {
    const want = expected.dict!.state;
    const module = builders.dict!();
    const state = Object.fromEntries(Object.entries(want).map(([key, g]) => [key, decode(g)]));
    expect(module.loadStateDict(state)).to.deep.equal({ missingKeys: [], unexpectedKeys: [] });
    for (const [key, t] of Object.entries(module.stateDict())) expectSame(t, want[key]!, key);
  });
});
