// The values of the reference for what PyTorch has at its top level and on its tensors beside the operators.
import { expect } from 'chai';
import type { optim, Tensor } from '../../lib/index.js';
import { type Bytes, decode, dtypeNamed, golden } from '../support.js';

export interface Loss {
  name: 'mseLoss' | 'l1Loss' | 'huberLoss';
  reduction: 'none' | 'mean' | 'sum';
  out: Bytes;
  grad: Bytes;
}
interface Golden {
  limits: { floats: Record<string, Record<string, number>>; integers: Record<string, Record<string, number | string>> };
  windows: { name: string; m: number; sym: boolean; dtype: string; options: object; out: Bytes }[];
  decompositions: {
    name: 'svdLowrank' | 'pcaLowrank' | 'lobpcg';
    a: Bytes;
    sparse: boolean;
    options: Record<string, Bytes | number | boolean | string>;
    s: Bytes;
    product: Bytes;
    next: number;
  }[];
  shapes: {
    orders: Record<string, { shape: number[]; stride: number[]; order: number[] }>;
    types: Record<string, string>;
    sparseType: string;
    unravelled: number[][];
    broadcast: [number[][], number[]][];
    consecutive: [number[][], number[][]];
  };
  losses: { input: Bytes; target: Bytes; weight: Bytes; cases: Loss[] };
  sparse: { a: Bytes; b: Bytes; c: Bytes; results: Record<string, { out: Bytes; grad: Bytes }> };
  embedding: { start: Bytes; dense: Bytes; runs: { options: optim.SGDGroup; weight: Bytes; dense: Bytes }[] };
  sparseMethods: {
    name: 'SGD' | 'Adagrad';
    options: Record<string, number | boolean>;
    start: Bytes;
    other: Bytes;
    weight: Bytes;
    dense: Bytes;
    state: Record<string, Bytes>;
  }[];
  eigenvectors: { a: Bytes; weights: Bytes; cases: { k: number; largest: boolean; lobpcg: Bytes; eigh: Bytes }[] };
  norms: {
    x: Bytes;
    tangent: Bytes;
    cases: { options: Record<string, unknown>; out: Bytes; grad: Bytes | null; tangent: Bytes | null }[];
    sparse: { x: Bytes; two: Bytes; one: Bytes };
  };
  composites: { inputs: Record<string, Bytes>; values: Record<string, Bytes> };
}

export const expected = golden<Golden>('top_level');

/** Whether all elements agree to within rounding. */
export function expectClose(t: Tensor, want: Bytes, what: string, tolerance = 1e-9): void {
  const other = decode(want);
  expect(t.shape, what).to.deep.equal(other.shape);
  expect(t.dtype, what).to.equal(other.dtype);
  const limit = t.dtype.itemsize < 8 ? Math.max(tolerance, 1e-5) : tolerance;
  const away = t.numel() === 0 ? 0 : t.detach().sub(other).abs().max().item();
  const size = t.numel() === 0 ? 0 : other.abs().max().item();
  expect(away, what).to.be.at.most(limit * Math.max(1, size));
}

/** PyTorch's name as it is here: `float8_e5m2` is `float8E5m2`. */
export const dtypeOf = (name: string) => dtypeNamed(name.replace(/_(e)/, (_, c: string) => c.toUpperCase()));
