import { expect } from 'chai';
import torch from '../lib/index.js';
import { isTensor, type Tensor } from '../lib/tensor.js';

/** Everything below a value, tensors as their bits: equal before and after where nothing has changed. */
export function bits(value: unknown): unknown {
  if (isTensor(value)) return bitsOf(value);
  if (Array.isArray(value)) return value.map(bits);
  if (value instanceof Map) return [...value].map(([key, entry]) => [bits(key), bits(entry)]);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([name, entry]) => [name, bits(entry)]);
  }
  // NaN equals itself, and -0 is not 0.
  return typeof value === 'number' ? (Object.is(value, -0) ? '-0' : String(value)) : value;
}

function bitsOf(t: Tensor): unknown {
  const about = { dtype: t.dtype.name, shape: t.shape, device: String(t.device), requiresGrad: t.requiresGrad };
  if (t.device.type === 'meta') return about;
  const plain = t.detach().cpu();
  const dense = plain.layout.name === 'strided' ? plain : plain.toDense();
  const real = dense.dtype.isComplex ? torch.viewAsReal(dense.resolveConj()) : dense;
  return { ...about, elements: real.tolist() };
}

/** Runs what must throw, with the error that `matches`, and checks that nothing of `state` changed. */
export function expectUnchanged(state: () => unknown, body: () => unknown, message: RegExp | string = ''): void {
  const before = bits(state());
  expect(body).throw(Error, message);
  expect(bits(state())).deep.equal(before);
}
