import { cosineSimilarity, pairwiseDistance } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { Module } from '../module.js';

/** Options of {@link PairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** The norm, which may be negative; default 2. */
  p?: number;
  /** Added to the difference; default 1e-6. */
  eps?: number;
  /** Keep the last dimension, with size 1; default false. */
  keepdim?: boolean;
}

/**
 * The p-norm of the difference of two tensors `[n, d]` or `[d]`, along the last dimension.
 *
 * @example
 * new nn.PairwiseDistance({ p: 1 }).forward(torch.randn([8, 4]), torch.randn([8, 4])).shape; // [8]
 */
export class PairwiseDistance extends Module {
  readonly norm: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(options: PairwiseDistanceOptions = {}) {
    const { p = 2, eps = 1e-6, keepdim = false, ...unknown } = check.given(options);
    super();
    check.noUnknown(unknown);
    this.norm = check.real('p', p);
    this.eps = check.finite('eps', eps);
    this.keepdim = check.bool('keepdim', keepdim);
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, this.norm, this.eps, this.keepdim);
  }
}

/** Options of {@link CosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** The dimension of the vectors; default 1. */
  dim?: number;
  /** The least that each norm counts; default 1e-8. */
  eps?: number;
}

/**
 * The cosine of the angle between two tensors along a dimension.
 *
 * @example
 * new nn.CosineSimilarity({ dim: -1 }).forward(torch.randn([8, 4]), torch.randn([8, 4])).shape; // [8]
 */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor(options: CosineSimilarityOptions = {}) {
    const { dim = 1, eps = 1e-8, ...unknown } = check.given(options);
    super();
    check.noUnknown(unknown);
    this.dim = check.int('dim', dim);
    this.eps = check.nonNegative('eps', eps);
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}
