import { check, finite, integer } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { stack, zerosLike } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { localResponseNorm } from '../functional/normalization.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/** Options of {@link LocalResponseNorm} and {@link CrossMapLRN2d}. */
export interface ResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

const readResponseNorm = optionsOf('LocalResponseNorm', {
  alpha: [finite, 1e-4],
  beta: [finite, 0.75],
  k: [finite, 1],
});

abstract class ResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, options: ResponseNormOptions = {}) {
    super();
    const { alpha, beta, k } = readResponseNorm(options, new.target.name);
    this.size = check('size', size, integer(1));
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
}

/**
 * Divides by (k + alpha times the mean square of `size` neighbouring channels)^beta: `[n, channels, ...]`.
 *
 * @example
 * new nn.LocalResponseNorm(2).forward(torch.randn([2, 5, 24, 24]));
 *
 * @see Krizhevsky et al. 2012
 */
export class LocalResponseNorm extends ResponseNorm {
  override forward(input: Tensor): Tensor {
    const { alpha, beta, k } = this;
    return localResponseNorm(input, this.size, { alpha, beta, k });
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${print.float(this.alpha)}, beta=${print.float(this.beta)}, k=${print.float(this.k)}`;
  }
}

/**
 * {@link LocalResponseNorm} of `[n, channels, height, width]` with the windows of Torch7, as PyTorch keeps it for old models:
 * a window reaches `(size + 1) / 2 - 1` channels to each side, and the first channel stays in every later window.
 *
 * The gradient is the derivative of that; PyTorch's own backward is not, and fails its `gradcheck`.
 *
 * @example
 * new nn.CrossMapLRN2d(3).forward(torch.randn([2, 5, 8, 8]));
 */
export class CrossMapLRN2d extends ResponseNorm {
  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    if (shape.length !== 4) throw mustHave('input', '4 dimensions', shape);
    const squares = input.mul(input).unbind(1);
    const size = field(this, 'size', integer(1));
    const reach = Math.trunc((size - 1) / 2 + 1);
    const first = squares.slice(0, reach).reduce((sum, square) => sum.add(square), zerosLike(squares[0]!));
    const sums = [first];
    for (let c = 1; c < squares.length; c++) {
      let sum = sums[c - 1]!;
      if (c < squares.length - reach + 1) sum = sum.add(squares[c + reach - 1]!);
      if (c > reach) sum = sum.sub(squares[c - reach]!);
      sums.push(sum);
    }
    const scale = stack(sums, 1)
      .mul(field(this, 'alpha', finite) / size)
      .add(this.k);
    return scale.pow(-field(this, 'beta', finite)).mul(input);
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${print.float(this.alpha)}, beta=${print.float(this.beta)}, k=${this.k}`;
  }
}
