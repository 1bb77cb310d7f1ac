import { grad } from '../autograd/backward.js';
import type { Tensor } from '../tensor.js';
import { Distribution } from './distribution.js';
import { sumRightmost } from './parameters.js';

/**
 * Base of distributions with densities `h(x) exp(t(x) . n - A(n))` of natural parameters n.
 *
 * Entropies and divergences within one family follow from the gradient of the log-normalizer A.
 *
 * @example
 * new distributions.Normal(0, 1) instanceof distributions.ExponentialFamily; // true
 * @see Nielsen and Nock 2010, Entropies and cross-entropies of exponential families.
 */
export abstract class ExponentialFamily extends Distribution {
  /** @internal n. */
  get naturalParams(): readonly Tensor[] {
    throw this.lacks('natural parameters');
  }
  /** @internal A(n). */
  logNormalizer(..._naturalParams: readonly Tensor[]): Tensor {
    throw this.lacks('log-normalizer');
  }
  /** @internal The expectation of log h(x). */
  get meanCarrierMeasure(): number {
    throw this.lacks('entropy()');
  }

  override entropy(): Tensor {
    const measure = this.meanCarrierMeasure;
    const { normalizer, params, gradients } = gradientsOf(this);
    const dims = this.batchShape.length;
    return params.reduce(
      (sum, param, i) => sum.sub(sumRightmost(param.mul(gradients[i]!), param.ndim - dims)),
      normalizer.sub(measure),
    );
  }
}

/** @internal The log-normalizer of a distribution with its gradients, which can be differentiated again. */
export function gradientsOf(p: ExponentialFamily): { normalizer: Tensor; params: Tensor[]; gradients: Tensor[] } {
  const params = p.naturalParams.map((param) => param.detach().requiresGrad_());
  const normalizer = p.logNormalizer(...params);
  return { normalizer, params, gradients: grad(normalizer.sum(), params, { createGraph: true }) };
}
