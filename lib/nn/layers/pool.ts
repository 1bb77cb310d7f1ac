import { flag, integer, oneOrMany, orNull, sizes } from '../../check.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import {
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
} from '../functional/index.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { sized } from '../sized.js';

type Size = number | readonly number[];

/** Options of a maximum over windows; a number stands for every dimension. */
export interface MaxPoolOptions<I extends boolean = boolean> {
  /** Default null, the kernel's size. */
  stride?: Size | null;
  /** Default 0. */
  padding?: Size;
  /** Default 1. */
  dilation?: Size;
  /** Include a last window that is only partly filled; default false. */
  ceilMode?: boolean;
  /** Return the positions of the maxima too; default false. */
  returnIndices?: I;
}

const windowTable = { stride: [orNull(oneOrMany), null], padding: [oneOrMany, 0], ceilMode: [flag, false] } as const;
const readMaxPool = optionsOf('MaxPool', { ...windowTable, dilation: [oneOrMany, 1], returnIndices: [flag, false] });

export abstract class MaxPool<I extends boolean> extends Module {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly dilation: Size;
  readonly ceilMode: boolean;
  readonly returnIndices: boolean;

  constructor(n: number, kernelSize: Size, options: MaxPoolOptions<I> = {}) {
    super();
    const { stride, padding, dilation, ceilMode, returnIndices } = readMaxPool(options, new.target.name);
    this.kernelSize = sized('kernelSize', kernelSize, n);
    this.stride = sized('stride', stride ?? kernelSize, n);
    this.padding = sized('padding', padding, n, integer(0));
    this.dilation = sized('dilation', dilation, n);
    this.ceilMode = ceilMode;
    this.returnIndices = returnIndices;
  }

  protected abstract get pool(): typeof maxPool1d;
  protected abstract get poolWithIndices(): typeof maxPool1dWithIndices;

  override forward(input: Tensor): I extends true ? [Tensor, Tensor] : Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const pool = this.returnIndices ? this.poolWithIndices : this.pool;
    return pool(input, kernelSize, stride, padding, dilation, ceilMode) as I extends true ? [Tensor, Tensor] : Tensor;
  }

  override extraRepr(): string {
    return (
      `kernel_size=${print.size(this.kernelSize)}, stride=${print.size(this.stride)}, ` +
      `padding=${print.size(this.padding)}, dilation=${print.size(this.dilation)}, ceil_mode=${print.bool(this.ceilMode)}`
    );
  }
}

/**
 * Maximum over windows of `[n, channels, length]`.
 *
 * @example
 * new nn.MaxPool1d(2).forward(torch.randn([8, 16, 50]));
 */
export class MaxPool1d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Size, options?: MaxPoolOptions<I>) {
    super(1, kernelSize, options);
  }

  protected override get pool(): typeof maxPool1d {
    return maxPool1d;
  }

  protected override get poolWithIndices(): typeof maxPool1dWithIndices {
    return maxPool1dWithIndices;
  }
}

/**
 * Maximum over windows of `[n, channels, height, width]`.
 *
 * @example
 * new nn.MaxPool2d(2).forward(torch.randn([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 */
export class MaxPool2d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Size, options?: MaxPoolOptions<I>) {
    super(2, kernelSize, options);
  }

  protected override get pool(): typeof maxPool2d {
    return maxPool2d;
  }

  protected override get poolWithIndices(): typeof maxPool2dWithIndices {
    return maxPool2dWithIndices;
  }
}

/** Options of a mean over windows; a number stands for every dimension. */
export interface AvgPoolOptions {
  /** Default null, the kernel's size. */
  stride?: Size | null;
  /** Zeros on both sides; default 0. */
  padding?: Size;
  /** Include a last window that is only partly filled; default false. */
  ceilMode?: boolean;
  /** Count the padding in the mean; default true. */
  countIncludePad?: boolean;
}

const averageTable = { ...windowTable, countIncludePad: [flag, true] } as const;
const readAvgPool1d = optionsOf('AvgPool1d', averageTable);

/**
 * Mean over windows of `[n, channels, length]`.
 *
 * @example
 * new nn.AvgPool1d(2).forward(torch.randn([8, 16, 50]));
 */
export class AvgPool1d extends Module {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super();
    const { stride, padding, ceilMode, countIncludePad } = readAvgPool1d(options, new.target.name);
    this.kernelSize = sizes('kernelSize', kernelSize, 1);
    this.stride = sizes('stride', stride ?? kernelSize, 1);
    this.padding = sizes('padding', padding, 1, integer(0));
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
  }

  override forward(input: Tensor): Tensor {
    return avgPool1d(input, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }

  override extraRepr(): string {
    return `kernel_size=${print.size(this.kernelSize)}, stride=${print.size(this.stride)}, padding=${print.size(this.padding)}`;
  }
}

const readAvgPool2d = optionsOf('AvgPool2d', { ...averageTable, divisorOverride: [orNull(integer(1)), null] });

/**
 * Mean over windows of `[n, channels, height, width]`; `divisorOverride` replaces the number of elements.
 *
 * @example
 * new nn.AvgPool2d(2).forward(torch.randn([8, 16, 32, 32]));
 */
export class AvgPool2d extends Module {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(kernelSize: Size, options: AvgPoolOptions & { divisorOverride?: number | null } = {}, n = 2) {
    super();
    const read = readAvgPool2d(options, new.target.name);
    this.kernelSize = sized('kernelSize', kernelSize, n);
    this.stride = sized('stride', read.stride ?? kernelSize, n);
    this.padding = sized('padding', read.padding, n, integer(0));
    this.ceilMode = read.ceilMode;
    this.countIncludePad = read.countIncludePad;
    this.divisorOverride = read.divisorOverride;
  }

  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return avgPool2d(input, kernelSize, stride, padding, ceilMode, countIncludePad, this.divisorOverride);
  }

  override extraRepr(): string {
    return `kernel_size=${print.size(this.kernelSize)}, stride=${print.size(this.stride)}, padding=${print.size(this.padding)}`;
  }
}
