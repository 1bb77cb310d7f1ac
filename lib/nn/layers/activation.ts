import { finite, integer, oneOf } from '../../check.js';
import { elu, elu_, leakyRelu, leakyRelu_, relu, relu_, silu, silu_ } from '../../ops/generated/functions.js';
import { leading, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { gelu, logSoftmax, sigmoid, softmax, softplus, tanh } from '../functional/index.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { inplaceTable } from '../tables.js';

/** Whether an activation overwrites its input; default false. */
export interface InplaceOptions {
  /** Overwrite the input; default false. */
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

const readInplace = optionsOf('Activation', inplaceTable);

export abstract class Activation extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = readInplace(options, new.target.name).inplace;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/**
 * max(x, 0).
 *
 * @example
 * new nn.ReLU({ inplace: true });
 */
export class ReLU extends Activation {
  override forward(input: Tensor): Tensor {
    return this.inplace ? relu_(input) : relu(input);
  }
}

/**
 * x / (1 + exp(-x)).
 *
 * @example
 * new nn.SiLU();
 */
export class SiLU extends Activation {
  override forward(input: Tensor): Tensor {
    return this.inplace ? silu_(input) : silu(input);
  }
}

const readLeakyReLU = optionsOf('LeakyReLU', { negativeSlope: [finite, 0.01], ...inplaceTable });

/**
 * x where x > 0, else `negativeSlope` times x; default 0.01.
 *
 * @example
 * new nn.LeakyReLU(0.2);
 */
export class LeakyReLU extends Activation {
  readonly negativeSlope: number;

  constructor(negativeSlope?: number | LeakyReLUOptions, options?: InplaceOptions) {
    const read = readLeakyReLU(leading('negativeSlope', negativeSlope, options), new.target.name);
    super({ inplace: read.inplace });
    this.negativeSlope = read.negativeSlope;
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? leakyRelu_(input, this.negativeSlope) : leakyRelu(input, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negative_slope=${this.negativeSlope}${this.inplace ? ', inplace=True' : ''}`;
  }
}

const readELU = optionsOf('ELU', { alpha: [finite, 1], ...inplaceTable });

/**
 * x where x > 0, else `alpha` times (exp(x) - 1); default 1.
 *
 * @example
 * new nn.ELU();
 */
export class ELU extends Activation {
  readonly alpha: number;

  constructor(alpha?: number | ELUOptions, options?: InplaceOptions) {
    const read = readELU(leading('alpha', alpha, options), new.target.name);
    super({ inplace: read.inplace });
    this.alpha = read.alpha;
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? elu_(input, this.alpha) : elu(input, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${print.float(this.alpha)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/**
 * The hyperbolic tangent.
 *
 * @example
 * new nn.Tanh();
 */
export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return tanh(input);
  }
}

/**
 * 1 / (1 + exp(-x)).
 *
 * @example
 * new nn.Sigmoid();
 */
export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return sigmoid(input);
  }
}

const readGELU = optionsOf('GELU', { approximate: [oneOf('none', 'tanh'), 'none'] });

/**
 * x times the normal distribution function of x.
 *
 * @param options.approximate `'none'` (default) or `'tanh'`.
 *
 * @example
 * new nn.GELU({ approximate: 'tanh' });
 */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = readGELU(options, new.target.name).approximate;
  }

  override forward(input: Tensor): Tensor {
    return gelu(input, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

const readSoftplus = optionsOf('Softplus', { beta: [finite, 1], threshold: [finite, 20] });

/**
 * log(1 + exp(beta x)) / beta, and x itself where beta x > threshold; defaults 1 and 20.
 *
 * @example
 * new nn.Softplus({ beta: 2 });
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta?: number | SoftplusOptions, threshold?: number) {
    super();
    const rest = threshold === undefined ? undefined : { threshold };
    const read = readSoftplus(leading('beta', beta, rest), new.target.name);
    this.beta = read.beta;
    this.threshold = read.threshold;
  }

  override forward(input: Tensor): Tensor {
    return softplus(input, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${print.float(this.beta)}, threshold=${print.float(this.threshold)}`;
  }
}

const readAlong = optionsOf('Softmax', { dim: [integer()] });

export abstract class Along extends Module {
  readonly dim: number;

  constructor(dim: number | { dim: number }) {
    super();
    this.dim = readAlong(leading('dim', dim) ?? { dim }, new.target.name).dim;
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * exp(x) over its sum along dimension `dim`.
 *
 * @example
 * new nn.Softmax(-1);
 */
export class Softmax extends Along {
  override forward(input: Tensor): Tensor {
    return softmax(input, this.dim);
  }
}

/**
 * The logarithm of {@link Softmax}, computed without overflow.
 *
 * @example
 * new nn.LogSoftmax(-1);
 */
export class LogSoftmax extends Along {
  override forward(input: Tensor): Tensor {
    return logSoftmax(input, this.dim);
  }
}
