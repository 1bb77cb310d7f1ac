import { noGrad } from '../../autograd.js';
import { invalidArgument } from '../../errors.js';
import { embedding, embeddingRenorm_, empty } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { normal_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';

/** How an {@link Embedding} looks up its rows. */
export interface EmbeddingOptions extends FactoryOptions {
  /** A row that stays zero and gets no gradient; from the end when negative. */
  paddingIdx?: number | null;
  /** Scales the rows looked up to at most this norm, in place. */
  maxNorm?: number | null;
  /** p of that norm; default 2. */
  normType?: number;
  /** Divides gradients by how often a row was looked up; default false. */
  scaleGradByFreq?: boolean;
  /** Makes the weight's gradient a sparse tensor; default false. */
  sparse?: boolean;
}

/**
 * A table of vectors: indices of any shape `[...]` to `[..., embeddingDim]`.
 *
 * @example
 * new nn.Embedding(10, 3).forward(torch.tensor([1n, 4n])).shape; // [2, 3]
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  /** `[numEmbeddings, embeddingDim]`. */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    check.given(options);
    super();
    const {
      paddingIdx,
      maxNorm,
      normType = 2,
      scaleGradByFreq = false,
      sparse = false,
      device,
      dtype,
      ...unknown
    } = options;
    check.noUnknown(unknown);
    this.numEmbeddings = check.nonNegativeInt('numEmbeddings', numEmbeddings);
    this.embeddingDim = check.nonNegativeInt('embeddingDim', embeddingDim);
    this.paddingIdx = paddingIdx == null ? null : row(paddingIdx, numEmbeddings);
    this.maxNorm = maxNorm == null ? null : check.nonNegative('maxNorm', maxNorm);
    this.normType = check.finite('normType', normType);
    this.scaleGradByFreq = check.bool('scaleGradByFreq', scaleGradByFreq);
    this.sparse = check.bool('sparse', sparse);
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], { device, dtype }));
    this.resetParameters();
  }

  /** Draws the table anew from the standard normal distribution. */
  resetParameters(): void {
    normal_(this.weight);
    if (this.paddingIdx !== null) noGrad(() => this.weight.select(0, this.paddingIdx!).fill_(0));
  }

  override forward(input: Tensor): Tensor {
    if (this.maxNorm !== null)
      embeddingRenorm_(this.weight.detach(), check.tensor('input', input).contiguous(), this.maxNorm, this.normType);
    return embedding(this.weight, input, this.paddingIdx ?? -1, this.scaleGradByFreq, this.sparse);
  }

  override extraRepr(): string {
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (this.paddingIdx !== null) text += `, padding_idx=${this.paddingIdx}`;
    if (this.maxNorm !== null) text += `, max_norm=${print.float(this.maxNorm)}`;
    if (this.normType !== 2) text += `, norm_type=${print.float(this.normType)}`;
    if (this.scaleGradByFreq) text += ', scale_grad_by_freq=True';
    if (this.sparse) text += ', sparse=True';
    return text;
  }
}

function row(index: number, rows: number): number {
  if (!Number.isInteger(index) || index < -rows || index >= rows) {
    throw invalidArgument('paddingIdx', `an integer in [${-rows}, ${rows})`, index, 'ERR_INDEX');
  }
  return index < 0 ? index + rows : index;
}
