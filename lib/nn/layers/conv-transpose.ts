import { check, flag, integer, oneOf, oneOrMany, sizes } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { convTranspose1d, convTranspose2d, convTranspose3d } from '../functional/index.js';
import type { FactoryOptions } from '../module.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';
import { ConvNd } from './conv.js';

/** Options of a transposed convolution; a number stands for every dimension. */
export interface ConvTransposeOptions extends FactoryOptions {
  /** Default 1. */
  stride?: number | readonly number[];
  /** What is cut from both sides of the result, `dilation * (kernelSize - 1) - padding` zeros being around the input; default 0. */
  padding?: number | readonly number[];
  /** What the result is longer on one side, to choose among the sizes that a strided convolution maps to one; default 0. */
  outputPadding?: number | readonly number[];
  /** Groups of channels that do not see each other; default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default 1. */
  dilation?: number | readonly number[];
  /** Zeros, the default, are the only padding that a transposed convolution has. */
  paddingMode?: 'zeros';
}

const readConvTranspose = optionsOf('ConvTranspose', {
  stride: [oneOrMany, 1],
  padding: [oneOrMany, 0],
  outputPadding: [oneOrMany, 0],
  groups: [integer(1), 1],
  bias: [flag, true],
  dilation: [oneOrMany, 1],
  paddingMode: [oneOf('zeros'), 'zeros'],
  ...factoryTable,
});

abstract class ConvTranspose extends ConvNd {
  readonly outputPadding: readonly number[];

  constructor(
    n: number,
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvTransposeOptions = {},
  ) {
    const { outputPadding, ...rest } = readConvTranspose(options, new.target.name);
    const extra = sizes('outputPadding', outputPadding, n, integer(0));
    super(n, inChannels, outChannels, kernelSize, rest);
    this.outputPadding = extra;
  }

  override weightShape(): number[] {
    return [this.inChannels, this.outChannels / this.groups, ...this.kernelSize];
  }

  /**
   * @param outputSize the size of the result, with or without its first dimensions, in place of `outputPadding`.
   * @throws {TorchClipError} `ERR_SHAPE` where a convolution of that size would not have given the input's.
   */
  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { weight, bias, stride, groups, dilation } = this;
    const padding = this.padding as readonly number[];
    const extra = outputSize === null ? this.outputPadding : this.paddingFor(input, outputSize);
    return this.conv(input, weight, bias, stride, padding, extra, groups, dilation);
  }

  private paddingFor(input: Tensor, outputSize: readonly number[]): number[] {
    const n = this.kernelSize.length;
    const { shape } = check('input', input, tensor);
    const others = shape.length - n;
    const full =
      Array.isArray(outputSize) && outputSize.length === shape.length ? outputSize.slice(others) : outputSize;
    const wanted = sizes('outputSize', full, n, integer(0));
    const least = shape.slice(others).map((size, d) => {
      const kernel = this.dilation[d]! * (this.kernelSize[d]! - 1) + 1;
      return (size - 1) * this.stride[d]! - 2 * (this.padding[d] as number) + kernel;
    });
    return wanted.map((size, d) => {
      const most = least[d]! + this.stride[d]! - 1;
      if (size >= least[d]! && size <= most) return size - least[d]!;
      const ranges = least.map((low, i) => `${low} to ${low + this.stride[i]! - 1}`).join(', ');
      throw mustHave('outputSize', `sizes from ${ranges}`, wanted);
    });
  }

  protected abstract get conv(): typeof convTranspose2d;

  protected override reprOfOutput(): string {
    return this.outputPadding.some((p) => p !== 0) ? `, output_padding=${print.size(this.outputPadding)}` : '';
  }
}

/**
 * Transposed convolution of `[n, inChannels, length]` with `[inChannels, outChannels / groups, kernelSize]`: the gradient of a
 * {@link Conv1d} with respect to its input.
 *
 * @example
 * new nn.ConvTranspose1d(16, 33, 3, { stride: 2 });
 */
export class ConvTranspose1d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options?: ConvTransposeOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof convTranspose1d {
    return convTranspose1d;
  }
}

/**
 * Transposed convolution of `[n, inChannels, height, width]` with `[inChannels, outChannels / groups, ...kernelSize]`.
 *
 * @example
 * new nn.ConvTranspose2d(100, 64, 4, { stride: 2, padding: 1 }).forward(torch.randn([8, 100, 8, 8])).shape; // [8, 64, 16, 16]
 */
export class ConvTranspose2d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options?: ConvTransposeOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof convTranspose2d {
    return convTranspose2d;
  }
}

/**
 * Transposed convolution of `[n, inChannels, depth, height, width]` with `[inChannels, outChannels / groups, ...kernelSize]`.
 *
 * @example
 * new nn.ConvTranspose3d(16, 8, 2, { stride: 2 }).forward(torch.randn([1, 16, 4, 4, 4])).shape; // [1, 8, 8, 8, 8]
 */
export class ConvTranspose3d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options?: ConvTransposeOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof convTranspose3d {
    return convTranspose3d;
  }
}
