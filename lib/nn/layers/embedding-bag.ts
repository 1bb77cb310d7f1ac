import { noGrad } from '../../autograd/index.js';
import { check, flag, integer, oneOf } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf, readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { embeddingBag } from '../functional/index.js';
import { normal_ } from '../init.js';
import { Module } from '../module.js';
import { paddingRow } from '../padding-row.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { bagModes, embeddingTable, factoryTable } from '../tables.js';
import type { EmbeddingOptions } from './embedding.js';

/** How an {@link EmbeddingBag} reduces its rows; `paddingIdx` is a row that does not count. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Default `'mean'`. */
  mode?: 'sum' | 'mean' | 'max';
  /** Whether the last offset is the end of the last bag; default false. */
  includeLastOffset?: boolean;
}

const readEmbeddingBag = optionsOf('EmbeddingBag', {
  ...embeddingTable,
  mode: [oneOf(...bagModes), 'mean'],
  includeLastOffset: [flag, false],
  ...factoryTable,
});

/**
 * Sums, means or maxima of bags of rows of a table, without making the rows: indices `[bags, n]`, or `[n]` with `offsets` `[bags]`,
 * to `[bags, embeddingDim]`.
 *
 * @example
 * const bag = new nn.EmbeddingBag(10, 3, { mode: 'sum' });
 * bag.forward(torch.tensor([1n, 2n, 4n, 5n]), torch.tensor([0n, 3n])).shape; // [2, 3]
 */
export class EmbeddingBag extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  readonly mode: 'sum' | 'mean' | 'max';
  readonly includeLastOffset: boolean;
  /** `[numEmbeddings, embeddingDim]`. */
  declare weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagOptions = {}) {
    super();
    const read = readEmbeddingBag(options, new.target.name);
    this.numEmbeddings = check('numEmbeddings', numEmbeddings, integer(0));
    this.embeddingDim = check('embeddingDim', embeddingDim, integer(0));
    this.paddingIdx = read.paddingIdx === null ? null : paddingRow(read.paddingIdx, numEmbeddings);
    this.maxNorm = read.maxNorm;
    this.normType = read.normType;
    this.scaleGradByFreq = read.scaleGradByFreq;
    this.sparse = read.sparse;
    this.mode = read.mode;
    this.includeLastOffset = read.includeLastOffset;
    this.registerParameter(
      'weight',
      new Parameter(empty([numEmbeddings, embeddingDim], { device: read.device, dtype: read.dtype })),
    );
    this.resetParameters();
  }

  /**
   * A layer whose table is `embeddings` `[numEmbeddings, embeddingDim]`, which it shares memory with.
   *
   * @param options.freeze whether the table is not trained; default true.
   *
   * @example
   * nn.EmbeddingBag.fromPretrained(torch.tensor([[1, 2.3, 3], [4, 5.1, 6.3]]));
   */
  static fromPretrained(embeddings: Tensor, options: EmbeddingBagOptions & { freeze?: boolean } = {}): EmbeddingBag {
    const { freeze = true, ...rest } = readAll('EmbeddingBag.fromPretrained()', options) as EmbeddingBagOptions & {
      freeze?: boolean;
    };
    const { shape } = check('embeddings', embeddings, tensor);
    if (shape.length !== 2) throw mustHave('embeddings', '2 dimensions', shape);
    check('freeze', freeze, flag);
    // Nothing is drawn for a table without memory.
    const layer = new EmbeddingBag(shape[0]!, shape[1]!, { ...rest, device: 'meta' });
    layer.weight = new Parameter(embeddings, !freeze);
    return layer;
  }

  /** Draws the table again from the standard normal distribution. */
  resetParameters(): void {
    normal_(this.weight);
    if (this.paddingIdx !== null) noGrad(() => this.weight.select(0, this.paddingIdx!).fill_(0));
  }

  /**
   * @param offsets where each bag starts in a flat `input`; null where `input` has a bag per row.
   * @param perSampleWeights a weight for each index, of the shape of `input`, for the mode `'sum'`.
   */
  override forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, mode, includeLastOffset } = this;
    const how = { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, mode, includeLastOffset };
    return embeddingBag(input, this.weight, { ...how, offsets, perSampleWeights });
  }

  override extraRepr(): string {
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (this.maxNorm !== null) text += `, max_norm=${print.float(this.maxNorm)}`;
    if (this.normType !== 2) text += `, norm_type=${print.float(this.normType)}`;
    if (this.scaleGradByFreq) text += ', scale_grad_by_freq=True';
    text += `, mode='${this.mode}'`;
    if (this.paddingIdx !== null) text += `, padding_idx=${this.paddingIdx}`;
    return text;
  }
}
