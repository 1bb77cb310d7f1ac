import { check, elementsOf, integer } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { leading, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/**
 * Gives back its input.
 *
 * @example
 * block.shortcut = new nn.Identity();
 */
export class Identity extends Module {
  override forward(input: Tensor): Tensor {
    return input;
  }
}

/** The first and the last dimension that become one; defaults 1 and -1. */
export interface FlattenOptions {
  startDim?: number;
  endDim?: number;
}

const readFlatten = optionsOf('Flatten', { startDim: [integer(), 1], endDim: [integer(), -1] });

/**
 * Joins dimensions `startDim` to `endDim` into one; by default all but the first.
 *
 * @example
 * new nn.Flatten().forward(torch.randn([8, 16, 4, 4])).shape; // [8, 256]
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim?: number | FlattenOptions, endDim?: number) {
    super();
    const rest = endDim === undefined ? undefined : { endDim };
    const read = readFlatten(leading('startDim', startDim, rest), new.target.name);
    this.startDim = read.startDim;
    this.endDim = read.endDim;
  }

  override forward(input: Tensor): Tensor {
    return check('input', input, tensor).flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * Splits dimension `dim` into dimensions of `unflattenedSize`.
 *
 * @example
 * new nn.Unflatten(1, [16, 4, 4]).forward(torch.randn([8, 256])).shape; // [8, 16, 4, 4]
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = check('dim', dim, integer());
    if (!Array.isArray(unflattenedSize))
      throw invalidArgument('unflattenedSize', 'an array of integers', unflattenedSize);
    this.unflattenedSize = elementsOf(unflattenedSize).map((n) => check('unflattenedSize', n, integer()));
  }

  override forward(input: Tensor): Tensor {
    return check('input', input, tensor).unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${print.size(this.unflattenedSize)}`;
  }
}
