// Tensors that ops do not expect: odd dtypes, shapes, strides, layouts and states.
import torch, { type Dtype, type Tensor } from '../../../lib/index.js';
import type { Random } from './random.js';

const floats = [torch.float32, torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16];
const integers = [torch.int64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool];
const complexes = [torch.complex64, torch.complex128, torch.complex32];
const rare = [torch.uint16, torch.uint32, torch.uint64, torch.float8E4m3fn, torch.float8E5m2];

/** What most tensors of a case have in common, so that some calls pass the checks of shapes. */
export interface Theme {
  dtype: Dtype;
  shape: number[];
  /** The shape of a tensor that differs from the theme. */
  odd: number;
}

export function randomDtype(r: Random): Dtype {
  const kind = r.unit();
  return r.pick(kind < 0.6 ? floats : kind < 0.88 ? integers : kind < 0.95 ? complexes : rare);
}

export function randomShape(r: Random): number[] {
  const dims = r.pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]);
  return r.times(dims, () => r.pick([1, 2, 2, 3, 3, 3, 4, 5, 0, 7]));
}

export const randomTheme = (r: Random): Theme => ({
  dtype: randomDtype(r),
  shape: randomShape(r),
  odd: r.pick([0, 0.1, 0.4]),
});

function fill(r: Random, shape: number[], dtype: Dtype): Tensor {
  const numel = shape.reduce((a, b) => a * b, 1);
  const extreme = [
    0,
    -1,
    1e30,
    -1e30,
    127,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 31,
    1e-30,
  ];
  const style = r.pick(['small', 'small', 'normal', 'normal', 'extreme', 'zero']);
  const value = () => {
    if (style === 'zero') return 0;
    if (style === 'small') return r.below(4);
    return style === 'normal' ? r.unit() * 4 - 2 : r.pick(extreme);
  };
  const data = Float64Array.from({ length: numel }, value);
  return torch.tensor(data, { shape, dtype: torch.float64 }).to(dtype);
}

type Change = (t: Tensor, r: Random) => Tensor;

const changes: Record<string, Change> = {
  transposed: (t) => (t.dim() > 1 ? t.transpose(0, 1) : t),
  expanded: (t) => t.unsqueeze(0).expand([2, ...t.shape]),
  strided: (t) => (t.dim() > 0 ? t.repeatInterleave(2, { dim: 0 }).slice({ dim: 0, step: 2 }) : t),
  overlapping: (t, r) => (t.numel() > 4 ? t.flatten().asStrided([2, 3], [r.below(2), 1]) : t),
  channelsLast: (t) => (t.dim() === 4 ? t.contiguous({ memoryFormat: torch.channelsLast }) : t),
  flipped: (t) => t.flip([]),
  leaf: (t) => t.clone().requiresGrad_(),
  grown: (t) => t.clone().requiresGrad_().mul(1),
  inference: (t) => torch.inferenceMode(() => t.clone()),
  disposed: (t) => {
    t.dispose();
    return t;
  },
  meta: (t) => t.to({ device: 'meta' }),
  sparse: (t) => t.toSparse(),
  csr: (t) => t.toSparseCsr(),
  bsr: (t) => t.toSparseBsr([1, 1]),
  quantized: (t) => torch.quantizePerTensor(t.to(torch.float32), 0.1, 2, torch.qint8),
  quantizedByChannel: (t) =>
    torch.quantizePerChannel(t.to(torch.float32), torch.ones([t.size(0)]), torch.zeros([t.size(0)]), 0, torch.quint8),
  conjugated: (t) => t.to(torch.complex64).conj(),
  negated: (t) => t.to(torch.complex64).conj().imag,
  view: (t) => t.view([-1]).narrow(0, 0, Math.min(1, t.numel())),
};

/** A tensor near the theme, or somewhere else. */
export function randomTensor(r: Random, theme: Theme): Tensor {
  const odd = r.chance(theme.odd);
  const shape = odd && r.chance(0.6) ? randomShape(r) : theme.shape;
  const dtype = odd && r.chance(0.6) ? randomDtype(r) : theme.dtype;
  let tensor = fill(r, shape, dtype);
  const count = r.pick(theme.odd > 0 ? [0, 0, 1, 1, 2] : [0, 0, 0, 0, 1]);
  for (let i = 0; i < count; i++) {
    try {
      tensor = changes[r.pick(Object.keys(changes))]!(tensor, r);
    } catch {
      // The change is not for such a tensor.
    }
  }
  return tensor;
}
