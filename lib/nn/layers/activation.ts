import {
  elu,
  elu_,
  gelu,
  leakyRelu,
  leakyRelu_,
  logSoftmax,
  relu,
  sigmoid,
  silu,
  silu_,
  softmax,
  softplus,
  tanh,
} from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/** Whether an activation overwrites its input; default false. */
export interface InplaceOptions {
  inplace?: boolean;
}

export interface LeakyReLUOptions extends InplaceOptions {
  negativeSlope?: number;
}

export interface ELUOptions extends InplaceOptions {
  alpha?: number;
}

export interface SoftplusOptions {
  beta?: number;
  threshold?: number;
}

export abstract class Activation extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    const { inplace = false, ...unknown } = check.given(options);
    super();
    check.noUnknown(unknown);
    this.inplace = check.bool('inplace', inplace);
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** max(x, 0). */
export class ReLU extends Activation {
  override forward(input: Tensor): Tensor {
    return this.inplace ? check.tensor('input', input).relu_() : relu(input);
  }
}

/** x / (1 + exp(-x)). */
export class SiLU extends Activation {
  override forward(input: Tensor): Tensor {
    return this.inplace ? silu_(input) : silu(input);
  }
}

/** x where x > 0, else `negativeSlope` times x; default 0.01. */
export class LeakyReLU extends Activation {
  readonly negativeSlope: number;

  constructor(negativeSlope?: number | LeakyReLUOptions, options?: InplaceOptions) {
    const { negativeSlope: slope = 0.01, ...rest } = check.named<LeakyReLUOptions>(
      'negativeSlope',
      negativeSlope,
      options,
    );
    super(rest);
    this.negativeSlope = check.finite('negativeSlope', slope);
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? leakyRelu_(input, this.negativeSlope) : leakyRelu(input, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negative_slope=${this.negativeSlope}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/** x where x > 0, else `alpha` times (exp(x) - 1); default 1. */
export class ELU extends Activation {
  readonly alpha: number;

  constructor(alpha?: number | ELUOptions, options?: InplaceOptions) {
    const { alpha: scale = 1, ...rest } = check.named<ELUOptions>('alpha', alpha, options);
    super(rest);
    this.alpha = check.finite('alpha', scale);
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? elu_(input, this.alpha) : elu(input, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${print.float(this.alpha)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return tanh(input);
  }
}

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return sigmoid(input);
  }
}

/**
 * x times the normal distribution function of x.
 *
 * @param options.approximate `'none'` (default) or `'tanh'`.
 */
export class GELU extends Module {
  readonly #options: { approximate: 'none' | 'tanh' };

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    const { approximate = 'none', ...unknown } = check.given(options);
    super();
    check.noUnknown(unknown);
    this.#options = { approximate: check.oneOf('approximate', approximate, ['none', 'tanh']) };
  }

  get approximate(): 'none' | 'tanh' {
    return this.#options.approximate;
  }

  override forward(input: Tensor): Tensor {
    return gelu(input, this.#options);
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** log(1 + exp(beta x)) / beta, and x itself where beta x > threshold; defaults 1 and 20. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta?: number | SoftplusOptions, threshold?: number) {
    super();
    const {
      beta: slope = 1,
      threshold: linear = 20,
      ...unknown
    } = check.named<SoftplusOptions>('beta', beta, { threshold });
    check.noUnknown(unknown);
    this.beta = check.finite('beta', slope);
    this.threshold = check.finite('threshold', linear);
  }

  override forward(input: Tensor): Tensor {
    return softplus(input, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${print.float(this.beta)}, threshold=${print.float(this.threshold)}`;
  }
}

export abstract class Along extends Module {
  readonly dim: number;

  constructor(dim: number | { dim: number }) {
    super();
    const { dim: along, ...unknown } = check.named<{ dim: number }>('dim', dim);
    check.noUnknown(unknown);
    this.dim = check.int('dim', along);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** exp(x) over its sum along dimension `dim`. */
export class Softmax extends Along {
  override forward(input: Tensor): Tensor {
    return softmax(input, this.dim);
  }
}

/** The logarithm of {@link Softmax}, computed without overflow. */
export class LogSoftmax extends Along {
  override forward(input: Tensor): Tensor {
    return logSoftmax(input, this.dim);
  }
}
