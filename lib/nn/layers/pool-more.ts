import { check, flag, integer, number, oneOrMany, openFraction, orNull, sizes } from '../../check.js';
import { avgPool3d, maxPool3d, maxPool3dWithIndices } from '../../ops/generated/functions.js';
import { alternative, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { fractionalMaxPool2dWithIndices, fractionalMaxPool3dWithIndices } from '../functional/fractional.js';
import { lpPool1d, lpPool2d, lpPool3d, maxUnpool1d, maxUnpool2d, maxUnpool3d } from '../functional/pooling.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { sized } from '../sized.js';
import { AvgPool2d, type AvgPoolOptions, MaxPool, type MaxPoolOptions } from './pool.js';

type Size = number | readonly number[];

/**
 * Maximum over windows of `[n, channels, depth, height, width]`.
 *
 * @example
 * new nn.MaxPool3d(2).forward(torch.randn([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 */
export class MaxPool3d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Size, options?: MaxPoolOptions<I>) {
    super(3, kernelSize, options);
  }

  protected override get pool(): typeof maxPool3d {
    return maxPool3d;
  }

  protected override get poolWithIndices(): typeof maxPool3dWithIndices {
    return maxPool3dWithIndices;
  }
}

/**
 * Mean over windows of `[n, channels, depth, height, width]`; `divisorOverride` replaces the number of elements.
 *
 * @example
 * new nn.AvgPool3d(2).forward(torch.randn([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 */
export class AvgPool3d extends AvgPool2d {
  constructor(kernelSize: Size, options: AvgPoolOptions & { divisorOverride?: number | null } = {}) {
    super(kernelSize, options, 3);
  }

  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return avgPool3d(input, kernelSize, stride, padding, ceilMode, countIncludePad, this.divisorOverride);
  }
}

/** Options of a maximum's undoing; a number stands for every dimension. */
export interface MaxUnpoolOptions {
  /** Default the kernel's size. */
  stride?: Size | null;
  /** Default 0. */
  padding?: Size;
}

const readUnpool = optionsOf('MaxUnpool', { stride: [orNull(oneOrMany), null], padding: [oneOrMany, 0] });

abstract class MaxUnpool extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];

  constructor(n: number, kernelSize: Size, options: MaxUnpoolOptions = {}) {
    super();
    const { stride, padding } = readUnpool(options, new.target.name);
    this.kernelSize = sizes('kernelSize', kernelSize, n);
    this.stride = sizes('stride', stride ?? kernelSize, n);
    this.padding = sizes('padding', padding, n, integer(0));
  }

  protected abstract get unpool(): typeof maxUnpool2d;

  /**
   * @param indices the indices that the pooling gave with `returnIndices`.
   * @param outputSize the size of the pooling's input; default the smallest that it may have had.
   */
  override forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { stride, padding } = this;
    return this.unpool(input, indices, this.kernelSize, { stride, padding, outputSize });
  }

  override extraRepr(): string {
    return `kernel_size=${print.size(this.kernelSize)}, stride=${print.size(this.stride)}, padding=${print.size(this.padding)}`;
  }
}

/**
 * Puts the maxima of {@link MaxPool1d} back where they were, zeros elsewhere.
 *
 * @example
 * const [y, indices] = new nn.MaxPool1d(2, { returnIndices: true }).forward(x);
 * new nn.MaxUnpool1d(2).forward(y, indices, x.shape);
 */
export class MaxUnpool1d extends MaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolOptions) {
    super(1, kernelSize, options);
  }

  protected override get unpool(): typeof maxUnpool1d {
    return maxUnpool1d;
  }
}

/**
 * Puts the maxima of {@link MaxPool2d} back where they were, zeros elsewhere.
 *
 * @example
 * const [y, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x);
 * new nn.MaxUnpool2d(2).forward(y, indices, x.shape);
 */
export class MaxUnpool2d extends MaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolOptions) {
    super(2, kernelSize, options);
  }

  protected override get unpool(): typeof maxUnpool2d {
    return maxUnpool2d;
  }
}

/**
 * Puts the maxima of {@link MaxPool3d} back where they were, zeros elsewhere.
 *
 * @example
 * const [y, indices] = new nn.MaxPool3d(2, { returnIndices: true }).forward(x);
 * new nn.MaxUnpool3d(2).forward(y, indices, x.shape);
 */
export class MaxUnpool3d extends MaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolOptions) {
    super(3, kernelSize, options);
  }

  protected override get unpool(): typeof maxUnpool3d {
    return maxUnpool3d;
  }
}

/** Options of a pooling by norms; a number stands for every dimension. */
export interface LPPoolOptions {
  /** Default the kernel's size. */
  stride?: Size | null;
  /** Keep a last window that is not full; default false. */
  ceilMode?: boolean;
}

const readLPPool = optionsOf('LPPool', { stride: [orNull(oneOrMany), null], ceilMode: [flag, false] });

abstract class LPPool extends Module {
  readonly normType: number;
  readonly kernelSize: Size;
  readonly stride: Size | null;
  readonly ceilMode: boolean;

  constructor(n: number, normType: number, kernelSize: Size, options: LPPoolOptions = {}) {
    super();
    const { stride, ceilMode } = readLPPool(options, new.target.name);
    this.normType = check('normType', normType, number);
    this.kernelSize = sized('kernelSize', kernelSize, n);
    this.stride = stride === null ? null : sized('stride', stride, n);
    this.ceilMode = ceilMode;
  }

