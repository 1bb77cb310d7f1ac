import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import torch, { type Dtype, Tensor, TorchClipError } from '../../lib/index.js';

/** A tensor as scripts/golden/_encode.py writes it. */
export interface Golden {
  dtype: string;
  shape: number[];
  data: string;
}

export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as T;
}

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

function bytes(text: string): ArrayBuffer {
  const from = Buffer.from(text, 'base64');
  return from.buffer.slice(from.byteOffset, from.byteOffset + from.byteLength) as ArrayBuffer;
}

export function values(g: Golden): Float32Array | Float64Array | BigInt64Array {
  return new ARRAYS[g.dtype as keyof typeof ARRAYS](bytes(g.data));
}

export function decode(g: Golden): Tensor {
  return torch.tensor(values(g), { shape: g.shape, dtype: dtypeNamed(g.dtype) });
}

export function dtypeNamed(name: string): Dtype {
  return (torch as unknown as Record<string, Dtype>)[name]!;
}

/** Decodes every tensor inside a value. */
export function decodeAll(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeAll);
  if (typeof value !== 'object' || value === null) return value;
  if ('data' in value && 'shape' in value) return decode(value as Golden);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decodeAll(v)]));
}

/** Same dtype, shape and bits. */
export function expectSame(t: Tensor, g: Golden, what: string): void {
  expect([t.dtype.name, t.shape], what).to.deep.equal([g.dtype, g.shape]);
  expect(Buffer.from(t.contiguous().toTypedArray().buffer).toString('base64'), what).to.equal(g.data);
}

/** Same dtype and shape, and each element within the rounding of a few operations. */
export function expectClose(t: Tensor, g: Golden, what: string): void {
  expect([t.dtype.name, t.shape], what).to.deep.equal([g.dtype, g.shape]);
  const tolerance = g.dtype === 'float64' ? 1e-12 : 2e-6;
  const got = t.contiguous().toTypedArray();
  values(g).forEach((v: number | bigint, i: number) => {
    const [want, have] = [Number(v), Number(got[i])];
    expect(Math.abs(have - want), `${what}[${i}]: ${have} for ${want}`).to.be.at.most(tolerance * (1 + Math.abs(want)));
  });
}

/** All tensors inside a result, in order. */
export function flat(value: unknown): Tensor[] {
  return value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(flat) : [];
}

export function refused(run: () => unknown, code: string, ...words: string[]): void {
  let error: unknown;
  try {
    run();
  } catch (e) {
    error = e;
  }
  expect(error, `not refused: ${error}`).to.be.instanceOf(TorchClipError);
  expect((error as TorchClipError).code, (error as Error).message).to.equal(code);
  for (const word of words) expect((error as Error).message).to.include(word);
}
