import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { type Bytes, decode } from '../support.js';

export type Nest<T> = T | Nest<T>[];

/** Expects nested tensors to equal the golden ones, up to the last bits of another order of summation. */
export function expectNear(got: unknown, want: Nest<Bytes>, what: string, tolerance = 1e-12): void {
  if (!Array.isArray(want)) {
    const [a, b] = [got as Tensor, decode(want)];
    expect([a.dtype, a.shape], what).deep.equal([b.dtype, b.shape]);
    const worst = a.numel() === 0 ? 0 : a.detach().sub(b).abs().max().item();
    expect(worst, what).most(tolerance * Math.max(1, a.numel() === 0 ? 0 : b.abs().max().item()));
    return;
  }
  expect(got, what).an('array').with.length(want.length);
  for (const [i, w] of want.entries()) expectNear((got as unknown[])[i], w, `${what}[${i}]`, tolerance);
}

const alive = (refs: WeakRef<object>[]) => refs.filter((ref) => ref.deref() !== undefined).length;

/** Makes graphs, each of which holds an object, and expects the collector to find them. */
export async function expectCollected(make: (held: object) => void): Promise<void> {
  const refs: WeakRef<object>[] = [];
  const one = () => {
    const held = {};
    refs.push(new WeakRef(held));
    make(held);
  };
  for (let i = 0; i < 20; i++) one();
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    torch.collectGarbage();
  }
  // The collector may still see the last one on the stack.
  expect(alive(refs)).below(3);
}

export const leaf = (values: number[]) => torch.tensor(values, { dtype: torch.float64, requiresGrad: true });
