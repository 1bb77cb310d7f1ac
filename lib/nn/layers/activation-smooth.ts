import { check, finite, integer } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { leading, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { softmin, softsign, tanhshrink } from '../functional/activation.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { inplaceTable } from '../tables.js';
import { Activation, Along, type ELUOptions, type InplaceOptions } from './activation.js';

/**
 * x tanh(log(1 + exp(x))) (Misra 2019).
 *
 * @example
 * new nn.Mish().forward(x);
 */
export class Mish extends Activation {
  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.mish_ : ops.mish)(input);
  }
}

/**
 * The exponential unit scaled such that activations keep mean 0 and variance 1 (Klambauer et al. 2017).
 *
 * @example
 * new nn.SELU().forward(x);
 */
export class SELU extends Activation {
  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.selu_ : ops.selu)(input);
  }
}

const readCELU = optionsOf('CELU', { alpha: [finite, 1], ...inplaceTable });

/**
 * max(0, x) + min(0, alpha (exp(x / alpha) - 1)), smooth at 0 for each `alpha`; default 1 (Barron 2017).
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where `alpha` is 0.
 *
 * @example
 * new nn.CELU(0.5).forward(x);
 */
export class CELU extends Activation {
  readonly alpha: number;

  constructor(alpha?: number | ELUOptions, options?: InplaceOptions) {
    const read = readCELU(leading('alpha', alpha, options), new.target.name);
    super({ inplace: read.inplace });
    this.alpha = read.alpha;
    if (read.alpha === 0) throw invalidArgument('alpha', 'other than 0', read.alpha);
  }

  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.celu_ : ops.celu)(input, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${print.float(this.alpha)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

const readGLU = optionsOf('GLU', { dim: [integer(), -1] });

/**
 * The first half of dimension `dim` (default -1) times the sigmoid of the second (Dauphin et al. 2017).
 *
 * @example
 * new nn.GLU().forward(torch.randn([4, 6])).shape; // [4, 3]
 */
export class GLU extends Along {
  constructor(dim?: number | { dim?: number }) {
    super(readGLU(leading('dim', dim), new.target.name).dim);
  }

  override forward(input: Tensor): Tensor {
    return ops.glu(input, this.dim);
  }
}

/**
 * log(1 / (1 + exp(-x))), computed without overflow.
 *
 * @example
 * new nn.LogSigmoid().forward(x);
 */
export class LogSigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return ops.logSigmoid(input);
  }
}

/**
 * x / (1 + |x|).
 *
 * @example
 * new nn.Softsign().forward(x);
 */
export class Softsign extends Module {
  override forward(input: Tensor): Tensor {
    return softsign(input);
  }
}

/**
 * x - tanh(x).
 *
 * @example
 * new nn.Tanhshrink().forward(x);
 */
export class Tanhshrink extends Module {
  override forward(input: Tensor): Tensor {
    return tanhshrink(input);
  }
}

/**
 * exp(-x) over its sum along dimension `dim`.
 *
 * @example
 * new nn.Softmin(1).forward(torch.randn([2, 3]));
 */
export class Softmin extends Along {
  override forward(input: Tensor): Tensor {
    return softmin(input, { dim: this.dim });
  }
}

/**
 * {@link Softmax} over the channels of `[n, channels, height, width]` or `[channels, height, width]`.
 *
 * @throws {TorchClipError} `ERR_SHAPE` for other numbers of dimensions.
 *
 * @example
 * new nn.Softmax2d().forward(torch.randn([2, 3, 4, 4]));
 */
export class Softmax2d extends Module {
  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    if (shape.length !== 3 && shape.length !== 4) {
      throw mustHave('input', '3 or 4 dimensions', shape);
    }
    return ops.softmax(input, -3);
  }
}
