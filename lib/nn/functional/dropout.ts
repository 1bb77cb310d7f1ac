import { check, flag, probability } from '../../check.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';

/** What the dropout functions take beside the input. */
export interface DropoutOptions {
  /** The probability of an element or channel to become zero, in [0, 1]. Default: 0.5. */
  p?: number;
  /** Whether to drop at all. Default: true; false for the alpha dropouts. */
  training?: boolean;
  /** Write to the input. Default: false. */
  inplace?: boolean;
}

type Drop = (input: Tensor, p: number, train: boolean) => Tensor;

/** A dropout of `drop`, or of `drop_` in place. */
function dropoutOf(name: string, train: boolean, drop: Drop, drop_: Drop) {
  const read = optionsOf(`${name}()`, { p: [probability, 0.5], training: [flag, train], inplace: [flag, false] });
  return (input: Tensor, options?: DropoutOptions): Tensor => {
    const { p, training, inplace } = read(options);
    return (inplace ? drop_ : drop)(check('input', input, tensor), p, training);
  };
}

/** Zeroes whole channels of `[N, C, ...]`; an input of `unbatched` dimensions is taken as a batch of one. */
function channelDropoutOf(name: string, unbatched: number) {
  const drop = dropoutOf(name, true, ops.featureDropout, ops.featureDropout_);
  return (input: Tensor, options?: DropoutOptions): Tensor => {
    if (check('input', input, tensor).ndim !== unbatched) return drop(input, options);
    return drop(input.unsqueeze(0), options).squeeze(0);
  };
}

/**
 * Zeroes elements at random and divides the others by `1 - p`. Srivastava et al., "Dropout", 2014.
 *
 * @example
 * F.dropout(x, { p: 0.2, training: this.training });
 */
export const dropout = dropoutOf('dropout', true, ops.dropout, ops.dropout_);

/**
 * Dropout that keeps the mean and variance of self-normalising networks. Klambauer et al., 2017.
 *
 * @example
 * F.alphaDropout(x, { p: 0.2, training: this.training });
 */
export const alphaDropout = dropoutOf('alphaDropout', false, ops.alphaDropout, ops.alphaDropout_);

/**
 * {@link alphaDropout} of whole channels.
 *
 * @example
 * F.featureAlphaDropout(x, { p: 0.2, training: this.training });
 */
export const featureAlphaDropout = dropoutOf(
  'featureAlphaDropout',
  false,
  ops.featureAlphaDropout,
  ops.featureAlphaDropout_,
);

/**
 * Zeroes whole channels of `[N, C, L]` or `[C, L]`.
 *
 * @example
 * F.dropout1d(x, { p: 0.2, training: this.training });
 */
export const dropout1d = channelDropoutOf('dropout1d', 2);

/**
 * Zeroes whole channels of `[N, C, H, W]`.
 *
 * @example
 * F.dropout2d(x, { p: 0.2, training: this.training });
 */
export const dropout2d = dropoutOf('dropout2d', true, ops.featureDropout, ops.featureDropout_);

/**
 * Zeroes whole channels of `[N, C, D, H, W]` or `[C, D, H, W]`.
 *
 * @example
 * F.dropout3d(x, { p: 0.2, training: this.training });
 */
export const dropout3d = channelDropoutOf('dropout3d', 4);
