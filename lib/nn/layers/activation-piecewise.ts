import { check, finite, finiteNonNegative, integer } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { leading, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { constant_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable, inplaceTable } from '../tables.js';
import { Activation, type InplaceOptions } from './activation.js';

/** Options of {@link Hardtanh}. */
export interface HardtanhOptions extends InplaceOptions {
  /** Default -1. */
  minVal?: number;
  /** Default 1. */
  maxVal?: number;
}

const readHardtanh = optionsOf('Hardtanh', { minVal: [finite, -1], maxVal: [finite, 1], ...inplaceTable });

/**
 * x between `minVal` and `maxVal`, which values beyond them become.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` unless `minVal < maxVal`.
 *
 * @example
 * new nn.Hardtanh({ minVal: -2, maxVal: 2 }).forward(x);
 */
export class Hardtanh extends Activation {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(options: HardtanhOptions = {}) {
    const { minVal, maxVal, inplace } = readHardtanh(options, new.target.name);
    super({ inplace });
    this.minVal = minVal;
    this.maxVal = maxVal;
    if (!(minVal < maxVal)) throw invalidArgument('maxVal', `greater than minVal (${minVal})`, maxVal);
  }

  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.hardtanh_ : ops.hardtanh)(input, this.minVal, this.maxVal);
  }

  override extraRepr(): string {
    const range = `min_val=${print.float(this.minVal)}, max_val=${print.float(this.maxVal)}`;
    return this.inplace ? `${range}, inplace=True` : range;
  }
}

const readReLU6 = optionsOf('ReLU6', inplaceTable);

/**
 * min(max(x, 0), 6).
 *
 * @example
 * new nn.ReLU6().forward(x);
 */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    super({ minVal: 0, maxVal: 6, inplace: readReLU6(options, new.target.name).inplace });
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/**
 * 0 up to -3, 1 from 3 on, and x / 6 + 1 / 2 between.
 *
 * @example
 * new nn.Hardsigmoid().forward(x);
 */
export class Hardsigmoid extends Activation {
  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.hardsigmoid_ : ops.hardsigmoid)(input);
  }

  override extraRepr(): string {
    return '';
  }
}

/**
 * x times {@link Hardsigmoid} of x (Howard et al. 2019).
 *
 * @example
 * new nn.Hardswish().forward(x);
 */
export class Hardswish extends Activation {
  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.hardswish_ : ops.hardswish)(input);
  }

  override extraRepr(): string {
    return '';
  }
}

const readShrink = optionsOf('Shrink', { lambd: [finite, 0.5] });

/** A function that is zero from -lambd to lambd. */
abstract class Shrink extends Module {
  readonly lambd: number;

  constructor(lambd?: number | { lambd?: number }) {
    super();
    this.lambd = readShrink(leading('lambd', lambd), new.target.name).lambd;
  }

  override extraRepr(): string {
    return print.float(this.lambd);
  }
}

/**
 * x where |x| > `lambd` (default 0.5), else 0.
 *
 * @example
 * new nn.Hardshrink(0.3).forward(x);
 */
export class Hardshrink extends Shrink {
  override forward(input: Tensor): Tensor {
    return ops.hardshrink(input, this.lambd);
  }
}

/**
 * x moved towards zero by `lambd` (default 0.5), 0 where |x| is not larger.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where `lambd` is negative.
 *
 * @example
 * new nn.Softshrink(0.3).forward(x);
 */
export class Softshrink extends Shrink {
  constructor(lambd?: number | { lambd?: number }) {
    super(lambd);
    check('lambd', this.lambd, finiteNonNegative);
  }

  override forward(input: Tensor): Tensor {
    return ops.softshrink(input, this.lambd);
  }
}

/**
 * x where x > `threshold`, else `value`.
 *
 * @example
 * new nn.Threshold(0.1, 20).forward(x);
 */
export class Threshold extends Activation {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number, options: InplaceOptions = {}) {
    super(options);
    this.threshold = check('threshold', threshold, finite);
    this.value = check('value', value, finite);
  }

  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.threshold_ : ops.threshold)(input, this.threshold, this.value);
  }

  override extraRepr(): string {
    const text = `threshold=${this.threshold}, value=${this.value}`;
    return this.inplace ? `${text}, inplace=True` : text;
  }
}

/** Options of {@link RReLU}. */
export interface RReLUOptions extends InplaceOptions {
  /** Default 1/8. */
  lower?: number;
  /** Default 1/3. */
  upper?: number;
}

const readRReLU = optionsOf('RReLU', { lower: [finite, 1 / 8], upper: [finite, 1 / 3], ...inplaceTable });

/**
 * x where x >= 0, else x times a slope drawn uniformly from `lower` to `upper` while training, and their mean in evaluation
 * (Xu et al. 2015).
 *
 * @example
 * new nn.RReLU({ lower: 0.1, upper: 0.3 }).forward(x);
 */
export class RReLU extends Activation {
  readonly lower: number;
  readonly upper: number;

  constructor(options: RReLUOptions = {}) {
    const { lower, upper, inplace } = readRReLU(options, new.target.name);
    super({ inplace });
    this.lower = lower;
    this.upper = upper;
    if (lower > upper) throw invalidArgument('upper', `at least lower (${lower})`, upper);
  }

  override forward(input: Tensor): Tensor {
    return (this.inplace ? ops.rrelu_ : ops.rrelu)(input, this.lower, this.upper, this.training);
  }

  override extraRepr(): string {
    const range = `lower=${print.float(this.lower)}, upper=${print.float(this.upper)}`;
    return this.inplace ? `${range}, inplace=True` : range;
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions extends FactoryOptions {
  /** 1, or one slope per channel (dimension 1); default 1. */
  numParameters?: number;
  /** The slope at the start; default 0.25. */
  init?: number;
}

const readPReLU = optionsOf('PReLU', { numParameters: [integer(1), 1], init: [finite, 0.25], ...factoryTable });

/**
 * x where x >= 0, else x times a slope that is trained (He et al. 2015).
 *
 * @example
 * new nn.PReLU({ numParameters: 16 }).forward(torch.randn([2, 16, 8, 8]));
 */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  /** `[numParameters]`. */
  declare weight: Parameter;

  constructor(numParameters?: number | PReLUOptions, options?: Omit<PReLUOptions, 'numParameters'>) {
    super();
    const read = readPReLU(leading('numParameters', numParameters, options), new.target.name);
    this.numParameters = read.numParameters;
    this.init = read.init;
    this.registerParameter(
      'weight',
      new Parameter(ops.empty([read.numParameters], { device: read.device, dtype: read.dtype })),
    );
    this.resetParameters();
  }

  /** Sets the slope to `init`. */
  resetParameters(): void {
    constant_(this.weight, this.init);
  }

  override forward(input: Tensor): Tensor {
    return ops.prelu(input, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
