import { check, integer, oneOrMany } from '../../check.js';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { fold, unfold } from '../functional/vision.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { sized } from '../sized.js';

/**
 * Rearranges `[..., channels * r * r, height, width]` to `[..., channels, height * r, width * r]` (Shi et al. 2016).
 *
 * @example
 * new nn.PixelShuffle(3).forward(torch.randn([1, 9, 4, 4])).shape; // [1, 1, 12, 12]
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = check('upscaleFactor', upscaleFactor, integer(1));
  }

  override forward(input: Tensor): Tensor {
    return pixelShuffle(input, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Undoes {@link PixelShuffle}: `[..., channels, height * r, width * r]` to `[..., channels * r * r, height, width]`.
 *
 * @example
 * new nn.PixelUnshuffle(3).forward(torch.randn([1, 1, 12, 12])).shape; // [1, 9, 4, 4]
 */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = check('downscaleFactor', downscaleFactor, integer(1));
  }

  override forward(input: Tensor): Tensor {
    return pixelUnshuffle(input, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/**
 * Deals the channels of `[n, channels, ...]` out to `groups` in turn (Zhang et al. 2018).
 *
 * @example
 * new nn.ChannelShuffle(2).forward(torch.randn([1, 4, 2, 2]));
 */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = check('groups', groups, integer(1));
  }

  override forward(input: Tensor): Tensor {
    return channelShuffle(input, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** Options of {@link Fold} and {@link Unfold}; a number stands for both dimensions. */
export interface FoldOptions {
  /** Default 1. */
  dilation?: number | readonly number[];
  /** Default 0. */
  padding?: number | readonly number[];
  /** Default 1. */
  stride?: number | readonly number[];
}

const readFold = optionsOf('Fold', { dilation: [oneOrMany, 1], padding: [oneOrMany, 0], stride: [oneOrMany, 1] });

abstract class Windows extends Module {
  readonly kernelSize: number | readonly number[];
  readonly dilation: number | readonly number[];
  readonly padding: number | readonly number[];
  readonly stride: number | readonly number[];

  constructor(kernelSize: number | readonly number[], options: FoldOptions = {}) {
    super();
    const { dilation, padding, stride } = readFold(options, new.target.name);
    this.kernelSize = sized('kernelSize', kernelSize, 2);
    this.dilation = sized('dilation', dilation, 2);
    this.padding = sized('padding', padding, 2, integer(0));
    this.stride = sized('stride', stride, 2);
  }

  override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this;
    return `kernel_size=${print.size(kernelSize)}, dilation=${print.size(dilation)}, padding=${print.size(padding)}, stride=${print.size(stride)}`;
  }
}

/**
 * The windows of `[n, channels, height, width]` as columns `[n, channels * window, windows]`.
 *
 * @example
 * new nn.Unfold([2, 3]).forward(torch.randn([2, 5, 3, 4])).shape; // [2, 30, 4]
 */
export class Unfold extends Windows {
  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return unfold(input, this.kernelSize, { dilation, padding, stride });
  }
}

/**
 * Adds columns as {@link Unfold} makes them up to images of `outputSize`.
 *
 * @example
 * new nn.Fold([4, 5], [2, 2]).forward(torch.randn([1, 3 * 2 * 2, 12])).shape; // [1, 3, 4, 5]
 */
export class Fold extends Windows {
  readonly outputSize: number | readonly number[];

  constructor(outputSize: number | readonly number[], kernelSize: number | readonly number[], options?: FoldOptions) {
    super(kernelSize, options);
    this.outputSize = sized('outputSize', outputSize, 2);
  }

  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return fold(input, this.outputSize, this.kernelSize, { dilation, padding, stride });
  }

  override extraRepr(): string {
    return `output_size=${print.size(this.outputSize)}, ${super.extraRepr()}`;
  }
}
