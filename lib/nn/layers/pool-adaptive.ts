import { check, flag, integer, orNull } from '../../check.js';
import { tensor } from '../../kinds.js';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { sized } from '../sized.js';

/** A size for every spatial dimension, or one for each, where null keeps the input's. */
export type OutputSize = number | null | readonly (number | null)[];

function outputSize(value: OutputSize, n: number): OutputSize {
  return value === null ? null : sized('outputSize', value, n, orNull(integer(0)));
}

/** The sizes in numbers: null stands for the input's own. */
function sizesFor(input: Tensor, size: OutputSize, n: number): number[] {
  const kept = check('input', input, tensor).shape.slice(-n);
  return kept.map((own, d) => (Array.isArray(size) ? size[d] : size) ?? own);
}

/**
 * Mean over as many windows of `[n, channels, length]` as `outputSize` asks for.
 *
 * @example
 * new nn.AdaptiveAvgPool1d(1).forward(torch.randn([8, 16, 50]));
 */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    this.outputSize = check('outputSize', outputSize, integer(1));
  }

  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool1d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${this.outputSize}`;
  }
}

/**
 * Mean over as many windows of `[n, channels, height, width]` as `outputSize` asks for; null keeps a dimension.
 *
 * @example
 * new nn.AdaptiveAvgPool2d([1, 1]).forward(torch.randn([8, 16, 32, 32]));
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: number | readonly (number | null)[];

  constructor(outputSize: number | readonly (number | null)[]) {
    super();
    this.outputSize = sized('outputSize', outputSize, 2, orNull(integer(0)));
  }

  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool2d(input, sizesFor(input, this.outputSize, 2));
  }

  override extraRepr(): string {
    return `output_size=${print.size(this.outputSize)}`;
  }
}

/**
 * Mean over as many windows of `[n, channels, depth, height, width]` as `outputSize` asks for; null keeps a dimension.
 *
 * @example
 * new nn.AdaptiveAvgPool3d([2, null, 3]).forward(torch.randn([1, 4, 8, 7, 6])).shape; // [1, 4, 2, 7, 3]
 */
export class AdaptiveAvgPool3d extends Module {
  readonly outputSize: OutputSize;

  constructor(size: OutputSize) {
    super();
    this.outputSize = outputSize(size, 3);
  }

  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool3d(input, sizesFor(input, this.outputSize, 3));
  }

  override extraRepr(): string {
    return `output_size=${print.size(this.outputSize)}`;
  }
}

/** Options of an adaptive maximum. */
export interface AdaptiveMaxPoolOptions<I extends boolean = boolean> {
  /** Give the positions of the maxima too; default false. */
  returnIndices?: I;
}

const readAdaptive = optionsOf('AdaptiveMaxPool', { returnIndices: [flag, false] });

abstract class AdaptiveMaxPool<I extends boolean> extends Module {
  readonly outputSize: OutputSize;
  readonly returnIndices: boolean;
  protected readonly dims: number;

  constructor(dims: number, size: OutputSize, options: AdaptiveMaxPoolOptions<I> = {}) {
    super();
    this.dims = dims;
    this.outputSize = outputSize(size, dims);
    this.returnIndices = readAdaptive(options, new.target.name).returnIndices;
  }

  protected abstract pool(input: Tensor, size: readonly number[]): [Tensor, Tensor];

  override forward(input: Tensor): I extends true ? [Tensor, Tensor] : Tensor {
    const both = this.pool(input, sizesFor(input, this.outputSize, field(this, 'dims', integer(1, 3))));
    return (this.returnIndices ? both : both[0]) as I extends true ? [Tensor, Tensor] : Tensor;
  }

  override extraRepr(): string {
    return `output_size=${print.size(this.outputSize)}`;
  }
}

/**
 * Maximum over as many windows of `[n, channels, length]` as `outputSize` asks for.
 *
 * @example
 * new nn.AdaptiveMaxPool1d(3).forward(torch.randn([1, 4, 8])).shape; // [1, 4, 3]
 */
export class AdaptiveMaxPool1d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(outputSize: OutputSize, options?: AdaptiveMaxPoolOptions<I>) {
    super(1, outputSize, options);
  }

  protected override pool(input: Tensor, size: readonly number[]): [Tensor, Tensor] {
    return adaptiveMaxPool1d(input, size);
  }
}

/**
 * Maximum over as many windows of `[n, channels, height, width]` as `outputSize` asks for; null keeps a dimension.
 *
 * @example
 * const [y, indices] = new nn.AdaptiveMaxPool2d([3, null], { returnIndices: true }).forward(torch.randn([1, 4, 8, 7]));
 */
export class AdaptiveMaxPool2d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(outputSize: OutputSize, options?: AdaptiveMaxPoolOptions<I>) {
    super(2, outputSize, options);
  }

  protected override pool(input: Tensor, size: readonly number[]): [Tensor, Tensor] {
    return adaptiveMaxPool2d(input, size);
  }
}

/**
 * Maximum over as many windows of `[n, channels, depth, height, width]` as `outputSize` asks for; null keeps a dimension.
 *
 * @example
 * new nn.AdaptiveMaxPool3d(2).forward(torch.randn([1, 4, 8, 7, 6])).shape; // [1, 4, 2, 2, 2]
 */
export class AdaptiveMaxPool3d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(outputSize: OutputSize, options?: AdaptiveMaxPoolOptions<I>) {
    super(3, outputSize, options);
  }

  protected override pool(input: Tensor, size: readonly number[]): [Tensor, Tensor] {
    return adaptiveMaxPool3d(input, size);
  }
}
