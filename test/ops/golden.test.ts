import { expect } from 'chai';
import torch, { isTensor, type Tensor } from '../../lib/index.js';
import { type Bytes, decode, dtypeNamed, golden, refusalOf } from '../support.js';

interface Case {
  call: string;
  args: unknown[];
  options: Record<string, unknown>;
  result: unknown;
  grads: (Bytes | null)[];
}

type Callable = (...args: unknown[]) => unknown;

function decodeValue(value: unknown, leaves: Tensor[]): unknown {
  if (Array.isArray(value)) return value.map((v) => decodeValue(v, leaves));
  if (typeof value !== 'object' || value === null) return value;
  if ('dtype_name' in value) return dtypeNamed(value.dtype_name as string);
  const t = decode(value as Bytes);
  if ('grad' in value) leaves.push(t.requiresGrad_());
  return t;
}

function call({ call: name, args, options }: Case, leaves: Tensor[]): unknown {
  const given = args.map((a) => decodeValue(a, leaves));
  const named = Object.fromEntries(Object.entries(options).map(([k, v]) => [k, decodeValue(v, leaves)]));
  const rest = Object.keys(named).length > 0 ? [named] : [];
  const path = name.split('.');
  if (path[0] === 't' && path.length > 1) {
    const [self, ...others] = given as [Record<string, Callable>, ...unknown[]];
    return self[path[1]!]!(...others, ...rest);
  }
  const [owner, keys]: [unknown, string[]] = path[0] === 'F' ? [torch.nn.functional, path.slice(1)] : [torch, path];
  const fn = keys.reduce((at, key) => (at as Record<string, unknown>)[key], owner) as Callable;
  return fn(...given, ...rest);
}

function numbersOf(t: Tensor): number[] {
  return Array.from(t.detach().toTypedArray() as Float64Array, Number);
}

/** Same dtype and shape, and each element within the rounding of a few operations. */
function expectClose(have: Tensor, want: Bytes, what: string): void {
  expect({ dtype: have.dtype.name, shape: have.shape }, what).to.deep.equal({ dtype: want.dtype, shape: want.shape });
  const tolerance = ['float64', 'complex128'].includes(want.dtype) ? 1e-10 : 4e-6;
  const [a, b] = [numbersOf(have), numbersOf(decode(want))];
  for (const [i, value] of b.entries()) {
    const near =
      Object.is(a[i], value) || a[i] === value || Math.abs(a[i]! - value) <= tolerance * (1 + Math.abs(value));
    expect(near, `${what}: element ${i} is ${a[i]}, not ${value}`).to.equal(true);
  }
}

function expectResult(have: unknown, want: unknown, what: string): void {
  if (Array.isArray(want)) {
    expect(have, what).to.be.an('array').with.length(want.length);
    want.forEach((w, i) => {
      expectResult((have as unknown[])[i], w, `${what}[${i}]`);
    });
  } else if (isTensor(have)) expectClose(have, want as Bytes, what);
  else if (typeof want === 'object' && want !== null)
    expect(String(have), what).to.equal(`torch.${(want as { dtype_name: string }).dtype_name}`);
  else expect(have, what).to.equal(want);
}

const tensorsOf = (value: unknown): Tensor[] =>
  isTensor(value) ? [value] : Array.isArray(value) ? value.flatMap(tensorsOf) : [];

function total(outputs: Tensor[]): Tensor {
  const sums = outputs.map((t) => (t.dtype.isComplex ? torch.viewAsReal(t.resolveConj()) : t).sum());
  return sums.reduce((a, b) => a.add(b));
}

const cases = golden<Case[]>('ops');

/** Operators that a later libtorch has given up, and the first one without them. */
const gone: Record<string, string> = { cholesky: '2.14' };
const isGone = (name: string) => Number(torch.version.libtorch.split('.')[1]) >= Number(gone[name]?.split('.')[1]);

describe('ops give what PyTorch gives', () => {
  it('of at least 200 ops', () => {
    expect(new Set(cases.map((c) => c.call)).size).to.be.at.least(200);
  });

  for (const c of cases) {
    const options = Object.keys(c.options);
    if (isGone(c.call)) {
      it(`${c.call} is not in libtorch ${gone[c.call]}, which is said`, () => {
        expect(refusalOf(() => call(c, []))).to.have.property('code', 'ERR_OP_UNAVAILABLE');
      });
      continue;
    }
    it(`${c.call}${options.length > 0 ? ` { ${options.join(', ')} }` : ''}`, () => {
      const leaves: Tensor[] = [];
      const result = call(c, leaves);
      expectResult(result, c.result, c.call);
      if (c.grads.length === 0) return;
      const differentiable = tensorsOf(result).filter(
        (t) => t.requiresGrad && (t.dtype.isFloatingPoint || t.dtype.isComplex),
      );
      total(differentiable).backward();
      expect(leaves.length, 'leaves').to.equal(c.grads.length);
      for (const [i, want] of c.grads.entries()) {
        const { grad } = leaves[i]!;
        if (want !== null) expectClose(grad!, want, `the gradient of argument ${i} of ${c.call}`);
        else expect(grad, `the gradient of argument ${i} of ${c.call}`).to.equal(null);
      }
    });
  }
});
