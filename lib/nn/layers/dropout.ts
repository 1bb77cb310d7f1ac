import { dropout, dropout_, featureDropout, featureDropout_ } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import type { InplaceOptions } from './activation.js';

/** The probability of a zero, default 0.5, and whether the input is overwritten. */
export interface DropoutOptions extends InplaceOptions {
  p?: number;
}

/**
 * While training, sets each element to zero with probability `p` and scales the rest by 1 / (1 - p); in evaluation, nothing.
 *
 * @example
 * new nn.Dropout(0.1);
 * new nn.Dropout({ p: 0.1, inplace: true });
 *
 * @see Srivastava et al. 2014
 */
export class Dropout extends Module {
  readonly p: number;
  readonly inplace: boolean;

  constructor(p?: number | DropoutOptions, options?: InplaceOptions) {
    super();
    const { p: rate = 0.5, inplace = false, ...unknown } = check.named<DropoutOptions>('p', p, options);
    check.noUnknown(unknown);
    this.p = check.probability('p', rate);
    this.inplace = check.bool('inplace', inplace);
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? dropout_(input, this.p, this.training) : dropout(input, this.p, this.training);
  }

  override extraRepr(): string {
    return `p=${print.float(this.p)}, inplace=${print.bool(this.inplace)}`;
  }
}

/** As {@link Dropout}, for whole channels of `[n, channels, height, width]`. */
export class Dropout2d extends Dropout {
  override forward(input: Tensor): Tensor {
    return this.inplace ? featureDropout_(input, this.p, this.training) : featureDropout(input, this.p, this.training);
  }
}
