import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import torch, { distributions as D, type Tensor, TorchClipError } from '../../lib/index.js';
import { dtypeNamed } from '../support.js';

/** What a case describes: numbers, tensors (arrays), distributions, transforms, constraints, or lists of them. */
export type Spec = number | boolean | string | unknown[] | Described;
interface Described {
  distribution?: string;
  transform?: string;
  constraint?: string;
  list?: Spec[];
  numbers?: number[];
  args?: Spec[];
  options?: Record<string, Spec>;
  inv?: boolean;
  expand?: number[];
}

/** Dtype, shape, and as float64 at most 6 elements, evenly spaced, and the sum of the finite ones, weighted by cos(0), cos(1), ... */
export type Digest = [dtype: string, shape: number[], data: string];
/** A value with the gradients of the case's tensors; null where libtorch has no derivative. */
export type Differentiated = [value: Digest, gradients: (Digest | null)[] | null];

export const SEED = 1234;

type Namespace = Record<string, unknown>;
const construct = (Class: unknown, args: unknown[]): unknown => Reflect.construct(Class as () => void, args);

/** Builds what a case describes; `leaves` are its tensors. */
export class Makers {
  readonly leaves: Tensor[] = [];

  value(spec: Spec): unknown {
    if (Array.isArray(spec)) {
      const leaf = torch.tensor(spec as number[], { requiresGrad: true });
      this.leaves.push(leaf);
      return leaf;
    }
    if (typeof spec !== 'object') return spec;
    if (spec.list) return spec.list.map((s) => this.value(s));
    if (spec.numbers) return spec.numbers;
    const args = (spec.args ?? []).map((arg) => this.value(arg));
    const options = Object.entries(spec.options ?? {}).map(([name, value]) => [name, this.value(value)]);
    if (options.length > 0) args.push(Object.fromEntries(options));
    if (spec.constraint) {
      const found = (D.constraints as unknown as Namespace)[spec.constraint];
      if (!spec.args) return found;
      if (/^[A-Z]/.test(spec.constraint)) return construct(found, args);
      return (found as (...args: unknown[]) => D.constraints.Constraint)(...args);
    }
    if (spec.transform) {
      const made = construct((D as unknown as Namespace)[spec.transform], args) as D.Transform;
      return spec.inv ? made.inv : made;
    }
    const made = construct((D as unknown as Namespace)[spec.distribution!], args) as D.Distribution;
    return spec.expand ? made.expand(spec.expand) : made;
  }
}

export function expectDigest(t: Tensor, [dtype, shape, data]: Digest, what: string): void {
  expect([t.dtype.name, t.shape], what).to.deep.equal([dtype, shape]);
  const bytes = Buffer.from(data, 'base64');
  const values = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const all = t.detach().to(torch.float64).reshape([-1]).toTypedArray<Float64Array<ArrayBuffer>>();
  const count = values.length - 1;
  const rounding = dtype === 'float64' ? 1e-10 : 2e-5;
  const near = (have: number, want: number, allowed: number, where: string) => {
    if (Object.is(have, want) || have === want) return;
    expect(Math.abs(have - want), `${what}${where}: ${have} for ${want}`).to.be.at.most(allowed);
  };
  for (let i = 0; i < count; i++) {
    const at = Math.floor((i * all.length) / count);
    near(all[at]!, values[i]!, rounding * (1 + Math.abs(values[i]!)), `[${at}]`);
  }
  const finite = all.map((x) => (Number.isFinite(x) ? x : 0));
  const size = finite.reduce((sum, x) => sum + Math.abs(x), 1);
  near(
    finite.reduce((sum, x, i) => sum + x * Math.cos(i), 0),
    values[count]!,
    rounding * size,
    ' in sum',
  );
}

/** The gradient that the script sends into a value: cos(0), cos(1), ... */
export function pull(value: Tensor): void {
  if (!value.requiresGrad) return;
  value
    .mul(torch.arange(value.numel(), { dtype: value.dtype }).cos().reshape(value.shape))
    .sum()
    .backward();
}

/** Runs what PyTorch does not have: it must be refused as missing. */
export function expectMissing(run: () => unknown, what: string): void {
  let error: unknown;
  try {
    run();
  } catch (caught) {
    error = caught;
  }
  expect(error, what).to.be.instanceOf(TorchClipError);
  expect((error as TorchClipError).code, `${what}: ${(error as Error).message}`).to.equal('ERR_OP_UNAVAILABLE');
}

/** Compares a value of what `specs` describe, made anew, and the gradients of their tensors. */
export function expectDifferentiated<T extends unknown[]>(
  specs: readonly Spec[],
  want: Differentiated | undefined,
  run: (...made: T) => Tensor,
  what: string,
): void {
  const makers = new Makers();
  const made = specs.map((spec) => makers.value(spec)) as T;
  if (want === undefined) {
    expectMissing(() => run(...made), what);
    return;
  }
  const value = run(...made);
  expectDigest(value, want[0], what);
  if (want[1] === null) {
    expect(() => pull(value), what).to.throw(TorchClipError);
    return;
  }
  pull(value);
  expect(makers.leaves.length, 'tensors').to.equal(want[1].length);
  for (const [i, leaf] of makers.leaves.entries()) {
    const gradient = want[1][i];
    if (gradient) expectDigest(leaf.grad!, gradient, `gradient ${i} of ${what}`);
    else expect(leaf.grad, `gradient ${i} of ${what}`).to.equal(null);
  }
}

const json = <T>(path: string): T => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T;

/** The cases of a family, each with what PyTorch gave in both dtypes. */
export function casesOf<C extends object, R>(family: string): [C, [R, R]][] {
  const cases = json<C[]>(`cases/${family}.json`);
  const results = json<[R, R][]>(`../golden/distributions/${family}.json`);
  expect(results.length, 'every case has its results').to.equal(cases.length);
  return cases.map((c, i) => [c, results[i]!]);
}

export const pairs = (): [string, string][] => json('../golden/distributions/pairs.json');

/** A case as a title. */
export function title(spec: Spec): string {
  if (Array.isArray(spec) || typeof spec !== 'object') return JSON.stringify(spec);
  if (spec.list) return `[${spec.list.map(title).join(', ')}]`;
  if (spec.numbers) return JSON.stringify(spec.numbers);
  const options = Object.entries(spec.options ?? {}).map(([name, value]) => `${name}: ${title(value)}`);
  const args = [...(spec.args ?? []).map(title), ...options].join(', ');
  const name = spec.distribution ?? spec.transform ?? spec.constraint;
  return `${name}(${args})${spec.inv ? '.inv' : ''}${spec.expand ? `.expand(${JSON.stringify(spec.expand)})` : ''}`;
}

const dtypes = ['float32', 'float64'] as const;

/** Declares a test of each case in both dtypes. */
export function describeCases<C extends object, R>(
  family: string,
  titleOf: (c: C) => string,
  check: (c: C, want: R) => void,
): void {
  describe(`distributions, ${family}, as in PyTorch`, () => {
    afterEach(() => torch.setDefaultDtype(torch.float32));
    for (const [c, results] of casesOf<C, R>(family)) {
      for (const [i, dtype] of dtypes.entries()) {
        it(`${titleOf(c)} in ${dtype}`, () => {
          torch.setDefaultDtype(dtypeNamed(dtype));
          check(c, results[i]!);
        });
      }
    }
  });
}
