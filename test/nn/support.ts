import { expect } from 'chai';
import { Tensor, TorchClipError } from '../../lib/index.js';
import { type Bytes, decode } from '../support.js';

export { decode, dtypeNamed, expectSame, golden } from '../support.js';
export type Golden = Bytes;

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

/** The elements of a golden tensor. */
function values({ dtype, data }: Bytes): Float32Array | Float64Array | BigInt64Array {
  const from = Buffer.from(data, 'base64');
  const bytes = from.buffer.slice(from.byteOffset, from.byteOffset + from.byteLength) as ArrayBuffer;
  return new ARRAYS[dtype as keyof typeof ARRAYS](bytes);
}

/** Decodes every tensor inside a value. */
export function decodeAll(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeAll);
  if (typeof value !== 'object' || value === null) return value;
  if ('data' in value && 'shape' in value) return decode(value as Golden);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decodeAll(v)]));
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