  protected abstract get pool(): typeof lpPool2d;

  override forward(input: Tensor): Tensor {
    const { stride, ceilMode } = this;
    return this.pool(input, this.normType, this.kernelSize, { stride, ceilMode });
  }

  override extraRepr(): string {
    const { normType, kernelSize, stride } = this;
    return `norm_type=${normType}, kernel_size=${print.size(kernelSize)}, stride=${print.size(stride)}, ceil_mode=${print.bool(this.ceilMode)}`;
  }
}

/**
 * The `normType`-norm of windows of `[n, channels, length]`.
 *
 * @example
 * new nn.LPPool1d(2, 3, { stride: 2 }).forward(torch.randn([1, 4, 9])).shape; // [1, 4, 4]
 */
export class LPPool1d extends LPPool {
  constructor(normType: number, kernelSize: Size, options?: LPPoolOptions) {
    super(1, normType, kernelSize, options);
  }

  protected override get pool(): typeof lpPool1d {
    return lpPool1d;
  }
}

/**
 * The `normType`-norm of windows of `[n, channels, height, width]`.
 *
 * @example
 * new nn.LPPool2d(2, 3, { stride: 2 }).forward(torch.randn([1, 4, 9, 9])).shape; // [1, 4, 4, 4]
 */
export class LPPool2d extends LPPool {
  constructor(normType: number, kernelSize: Size, options?: LPPoolOptions) {
    super(2, normType, kernelSize, options);
  }

  protected override get pool(): typeof lpPool2d {
    return lpPool2d;
  }
}

/**
 * The `normType`-norm of windows of `[n, channels, depth, height, width]`.
 *
 * @example
 * new nn.LPPool3d(2, 3, { stride: 2 }).forward(torch.randn([1, 4, 9, 9, 9])).shape; // [1, 4, 4, 4, 4]
 */
export class LPPool3d extends LPPool {
  constructor(normType: number, kernelSize: Size, options?: LPPoolOptions) {
    super(3, normType, kernelSize, options);
  }

  protected override get pool(): typeof lpPool3d {
    return lpPool3d;
  }
}

/** Options of {@link FractionalMaxPool2d} and {@link FractionalMaxPool3d}: one of `outputSize` and `outputRatio`. */
export interface FractionalMaxPoolModuleOptions<I extends boolean = boolean> {
  /** The spatial sizes of the result; default null, by `outputRatio`. */
  outputSize?: Size | null;
  /** What the spatial sizes are multiplied with, between 0 and 1; default null, by `outputSize`. */
  outputRatio?: Size | null;
  /** Give the positions of the maxima too; default false. */
  returnIndices?: I;
}

const readFractional = optionsOf('FractionalMaxPool', {
  outputSize: [orNull(oneOrMany), null],
  outputRatio: [orNull(oneOrMany), null],
  returnIndices: [flag, false],
});

abstract class FractionalMaxPool<I extends boolean> extends Module {
  readonly kernelSize: readonly number[];
  readonly outputSize: readonly number[] | null;
  readonly outputRatio: readonly number[] | null;
  readonly returnIndices: boolean;

  constructor(n: number, kernelSize: Size, options: FractionalMaxPoolModuleOptions<I>) {
    super();
    const { outputSize, outputRatio, returnIndices } = readFractional(options, new.target.name);
    alternative(new.target.name, { outputSize, outputRatio });
    this.kernelSize = sizes('kernelSize', kernelSize, n);
    this.outputSize = outputSize === null ? null : sizes('outputSize', outputSize, n);
    this.outputRatio = outputRatio === null ? null : sizes('outputRatio', outputRatio, n, openFraction);
    this.returnIndices = returnIndices;
  }

  protected abstract get pool(): typeof fractionalMaxPool2dWithIndices;

  override forward(input: Tensor): I extends true ? [Tensor, Tensor] : Tensor {
    const { outputSize, outputRatio } = this;
    const both = this.pool(input, this.kernelSize, { outputSize, outputRatio });
    return (this.returnIndices ? both : both[0]) as I extends true ? [Tensor, Tensor] : Tensor;
  }
}

/**
 * Maximum over windows of `[n, channels, height, width]` that fall at random such that the result has a wanted size.
 *
 * @example
 * new nn.FractionalMaxPool2d(2, { outputRatio: 0.7 }).forward(torch.randn([1, 3, 10, 10])).shape; // [1, 3, 7, 7]
 *
 * @see Graham 2014
 */
export class FractionalMaxPool2d<I extends boolean = false> extends FractionalMaxPool<I> {
  constructor(kernelSize: Size, options: FractionalMaxPoolModuleOptions<I>) {
    super(2, kernelSize, options);
  }

  protected override get pool(): typeof fractionalMaxPool2dWithIndices {
    return fractionalMaxPool2dWithIndices;
  }
}

/**
 * Maximum over windows of `[n, channels, depth, height, width]` that fall at random such that the result has a wanted size.
 *
 * @example
 * new nn.FractionalMaxPool3d(2, { outputSize: 4 }).forward(torch.randn([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 *
 * @see Graham 2014
 */
export class FractionalMaxPool3d<I extends boolean = false> extends FractionalMaxPool<I> {
  constructor(kernelSize: Size, options: FractionalMaxPoolModuleOptions<I>) {
    super(3, kernelSize, options);
  }

  protected override get pool(): typeof fractionalMaxPool3dWithIndices {
    return fractionalMaxPool3dWithIndices;
  }
}
