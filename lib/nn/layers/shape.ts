import { invalidArgument } from '../../errors.js';
import { elementsOf } from '../../iterate.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/** Gives back its input. */
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

/** Joins dimensions `startDim` to `endDim` into one; by default all but the first. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim?: number | FlattenOptions, endDim?: number) {
    super();
    const {
      startDim: start = 1,
      endDim: end = -1,
      ...unknown
    } = check.named<FlattenOptions>('startDim', startDim, { endDim });
    check.noUnknown(unknown);
    this.startDim = check.int('startDim', start);
    this.endDim = check.int('endDim', end);
  }

  override forward(input: Tensor): Tensor {
    return check.tensor('input', input).flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits dimension `dim` into dimensions of `unflattenedSize`. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = check.int('dim', dim);
    if (!Array.isArray(unflattenedSize))
      throw invalidArgument('unflattenedSize', 'an array of integers', unflattenedSize);
    this.unflattenedSize = elementsOf(unflattenedSize).map((n) => check.int('unflattenedSize', n));
  }

  override forward(input: Tensor): Tensor {
    return check.tensor('input', input).unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${print.size(this.unflattenedSize)}`;
  }
}
