import { finite, finiteNonNegative, flag, integer, number } from '../../check.js';
import { cosineSimilarity, pairwiseDistance } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
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

const readPairwise = optionsOf('PairwiseDistance', { p: [number, 2], eps: [finite, 1e-6], keepdim: [flag, false] });

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
    super();
    const { p, eps, keepdim } = readPairwise(options, new.target.name);
    this.norm = p;
    this.eps = eps;
    this.keepdim = keepdim;
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

const readCosine = optionsOf('CosineSimilarity', { dim: [integer(), 1], eps: [finiteNonNegative, 1e-8] });

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
    super();
    const { dim, eps } = readCosine(options, new.target.name);
    this.dim = dim;
    this.eps = eps;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}
