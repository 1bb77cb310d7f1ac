import { check, integer, oneOf } from '../../check.js';
import type { DeviceLike } from '../../device.js';
import { bool } from '../../dtype.js';
import { device as deviceKind } from '../../kinds.js';
import { ones } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { keep } from '../../scope.js';
import { Tensor } from '../../tensor.js';

/** Where the diagonal of a causal mask begins: at the first query and key, or at the last ones. */
export const CausalVariant = { UPPER_LEFT: 'upperLeft', LOWER_RIGHT: 'lowerRight' } as const;
/** One of {@link CausalVariant}. */
export type CausalVariant = (typeof CausalVariant)[keyof typeof CausalVariant];

const readBias = optionsOf('CausalBias', { device: [deviceKind, undefined] });

/**
 * A causal mask of `[seqLenQ, seqLenKv]` (bool), true where a query may see a key; `scaledDotProductAttention` takes it as `attnMask`.
 *
 * The two variants differ where there are more keys than queries, as with a cache of keys. With `LOWER_RIGHT` and fewer keys than
 * queries, the first queries see nothing and their result is NaN.
 *
 * @example
 * const mask = new nn.attention.bias.CausalBias(nn.attention.bias.CausalVariant.LOWER_RIGHT, 1, 128);
 */
export class CausalBias extends Tensor {
  readonly variant: CausalVariant;
  readonly seqLenQ: number;
  readonly seqLenKv: number;

  constructor(variant: CausalVariant, seqLenQ: number, seqLenKv: number, options: { device?: DeviceLike } = {}) {
    const { device } = readBias(options);
    check('variant', variant, oneOf(...Object.values(CausalVariant)));
    const [rows, columns] = [check('seqLenQ', seqLenQ, integer(0)), check('seqLenKv', seqLenKv, integer(0))];
    const diagonal = variant === CausalVariant.LOWER_RIGHT ? columns - rows : 0;
    super(keep(ones([rows, columns], { dtype: bool, device }).tril(diagonal)).handle);
    this.escapes = true;
    this.variant = variant;
    this.seqLenQ = rows;
    this.seqLenKv = columns;
  }
}

/**
 * The causal mask whose diagonal begins at the first query and key.
 *
 * @example
 * const attnMask = nn.attention.bias.causalUpperLeft(q.shape[2], k.shape[2]);
 * nn.functional.scaledDotProductAttention(q, k, v, { attnMask });
 */
export function causalUpperLeft(seqLenQ: number, seqLenKv: number, options?: { device?: DeviceLike }): CausalBias {
  return new CausalBias(CausalVariant.UPPER_LEFT, seqLenQ, seqLenKv, options);
}

/**
 * The causal mask whose diagonal ends at the last query and key: each query sees the keys up to its own position, counted from the end.
 *
 * @example
 * const attnMask = nn.attention.bias.causalLowerRight(q.shape[2], k.shape[2]);
 * nn.functional.scaledDotProductAttention(q, k, v, { attnMask });
 */
export function causalLowerRight(seqLenQ: number, seqLenKv: number, options?: { device?: DeviceLike }): CausalBias {
  return new CausalBias(CausalVariant.LOWER_RIGHT, seqLenQ, seqLenKv, options);
}
