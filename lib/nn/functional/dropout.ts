import { invalidArgument } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { withDefaults } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkTensors } from './arguments.js';

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

function run(name: string, training: boolean, input: Tensor, options: unknown, drop: Drop, drop_: Drop): Tensor {
  const chosen = withDefaults(name, options, { p: 0.5, training, inplace: false });
  const { p } = chosen;
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) throw invalidArgument('p', 'a probability from 0 to 1', p);
  return (chosen.inplace ? drop_ : drop)(input, p, chosen.training);
}

/** Zeroes elements at random and divides the others by `1 - p`. Srivastava et al., "Dropout", 2014. */
export function dropout(input: Tensor, options?: DropoutOptions): Tensor {
  return run('dropout', true, input, options, ops.dropout, ops.dropout_);
}

/** Dropout that keeps the mean and variance of self-normalising networks. Klambauer et al., 2017. */
export function alphaDropout(input: Tensor, options?: DropoutOptions): Tensor {
  return run('alphaDropout', false, input, options, ops.alphaDropout, ops.alphaDropout_);
}

/** {@link alphaDropout} of whole channels. */
export function featureAlphaDropout(input: Tensor, options?: DropoutOptions): Tensor {
  return run('featureAlphaDropout', false, input, options, ops.featureAlphaDropout, ops.featureAlphaDropout_);
}

/** Zeroes whole channels of `[N, C, ...]`; without the batch dimension the input is taken as a batch of one. */
function channels(name: string, unbatched: number, input: Tensor, options: unknown): Tensor {
  checkTensors({ input });
  const batched = input.ndim === unbatched ? input.unsqueeze(0) : input;
  const result = run(name, true, batched, options, ops.featureDropout, ops.featureDropout_);
  return batched === input ? result : result.squeeze(0);
}

/** Zeroes whole channels of `[N, C, L]` or `[C, L]`. */
export function dropout1d(input: Tensor, options?: DropoutOptions): Tensor {
  return channels('dropout1d', 2, input, options);
}

/** Zeroes whole channels of `[N, C, H, W]`. */
export function dropout2d(input: Tensor, options?: DropoutOptions): Tensor {
  return run('dropout2d', true, input, options, ops.featureDropout, ops.featureDropout_);
}

/** Zeroes whole channels of `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function dropout3d(input: Tensor, options?: DropoutOptions): Tensor {
  return channels('dropout3d', 4, input, options);
}
