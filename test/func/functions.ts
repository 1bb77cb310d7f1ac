// The functions of scripts/golden/func.py, under the same names.
import torch, { nn, type Tensor } from '../../lib/index.js';
import type { Bytes } from '../support.js';
import { decode } from '../support.js';

const { functional: F } = nn;
const f64 = { dtype: torch.float64 };

export type Nested = Bytes | Nested[] | { [name: string]: Nested };

/** Golden tensors in their containers. */
export function decodeAll(value: Nested): unknown {
  if (Array.isArray(value)) return value.map(decodeAll);
  if ('data' in value && typeof value.data === 'string') return decode(value as Bytes);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decodeAll(inner)]));
}

/** Distinct numbers, not in order. */
export function line(shape: readonly number[], low = -1.2, high = 1.7): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return torch
    .arange(n, f64)
    .mul(0.7)
    .add(0.3)
    .sin()
    .reshape([...shape])
    .mul((high - low) / 2)
    .add((high + low) / 2);
}

export const functions: Record<string, (x: Tensor) => Tensor> = {
  sin: (x) => x.sin(),
  cube: (x) => x.pow(3).mul(2),
  'exp sum': (x) => x.exp().mul(x.sum()).tanh(),
  softmax: (x) => F.softmax(x, -1),
  'log softmax': (x) => F.logSoftmax(x, -1),
  'layer norm': (x) => F.layerNorm(x, [x.shape.at(-1)!]),
  products: (x) =>
    torch
      .outer(x.reshape([-1]), x.reshape([-1]))
      .sum(0)
      .sin(),
  cumulative: (x) => x.cumsum(-1).mul(x.cumprod(-1)),
  where: (x) => torch.where(x.gt(0), x.square(), x.sigmoid()),
  gelu: (x) => F.gelu(x).add(F.silu(x)).add(F.logsigmoid(x)),
  sorted: (x) => x.sort({ dim: -1 })[0].mul(torch.arange(1, x.shape.at(-1)! + 1, { dtype: x.dtype })),
  views: (x) =>
    torch
      .cat([x.flip([-1]), x.roll([1], [-1]).mul(2)], -1)
      .unsqueeze(0)
      .transpose(0, -1)
      .squeeze(-1),
  norm: (x) => x.div(torch.linalg.vectorNorm(x).add(1)).add(torch.logsumexp(x, [-1], true)),
  'in place': (x) => x.clone().mul_(3).add_(x.sin()).clamp_({ max: 2.5 }).sin(),
  constant: (x) => x.mul(0).add(4),
  unused: (x) => torch.onesLike(x),
};

export const scalarOf = (f: (x: Tensor) => Tensor) => (x: Tensor) => {
  const y = f(x);
  return y.mul(line(y.shape)).sum().sin();
};
