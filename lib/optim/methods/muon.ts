import { arrayOf, finite, flag, integer, oneOf, orNull } from '../../check.js';
import { bfloat16 } from '../../dtype.js';
import { aboveZero } from '../../epsilon.js';
import { describe } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { type Scheme, TensorLevelOptimizer } from '../base/tensor-level.js';
import { bounded } from '../engine/definition.js';

/** Options of {@link Muon}, each of which a group can have for itself. */
export interface MuonGroup {
  /** The learning rate; default 1e-3. */
  lr?: number;
  /** Decoupled: parameters shrink by lr · weightDecay; default 0.1. */
  weightDecay?: number;
  /** How much of the running mean of gradients is kept; default 0.95. */
  momentum?: number;
  /** Look ahead by one update; default true. */
  nesterov?: boolean;
  /** The coefficients of X, X XᵀX and X (XᵀX)² in an iteration; default [3.4445, -4.775, 2.0315]. */
  nsCoefficients?: readonly [number, number, number];
  /** The least norm to divide by; default 1e-7. */
  eps?: number;
  /** How many iterations orthogonalise, < 100; default 5. */
  nsSteps?: number;
  /**
   * How the shape [a, b] changes the learning rate: `'original'`, · √max(1, a / b), the default; `'match_rms_adamw'`, · 0.2 √max(a, b), so
   * that AdamW's learning rates can be used.
   */
  adjustLrFn?: 'original' | 'match_rms_adamw' | null;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

const atLeastZero = (label: string, fallback: number) => bounded(label, '>= 0', (x) => x >= 0, fallback);

const scheme: Scheme<MuonGroup> = {
  name: 'Muon',
  storesStep: false,
  options: {
    lr: atLeastZero('Learning rate', 1e-3),
    weightDecay: atLeastZero('weight decay', 0.1),
    momentum: atLeastZero('momentum', 0.95),
    nesterov: [flag, true],
    nsCoefficients: [
      {
        ...arrayOf(finite, 3),
        sentence: (name, value) =>
          `Coefficients must be a tuple of exactly 3 values: ${describe(value)} ("${name}" must be 3 finite numbers)`,
      },
      [3.4445, -4.775, 2.0315],
    ],
    eps: atLeastZero('eps', 1e-7),
    nsSteps: [
      {
        ...integer(0, 99),
        sentence: (name, value) =>
          `Number of steps must be less than 100 for computational efficiency: ${describe(value)} ("${name}" must be an integer from 0 to 99)`,
      },
      5,
    ],
    adjustLrFn: [
      {
        ...orNull(oneOf('original', 'match_rms_adamw')),
        sentence: (name, value) =>
          `Adjust learning rate function ${typeof value === 'string' ? value : describe(value)} is not supported ("${name}" must be 'original' or 'match_rms_adamw')`,
      },
      null,
    ],
    maximize: [flag, false],
  },
  parameter: ({ shape }) =>
    shape.length === 2
      ? undefined
      : `Muon only supports 2D parameters whereas we found a parameter with size: [${shape.join(', ')}]`,
  shapes: ({ shape }) => ({ momentum_buffer: shape }),
  step({ value, gradient, slots }, group) {
    const { lr, weightDecay, momentum, nesterov } = group;
    if (value.numel() === 0) return { value, slots };
    const buffer = slots.momentum_buffer!.lerp(gradient, 1 - momentum);
    const direction = nesterov ? gradient.lerp(buffer, momentum) : buffer;
    const update = orthogonal(direction, group.nsCoefficients, group.nsSteps, group.eps).to({ dtype: value.dtype });
    const shrunk = value.sub(value.mul(lr * weightDecay));
    return { value: shrunk.sub(update.mul(adjusted(lr, group.adjustLrFn, value))), slots: { momentum_buffer: buffer } };
  },
};

// Newton and Schulz's iteration in bfloat16, as PyTorch takes it: singular values end near 1, which is all that is asked.
function orthogonal(g: Tensor, [a, b, c]: readonly [number, number, number], steps: number, eps: number): Tensor {
  const tall = g.shape[0]! > g.shape[1]!;
  let x = g.to({ dtype: bfloat16 });
  if (tall) x = x.t();
  x = x.div(x.norm().clampMin(aboveZero(eps, bfloat16)));
  for (let i = 0; i < steps; i++) {
    const gram = x.matmul(x.t());
    x = x.addmm(gram.addmm(gram, gram, { beta: b, alpha: c }), x, { beta: a });
  }
  return tall ? x.t() : x;
}

function adjusted(lr: number, by: MuonGroup['adjustLrFn'], { shape }: Tensor): number {
  const [rows, columns] = shape as [number, number];
  return (
    lr * (by === 'match_rms_adamw' ? 0.2 * Math.sqrt(Math.max(rows, columns)) : Math.sqrt(Math.max(1, rows / columns)))
  );
}

/**
 * Muon, as `torch.optim.Muon`, for the matrices inside a network: the momentum's singular values are all brought near 1. Embeddings, biases
 * and the last layer want another optimizer. Tensor operations behind the engine's clipping.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option, and for a parameter that is not a real matrix.
 * @see Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
 *
 * @example
 * const hidden = [...model.parameters()].filter((p) => p.dim() === 2);
 * const optimizer = new optim.Muon(hidden, { lr: 0.02, clip: clip.norm(1) });
 */
export class Muon extends TensorLevelOptimizer<MuonGroup> {
  constructor(params: Parameters<MuonGroup>, options: MuonGroup & CommonOptions = {}) {
    super(scheme, params, options);
  }
}
