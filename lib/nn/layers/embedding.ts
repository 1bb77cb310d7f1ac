import { noGrad } from '../../autograd/index.js';
import { check, flag, integer } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf, readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { embedding } from '../functional/index.js';
import { normal_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { paddingRow } from '../padding-row.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { embeddingTable, factoryTable } from '../tables.js';

/** Options of an {@link Embedding}. */
export interface EmbeddingOptions extends FactoryOptions {
  /** A row that stays zero and gets no gradient; from the end when negative. Default: null. */
  paddingIdx?: number | null;
  /** Scales the rows looked up to at most this norm, in place. Default: null. */
  maxNorm?: number | null;
  /** p of that norm; default 2. */
  normType?: number;
  /** Divides gradients by how often a row was looked up; default false. */
  scaleGradByFreq?: boolean;
  /** Makes the weight's gradient a sparse tensor; default false. */
  sparse?: boolean;
}

const readEmbedding = optionsOf('Embedding', { ...embeddingTable, ...factoryTable });

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
  declare weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, device, dtype } = readEmbedding(
      options,
      new.target.name,
    );
    this.numEmbeddings = check('numEmbeddings', numEmbeddings, integer(0));
    this.embeddingDim = check('embeddingDim', embeddingDim, integer(0));
    this.paddingIdx = paddingIdx === null ? null : paddingRow(paddingIdx, numEmbeddings);
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    this.registerParameter('weight', new Parameter(empty([numEmbeddings, embeddingDim], { device, dtype })));
    this.resetParameters();
  }

  /**
   * A layer whose table is `embeddings` `[numEmbeddings, embeddingDim]`, which it shares memory with.
   *
   * @param options.freeze whether the table is not trained; default true.
   *
   * @example
   * nn.Embedding.fromPretrained(torch.tensor([[1, 2.3, 3], [4, 5.1, 6.3]]));
   */
  static fromPretrained(embeddings: Tensor, options: EmbeddingOptions & { freeze?: boolean } = {}): Embedding {
    const { freeze = true, ...rest } = readAll('Embedding.fromPretrained()', options) as EmbeddingOptions & {
      freeze?: boolean;
    };
    const { shape } = check('embeddings', embeddings, tensor);
    if (shape.length !== 2) throw mustHave('embeddings', '2 dimensions', shape);
    check('freeze', freeze, flag);
    // Nothing is drawn for a table without memory.
    const layer = new Embedding(shape[0]!, shape[1]!, { ...rest, device: 'meta' });
    layer.weight = new Parameter(embeddings, !freeze);
    return layer;
  }

  /** Draws the table again from the standard normal distribution. */
  resetParameters(): void {
    normal_(this.weight);
    if (this.paddingIdx !== null) noGrad(() => this.weight.select(0, this.paddingIdx!).fill_(0));
  }

  override forward(input: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return embedding(input, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse });
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
