import { expect } from 'chai';
import { native } from '../../lib/binding/index.js';
import { isGradEnabled, isTensor, type Tensor } from '../../lib/index.js';
import { type Bytes, decode } from '../support.js';
import type { Nested } from './functions.js';

/** Expects tensors in containers to be near the golden ones. */
export function expectNested(got: unknown, want: Nested, what: string, tolerance = 1e-12): void {
  if (Array.isArray(want)) {
    expect(got, what).an('array').with.length(want.length);
    for (const [i, inner] of want.entries()) expectNested((got as unknown[])[i], inner, `${what}[${i}]`, tolerance);
    return;
  }
  if (!('data' in want && typeof want.data === 'string')) {
    const names = Object.keys(want);
    expect(got, what).an('object').with.all.keys(names);
    for (const name of names) {
      const inner = (got as Record<string, unknown>)[name];
      expectNested(inner, (want as Record<string, Nested>)[name]!, `${what}.${name}`, tolerance);
    }
    return;
  }
  expect(isTensor(got), what).equal(true);
  const [a, b] = [got as Tensor, decode(want as Bytes)];
  expect([a.dtype.name, a.shape], what).deep.equal([b.dtype.name, b.shape]);
  if (b.numel() === 0) return;
  const [x, y] = [a, b].map((t) => t.detach().double());
  expect(x!.isfinite().all().item(), `${what} is finite`).equal(y!.isfinite().all().item());
  expect(x!.sub(y!).abs().max().item(), what).most(tolerance * Math.max(1, y!.abs().max().item()));
}

/** How many transforms this thread is inside of. */
export const depth = (): number => native.layers().length;

/** Expects that a test has left no transform, and no mode of one. */
export function expectOutside(): void {
  expect(depth()).equal(0);
  expect(isGradEnabled()).equal(true);
}
