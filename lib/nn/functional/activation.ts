import { check, flag, integer, nonNegative, orNull } from '../../check.js';
import type { Dtype } from '../../dtype.js';
import { dtype as dtypeKind, tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';

/**
 * `log(1 / (1 + exp(-x)))`, element by element.
 *
 * @example
 * F.logsigmoid(x);
 */
export function logsigmoid(input: Tensor): Tensor {
  return ops.logSigmoid(check('input', input, tensor));
}

/**
 * `x / (1 + |x|)`, element by element.
 *
 * @example
 * F.softsign(torch.tensor([1, -3])); // [0.5, -0.75]
 */
export function softsign(input: Tensor): Tensor {
  return check('input', input, tensor).div(input.abs().add(1));
}

/**
 * `x - tanh(x)`, element by element.
 *
 * @example
 * F.tanhshrink(x);
 */
export function tanhshrink(input: Tensor): Tensor {
  return check('input', input, tensor).sub(input.tanh());
}

const readSoftmin = optionsOf('softmin()', { dim: [integer()], dtype: [orNull(dtypeKind), null] });

/**
 * The softmax of the negated input along a dimension.
 *
 * @example
 * F.softmin(torch.tensor([1, 1]), { dim: 0 }); // [0.5, 0.5]
 */
export function softmin(input: Tensor, options: { dim: number; dtype?: Dtype | null }): Tensor {
  const { dim, dtype } = readSoftmin(options);
  return ops.softmax(ops.neg(input), dim, { dtype });
}

/** What {@link gumbelSoftmax} takes beside the logits. */
export interface GumbelSoftmaxOptions {
  /** The temperature. Default: 1. */
  tau?: number;
  /** One-hot samples, differentiated as if they were soft. Default: false. */
  hard?: boolean;
  /** Along which dimension. Default: -1. */
  dim?: number;
}

const readGumbelSoftmax = optionsOf('gumbelSoftmax()', {
  tau: [nonNegative, 1],
  hard: [flag, false],
  dim: [integer(), -1],
});

/**
 * Samples of the Gumbel-softmax distribution of unnormalised log-probabilities.
 *
 * Jang et al., "Categorical reparameterization with Gumbel-softmax", 2017.
 *
 * @example
 * const choice = F.gumbelSoftmax(logits, { tau: 0.5, hard: true });
 */
export function gumbelSoftmax(logits: Tensor, options?: GumbelSoftmaxOptions): Tensor {
  const { tau, hard, dim } = readGumbelSoftmax(options);
  check('logits', logits, tensor);
  const noise = ops.emptyLike(logits).exponential_().log().neg();
  const soft = logits.add(noise).div(tau).softmax(dim);
  if (!hard) return soft;
  const index = soft.argmax({ dim, keepdim: true });
  const oneHot = ops.zerosLike(logits).scatter_(dim, index, 1);
  return oneHot.sub(soft.detach()).add(soft);
}
