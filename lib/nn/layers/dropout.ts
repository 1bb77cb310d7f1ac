import { probability } from '../../check.js';
import { leading, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { dropout, dropout2d } from '../functional/index.js';
import { Module } from '../module.js';
import * as print from '../print.js';
import { inplaceTable } from '../tables.js';
import type { InplaceOptions } from './activation.js';

/** The probability of a zero, default 0.5, and whether the input is overwritten. */
export interface DropoutOptions extends InplaceOptions {
  p?: number;
}

const readDropout = optionsOf('Dropout', { p: [probability, 0.5], ...inplaceTable });

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
    const read = readDropout(leading('p', p, options), new.target.name);
    this.p = read.p;
    this.inplace = read.inplace;
  }

  override forward(input: Tensor): Tensor {
    return dropout(input, { p: this.p, training: this.training, inplace: this.inplace });
  }

  override extraRepr(): string {
    return `p=${print.float(this.p)}, inplace=${print.bool(this.inplace)}`;
  }
}

/**
 * As {@link Dropout}, for whole channels of `[n, channels, height, width]`.
 *
 * @example
 * new nn.Dropout2d(0.2).forward(torch.randn([8, 16, 32, 32]));
 */
export class Dropout2d extends Dropout {
  override forward(input: Tensor): Tensor {
    return dropout2d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}
