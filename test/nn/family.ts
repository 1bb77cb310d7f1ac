import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { dtypeNamed, flat } from './support.js';

/** A module or a function of `nn` with what it is given; strings such as `randn[2,3]` are tensors. */
export interface Case {
  module?: string;
  function?: string;
  args?: unknown[];
  options?: Record<string, unknown>;
  /** Functions that the module goes through first. */
  prepare?: { call: string; args?: unknown[]; options?: Record<string, unknown> }[];
  inputs?: unknown[];
  forward?: Record<string, unknown>;
  /** The only version whose values these are, where others compute something else. */
  libtorch?: string;
}

/** At most 16 elements of a tensor, evenly spaced, and after them the sum of all, weighted by cos(0), cos(1), ... */
export interface Digest {
  dtype: string;
  shape: number[];
  data: string;
}

/** What PyTorch gave in one dtype and mode. */
export interface Result {
  dtype: string;
  train: boolean;
  repr?: string;
  /** Where the first input changes it. */
  reprAfter?: string;
  state?: Record<string, Digest>;
  outputs: Digest[];
  inputGrads: (Digest | null)[];
  grads?: Record<string, Digest>;
  buffers?: Record<string, Digest>;
}

const SEED = 1234;
const SPEC = /^(\w+)(?:\(([^)]*)\))?\[([\d,]*)\](?:@(\d+))?(!?)$/;

type Draw = (shape: number[], generator: torch.Generator, ...numbers: number[]) => Tensor;
const KINDS: Record<string, Draw> = {
  randn: (shape, generator) => torch.randn(shape, { generator }),
  rand: (shape, generator) => torch.rand(shape, { generator }),
  positive: (shape, generator) => torch.rand(shape, { generator }).add(0.1),
  randint: (shape, generator, low, high) => torch.randint(low!, high!, shape, { generator }),
  sign: (shape, generator) => torch.randint(0, 2, shape, { generator }).mul(2).sub(1),
  signs: (shape, generator) =>
    torch.randint(0, 2, shape, { generator }).to({ dtype: torch.getDefaultDtype() }).mul(2).sub(1),
  mask: (shape, generator) => torch.rand(shape, { generator }).gt(0.5),
  logsoftmax: (shape, generator) => torch.randn(shape, { generator }).logSoftmax(-1),
  softmax: (shape, generator) => torch.randn(shape, { generator }).softmax(1),
  tril: (shape) => torch.ones(shape, { dtype: torch.bool }).tril(),
  causal: (shape) => torch.full(shape, Number.NEGATIVE_INFINITY).triu(1),
};

/** Draws what a case names, as scripts/golden/nn_cases.py does. */
class Inputs {
  readonly leaves: Tensor[] = [];
  #count = 0;

  draw(value: unknown, copied = false): unknown {
    if (Array.isArray(value)) return value.map((v) => this.draw(v, copied));
    if (typeof value === 'object' && value !== null) {
      if ('tensor' in value) {
        const { tensor, dtype } = value as { tensor: number[]; dtype?: string };
        return torch.tensor(tensor, { dtype: dtypeNamed(dtype ?? 'int64') });
      }
      if ('packed' in value) {
        const { packed, sorted = false } = value as { packed: string[]; sorted?: boolean };
        const sequences = packed.map((v) => this.draw(v) as Tensor);
        return nn.utils.rnn.packSequence(sequences, { enforceSorted: sorted });
      }
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.draw(v, copied)]));
    }
    const found = typeof value === 'string' ? SPEC.exec(value) : null;
    if (!found) return value;
    const [, kind, numbers, shape, seed, constant] = found;
    const generator = new torch.Generator().manualSeed(seed ? Number(seed) : 7 + this.#count);
    this.#count++;
    const sizes = shape === '' ? [] : shape!.split(',').map(Number);
    const t = KINDS[kind!]!(sizes, generator, ...(numbers?.split(',').map(Number) ?? []));
    if (!t.dtype.isFloatingPoint || constant) return t;
    this.leaves.push(t.requiresGrad_());
    // An in-place function may not write into a leaf that requires a gradient.
    return copied ? t.mul(1) : t;
  }
}

