import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { DeviceLike } from '../lib/device.js';
import torch, { type Dtype, type Tensor, TorchClipError } from '../lib/index.js';

/** Where tensors lie in suites that also run on a GPU: TORCH_CLIP_TEST_DEVICE=cuda. */
export const device = (process.env.TORCH_CLIP_TEST_DEVICE ?? 'cpu') as DeviceLike;

/** A tensor as scripts/golden/_encode.py writes it: the bytes of its elements. */
export interface Bytes {
  dtype: string;
  shape: number[];
  data: string;
}

export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')) as T;
}

export function dtypeNamed(name: string): Dtype {
  return (torch as unknown as Record<string, Dtype>)[name]!;
}

/** Any dtype from its bytes. */
export function decode({ dtype, shape, data }: Bytes): Tensor {
  const wanted = dtypeNamed(dtype);
  if (shape.includes(0)) return torch.empty(shape, { dtype: wanted });
  return torch
    .tensor(new Uint8Array(Buffer.from(data, 'base64')))
    .view(wanted)
    .view(shape);
}

/** The bytes of a dense tensor's elements. */
export function bytesOf(t: Tensor): string {
  if (t.numel() === 0) return '';
  const flat = t.detach().clone({ memoryFormat: torch.contiguousFormat }).view([-1]);
  return Buffer.from(flat.view(torch.uint8).toTypedArray().buffer).toString('base64');
}

export function expectSame(t: Tensor, g: Bytes, what: string): void {
  expect({ dtype: t.dtype.name, shape: t.shape, data: bytesOf(t) }, what).to.deep.equal(g);
}

/** Runs what must throw, and returns its error. */
export function refusalOf(body: () => unknown): TorchClipError {
  try {
    body();
  } catch (error) {
    expect(error).to.be.instanceOf(TorchClipError);
    return error as TorchClipError;
  }
  throw new Error('nothing was thrown');
}
