import { check, flag, integer, type Kind, kind, oneOf, oneOrMany, sizes } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { conv1d, conv2d, conv3d, pad } from '../functional/index.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';
import { resetWeightAndBias } from './linear.js';

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const;

/** Options of a convolution; a number stands for every dimension. */
export interface ConvOptions extends FactoryOptions {
  /** Default 1. */
  stride?: number | readonly number[];
  /** On both sides, or `'same'` (keeps the size, stride 1 only) or `'valid'` (none); default 0. */
  padding?: number | readonly number[] | 'same' | 'valid';
  /** Default 1. */
  dilation?: number | readonly number[];
  /** Groups of channels that do not see each other; default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** What the padding holds; default `'zeros'`. */
  paddingMode?: (typeof PADDING_MODES)[number];
}

const paddings: Kind<number | readonly number[] | 'same' | 'valid'> = kind(
  `"same", "valid", ${oneOrMany.expected}`,
  (value) => value === 'same' || value === 'valid' || oneOrMany.accepts(value),
);

const readConv = optionsOf('Conv', {
  stride: [oneOrMany, 1],
  padding: [paddings, 0],
  dilation: [oneOrMany, 1],
  groups: [integer(1), 1],
  bias: [flag, true],
  paddingMode: [oneOf(...PADDING_MODES), 'zeros'],
  ...factoryTable,
});

/** What a convolution and a transposed one share, once their options are read. */
export abstract class ConvNd extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: (typeof PADDING_MODES)[number];
  /** `[outChannels, inChannels / groups, ...kernelSize]`; with the first two exchanged where it is transposed. */
  declare weight: Parameter;
  /** `[outChannels]`, or null. */
  declare bias: Parameter | null;

  constructor(
    n: number,
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options: Required<Omit<ConvOptions, keyof FactoryOptions>> & FactoryOptions,
  ) {
    super();
    const { stride, padding, dilation, groups, bias, paddingMode, device, dtype } = options;
    // None only in a lazy layer, which learns them from its first input.
    this.inChannels = check('inChannels', inChannels, integer(0));
    this.outChannels = check('outChannels', outChannels, integer(0));
    this.groups = groups;
    if (inChannels % groups !== 0) throw invalidArgument('inChannels', `a multiple of groups (${groups})`, inChannels);
    if (outChannels % groups !== 0) {
      throw invalidArgument('outChannels', `a multiple of groups (${groups})`, outChannels);
    }
    this.kernelSize = sizes('kernelSize', kernelSize, n);
    this.stride = sizes('stride', stride, n);
    this.dilation = sizes('dilation', dilation, n);
    this.padding = typeof padding === 'string' ? padding : sizes('padding', padding, n, integer(0));
    if (padding === 'same' && this.stride.some((s) => s !== 1)) {
      throw invalidArgument('stride', '1 where padding is "same"', stride);
    }
    this.paddingMode = paddingMode;
    this.registerParameter('weight', new Parameter(empty(this.weightShape(), { device, dtype })));
    this.registerParameter('bias', bias ? new Parameter(empty([outChannels], { device, dtype })) : null);
    this.resetParameters();
  }

  /** @internal The shape of the weight for the channels that it has now. */
  abstract weightShape(): number[];

  /** Draws weight and bias again, uniformly up to 1 / sqrt(the weight's elements without its first dimension). */
  resetParameters(): void {
    resetWeightAndBias(this.weight, this.bias);
  }

  override extraRepr(): string {
    const { padding, dilation } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${print.size(this.kernelSize)}, stride=${print.size(this.stride)}`;
    if (typeof padding === 'string' || padding.some((p) => p !== 0)) text += `, padding=${print.size(padding)}`;
    if (dilation.some((d) => d !== 1)) text += `, dilation=${print.size(dilation)}`;
    text += this.reprOfOutput();
    if (this.groups !== 1) text += `, groups=${this.groups}`;
    if (this.bias === null) text += ', bias=False';
    if (this.paddingMode !== 'zeros') text += `, padding_mode=${this.paddingMode}`;
    return text;
  }

  protected reprOfOutput(): string {
    return '';
  }
}

abstract class Conv extends ConvNd {
  /** Both sides of each dimension, the last one first, as `pad` takes them; undefined where the convolution pads with zeros. */
  private readonly sides: readonly number[] | undefined;

  constructor(
    n: number,
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvOptions = {},
  ) {
    super(n, inChannels, outChannels, kernelSize, readConv(options, new.target.name));
    this.sides = this.paddingMode === 'zeros' ? undefined : this.bothSides();
  }

  override weightShape(): number[] {
    return [this.outChannels, this.inChannels / this.groups, ...this.kernelSize];
  }

  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups } = this;
    const padded = this.sides ? pad(input, this.sides, this.paddingMode) : input;
    return this.conv(padded, weight, bias, stride, this.sides ? 0 : this.padding, dilation, groups);
  }

  protected abstract get conv(): typeof conv1d;

  private bothSides(): number[] {
    return this.kernelSize
      .flatMap((kernel, i) => {
        if (this.padding === 'valid') return [0, 0];
        if (this.padding !== 'same') return [this.padding[i]!, this.padding[i]!];
        const total = this.dilation[i]! * (kernel - 1);
        const left = Math.floor(total / 2);
        return [total - left, left];
      })
      .reverse();
  }
}

/**
 * Convolution of `[n, inChannels, length]` with `[outChannels, inChannels / groups, kernelSize]`.
 *
 * @example
 * new nn.Conv1d(16, 33, 3, { stride: 2 });
 */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options?: ConvOptions) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof conv1d {
    return conv1d;
  }
}

/**
 * Convolution of `[n, inChannels, height, width]` with `[outChannels, inChannels / groups, ...kernelSize]`.
 *
 * @example
 * new nn.Conv2d(3, 16, 3, { padding: 1 }).forward(torch.randn([8, 3, 32, 32])).shape; // [8, 16, 32, 32]
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options?: ConvOptions) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof conv2d {
    return conv2d;
  }
}

/**
 * Convolution of `[n, inChannels, depth, height, width]` with `[outChannels, inChannels / groups, ...kernelSize]`.
 *
 * @example
 * new nn.Conv3d(3, 16, 3, { padding: 1 }).forward(torch.randn([2, 3, 8, 8, 8])).shape; // [2, 16, 8, 8, 8]
 */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options?: ConvOptions) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  protected override get conv(): typeof conv3d {
    return conv3d;
  }
}