function expectDigest(t: Tensor, want: Digest, what: string, exact = false): void {
  expect([t.dtype.name, t.shape], what).to.deep.equal([want.dtype, want.shape]);
  const bytes = Buffer.from(want.data, 'base64');
  const values = new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
  );
  const dense = (t.layout === torch.sparseCoo ? t.detach().toDense() : t.detach()).to({ dtype: torch.float64 });
  const all = dense.reshape([-1]).contiguous().toTypedArray() as Float64Array;
  const count = values.length - 1;
  const rounding = want.dtype === 'float64' ? 1e-12 : 4e-6;
  const near = (have: number, value: number, allowed: number, where: string) => {
    if (Object.is(have, value) || have === value) return;
    expect(Math.abs(have - value), `${what}${where}: ${have} for ${value}`).to.be.at.most(allowed);
  };
  for (let i = 0; i < count; i++) {
    const at = Math.floor((i * all.length) / count);
    near(all[at]!, values[i]!, exact ? 0 : rounding * (1 + Math.abs(values[i]!)), `[${at}]`);
  }
  const size = all.reduce((sum, x) => sum + (Number.isFinite(x) ? Math.abs(x) : 0), 1);
  near(
    all.reduce((sum, x, i) => sum + x * Math.cos(i), 0),
    values[count]!,
    (exact ? 1e-13 : rounding) * size,
    ' in sum',
  );
}

/** The gradient that the script sends into every output: cos(0), cos(1), ... */
function pull(outputs: readonly Tensor[]): void {
  const real = outputs.filter((o) => o.requiresGrad);
  if (real.length === 0) return;
  const sums = real.map((o) => o.mul(torch.arange(o.numel(), { dtype: o.dtype }).cos().reshape(o.shape)).sum());
  sums.reduce((a, b) => a.add(b)).backward();
}

type Make = new (...args: unknown[]) => nn.Module & { forward(...input: unknown[]): unknown };

/** A function by its name; of nn.functional where it has no dot. */
function functionAt(path: string): (...args: unknown[]) => unknown {
  let at: unknown = torch;
  for (const step of (path.includes('.') ? path : `nn.functional.${path}`).split('.'))
    at = (at as Record<string, unknown>)[step];
  return at as (...args: unknown[]) => unknown;
}

/** The tensors of a result, those of packed sequences included. */
function tensorsOf(value: unknown): Tensor[] {
  if (Array.isArray(value)) return value.flatMap(tensorsOf);
  if (value instanceof nn.utils.rnn.PackedSequence) {
    return flat([value.data, value.batchSizes, value.sortedIndices, value.unsortedIndices]);
  }
  return flat(value);
}

/** The module of a case. */
function made(c: Case, inputs: Inputs, tail: readonly unknown[], train = true): InstanceType<Make> {
  const fixed = (c.args ?? []).map((a) => inputs.draw(a));
  for (const leaf of inputs.leaves) leaf.requiresGrad_(false);
  inputs.leaves.length = 0;
  const Layer = (nn as unknown as Record<string, Make>)[c.module!]!;
  const module = new Layer(...fixed, ...tail).train(train);
  for (const { call, args = [], options: how } of c.prepare ?? []) {
    const extra = args.map((a) => inputs.draw(a));
    functionAt(call)(module, ...extra, ...(how === undefined ? [] : [how]));
  }
  return module;
}

/** What the module of a case is called with. */
const given = (c: Case, inputs: Inputs, copied: boolean): unknown[] => [
  ...(c.inputs ?? []).map((a) => inputs.draw(a, copied)),
  ...(c.forward === undefined ? [] : [inputs.draw(c.forward)]),
];

/** The cases of every file, of each module the first. */
export function casesOfModules(): Map<string, Case> {
  const found = new Map<string, Case>();
  for (const file of readdirSync(new URL('cases', import.meta.url)).sort()) {
    if (!file.endsWith('.json')) continue;
    for (const c of JSON.parse(readFileSync(new URL(`cases/${file}`, import.meta.url), 'utf8')) as Case[]) {
      if (c.module && !c.prepare && !found.has(c.module)) found.set(c.module, c);
    }
  }
  return found;
}

