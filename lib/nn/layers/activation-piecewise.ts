import { invalidArgument } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { constant_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { Activation, type InplaceOptions } from './activation.js';

/** Options of {@link Hardtanh}. */
export interface HardtanhOptions extends InplaceOptions {
  /** Default -1. */
  minVal?: number;
  /** Default 1. */
  maxVal?: number;
}

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
    const { minVal = -1, maxVal = 1, ...rest } = check.given(options);
    super(rest);
    this.minVal = check.finite('minVal', minVal);
    this.maxVal = check.finite('maxVal', maxVal);
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

/**
 * min(max(x, 0), 6).
 *
 * @example
 * new nn.ReLU6().forward(x);
 */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    const { inplace = false, ...unknown } = check.given(options);
    check.noUnknown(unknown);
    super({ minVal: 0, maxVal: 6, inplace });
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

/** A function that is zero from -lambd to lambd. */
abstract class Shrink extends Module {
  readonly lambd: number;

  constructor(lambd?: number | { lambd?: number }) {
    super();
    const { lambd: limit = 0.5, ...unknown } = check.named<{ lambd?: number }>('lambd', lambd);
    check.noUnknown(unknown);
    this.lambd = check.finite('lambd', limit);
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
    check.nonNegative('lambd', this.lambd);
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
    this.threshold = check.finite('threshold', threshold);
    this.value = check.finite('value', value);
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
    const { lower = 1 / 8, upper = 1 / 3, ...rest } = check.given(options);
    super(rest);
    this.lower = check.finite('lower', lower);
    this.upper = check.finite('upper', upper);
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
  weight: Parameter;

  constructor(numParameters?: number | PReLUOptions, options?: Omit<PReLUOptions, 'numParameters'>) {
    super();
    const given = check.named<PReLUOptions>('numParameters', numParameters, options);
    const { numParameters: count = 1, init = 0.25, device, dtype, ...unknown } = given;
    check.noUnknown(unknown);
    this.numParameters = check.positiveInt('numParameters', count);
    this.init = check.finite('init', init);
    this.weight = new Parameter(ops.empty([count], { device, dtype }));
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