/** A new module of a case, and what it is called with. */
export function moduleOf(c: Case): { module: InstanceType<Make>; inputs: unknown[] } {
  const inputs = new Inputs();
  const options = inputs.draw(c.options ?? {}) as Record<string, unknown>;
  const module = made(c, inputs, Object.keys(options).length > 0 ? [options] : []);
  return { module, inputs: given(c, inputs, Boolean(options.inplace)) };
}

function check(c: Case, want: Result): void {
  const inputs = new Inputs();
  const options = inputs.draw(c.options ?? {}) as Record<string, unknown>;
  const tail = Object.keys(options).length > 0 ? [options] : [];
  torch.manualSeed(SEED);
  const copied = Boolean(options.inplace);
  let outputs: Tensor[];
  let module: InstanceType<Make> | undefined;
  if (c.function) {
    const args = (c.args ?? []).map((a) => inputs.draw(a, copied));
    torch.manualSeed(SEED + 1);
    outputs = tensorsOf(functionAt(c.function)(...args, ...tail));
  } else {
    module = made(c, inputs, tail, want.train);
    expect(String(module)).to.equal(want.repr);
    const lazy = (t: Tensor) => 'materialize' in t;
    const state = Object.fromEntries(Object.entries(module.stateDict({ keepVars: true })).filter(([, t]) => !lazy(t)));
    expect(Object.keys(state), 'names').to.deep.equal(Object.keys(want.state!));
    for (const [name, t] of Object.entries(state)) expectDigest(t, want.state![name]!, name, !c.prepare);
    const fed = given(c, inputs, copied);
    torch.manualSeed(SEED + 1);
    outputs = [];
    for (let i = 0; i < (c.prepare ? 2 : 1); i++) outputs.push(...tensorsOf(module.forward(...fed)));
  }
  if (module) expect(String(module)).to.equal(want.reprAfter ?? want.repr);
  expect(outputs.length, 'outputs').to.equal(want.outputs.length);
  for (const [i, o] of outputs.entries()) expectDigest(o, want.outputs[i]!, `output ${i}`);
  pull(outputs);
  const gradient = (t: Tensor, digest: Digest | null | undefined, what: string) => {
    if (digest) expectDigest(t.grad!, digest, what);
    else expect(t.grad, what).to.equal(null);
  };
  for (const [i, t] of inputs.leaves.entries()) gradient(t, want.inputGrads[i], `gradient of input ${i}`);
  if (!module) return;
  for (const [name, p] of module.namedParameters()) gradient(p, want.grads?.[name], `gradient of ${name}`);
  expect(module.namedBuffers().map(([name]) => name)).to.deep.equal(Object.keys(want.buffers ?? {}));
  for (const [name, b] of module.namedBuffers()) expectDigest(b, want.buffers![name]!, name);
}

function title(c: Case): string {
  const shown = (value: unknown) => JSON.stringify(value).replaceAll('"', '');
  const args = [...(c.args ?? []).map(shown), ...(c.options ? [shown(c.options)] : [])].join(', ');
  const rest = c.forward ? [shown(c.forward)] : [];
  for (const { call, ...how } of c.prepare ?? []) rest.push(`through ${call} ${shown(how)}`);
  return c.function
    ? `${c.function}(${args})`
    : `${c.module}(${args}) of ${[...(c.inputs ?? []).map(shown), ...rest].join(', ')}`;
}

const json = <T>(path: string): T => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T;

/** Declares the tests of test/nn/cases/`family`.json against test/golden/nn/`family`.json. */
export function describeFamily(family: string): void {
  const results = json<Result[][]>(`../golden/nn/${family}.json`);
  const cases = json<Case[]>(`cases/${family}.json`);
  describe(`nn ${family} as in PyTorch`, () => {
    afterEach(() => torch.setDefaultDtype(torch.float32));
    it('every case has its results', () => expect(results.length).to.equal(cases.length));
    for (const [i, c] of cases.entries()) {
      if (c.libtorch !== undefined && !torch.version.libtorch.startsWith(`${c.libtorch}.`)) {
        it.skip(`${title(c)} (skipped: not libtorch ${c.libtorch}, the reference)`);
        continue;
      }
      it(title(c), () => {
        for (const want of results[i] ?? []) {
          torch.setDefaultDtype(dtypeNamed(want.dtype));
          check(c, want);
        }
      });
    }
  });
}
