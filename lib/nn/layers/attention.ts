import { check, flag, integer, orNull, probability } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkParts } from '../fields.js';
import { type MultiHeadAttentionOptions, multiHeadAttentionForward } from '../functional/attention.js';
import { constant_, xavierNormal_, xavierUniform_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { factoryTable } from '../tables.js';
import { Linear } from './linear.js';

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Dropout of the attention's weights; default 0. */
  dropout?: number;
  /** Whether the projections have biases; default true. */
  bias?: boolean;
  /** Add a key and a value that are trained; default false. */
  addBiasKv?: boolean;
  /** Add a key and a value of zeros; default false. */
  addZeroAttn?: boolean;
  /** Features of the keys; default null, which is `embedDim`. */
  kdim?: number | null;
  /** Features of the values; default null, which is `embedDim`. */
  vdim?: number | null;
  /** Inputs and output are `[batch, time, features]` rather than `[time, batch, features]`; default false. */
  batchFirst?: boolean;
}

/** What {@link MultiheadAttention.forward} takes beside query, key and value. */
export type AttentionOptions = Pick<
  MultiHeadAttentionOptions,
  'keyPaddingMask' | 'needWeights' | 'attnMask' | 'averageAttnWeights' | 'isCausal'
>;

const readMultihead = optionsOf('MultiheadAttention', {
  dropout: [probability, 0],
  bias: [flag, true],
  addBiasKv: [flag, false],
  addZeroAttn: [flag, false],
  kdim: [orNull(integer(1)), null],
  vdim: [orNull(integer(1)), null],
  batchFirst: [flag, false],
  ...factoryTable,
});
const readAttention = optionsOf('MultiheadAttention.forward()', {
  keyPaddingMask: [orNull(tensor), null],
  needWeights: [flag, true],
  attnMask: [orNull(tensor), null],
  averageAttnWeights: [flag, true],
  isCausal: [flag, false],
});

/** @internal The output projection, printed under PyTorch's name for it. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention with several heads: queries `[L, N, embedDim]`, keys `[S, N, kdim]` and values `[S, N, vdim]`.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` unless `embedDim` is a multiple of `numHeads`.
 *
 * @example
 * const attention = new nn.MultiheadAttention(16, 4, { batchFirst: true });
 * const [output, weights] = attention.forward(x, x, x);
 *
 * @see Vaswani et al. 2017
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  /** `[3 * embedDim, embedDim]`: query, key and value; null where `kdim` or `vdim` differ. */
  in_proj_weight: Parameter | null = null;
  q_proj_weight: Parameter | null = null;
  k_proj_weight: Parameter | null = null;
  v_proj_weight: Parameter | null = null;
  /** `[3 * embedDim]`, or null. */
  in_proj_bias: Parameter | null;
  bias_k: Parameter | null;
  bias_v: Parameter | null;
  out_proj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const o = readMultihead(options, new.target.name);
    const { bias, device, dtype } = o;
    this.embedDim = check('embedDim', embedDim, integer(1));
    this.numHeads = check('numHeads', numHeads, integer(1));
    if (embedDim % numHeads !== 0) throw invalidArgument('embedDim', `a multiple of numHeads (${numHeads})`, embedDim);
    this.kdim = o.kdim ?? embedDim;
    this.vdim = o.vdim ?? embedDim;
    this.dropout = o.dropout;
    this.batchFirst = o.batchFirst;
    this.addZeroAttn = o.addZeroAttn;
    const make = (shape: number[]) => new Parameter(empty(shape, { device, dtype }));
    // In the order in which PyTorch registers them, which is that of the state dict.
    if (this.sameSizes) {
      this.in_proj_weight = make([3 * embedDim, embedDim]);
    } else {
      this.q_proj_weight = make([embedDim, embedDim]);
      this.k_proj_weight = make([embedDim, this.kdim]);
      this.v_proj_weight = make([embedDim, this.vdim]);
    }
    this.in_proj_bias = bias ? make([3 * embedDim]) : null;
    this.bias_k = o.addBiasKv ? make([1, 1, embedDim]) : null;
    this.bias_v = o.addBiasKv ? make([1, 1, embedDim]) : null;
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, device, dtype });
    this.resetParameters();
  }

  private get sameSizes(): boolean {
    return this.kdim === this.embedDim && this.vdim === this.embedDim;
  }

  /** Draws the input projections and the added key and value again, and sets the biases to 0. */
  resetParameters(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) {
      if (weight !== null) xavierUniform_(weight);
    }
    if (this.in_proj_bias !== null) {
      constant_(this.in_proj_bias, 0);
      checkParts(this, 'out_proj');
      constant_(this.out_proj.bias!, 0);
    }
    if (this.bias_k !== null) xavierNormal_(this.bias_k);
    if (this.bias_v !== null) xavierNormal_(this.bias_v);
  }

  /**
   * @returns the output `[L, N, embedDim]`, and the weights `[N, L, S]` (`[N, numHeads, L, S]` without averaging) or null with
   * `needWeights: false`, which allows for fused kernels.
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    const { keyPaddingMask, needWeights, attnMask, averageAttnWeights, isCausal } = readAttention(options);
    const swapped = this.batchFirst && check('query', query, tensor).ndim === 3;
    // Equal ones stay the same object, by which the projections are joined.
    const q = swapped ? query.transpose(0, 1) : query;
    const k = !swapped ? key : key === query ? q : check('key', key, tensor).transpose(0, 1);
    const v = !swapped ? value : value === key ? k : check('value', value, tensor).transpose(0, 1);
    checkParts(this, 'out_proj');
    const [output, weights] = multiHeadAttentionForward(
      q,
      k,
      v,
      this.embedDim,
      this.numHeads,
      this.in_proj_weight,
      this.in_proj_bias,
      this.bias_k,
      this.bias_v,
      this.addZeroAttn,
      this.dropout,
      this.out_proj.weight,
      this.out_proj.bias,
      {
        training: this.training,
        keyPaddingMask,
        needWeights,
        attnMask,
        averageAttnWeights,
        isCausal,
        useSeparateProjWeight: !this.sameSizes,
        qProjWeight: this.q_proj_weight,
        kProjWeight: this.k_proj_weight,
        vProjWeight: this.v_proj_weight,
      },
    );
    return [swapped ? output.transpose(0, 1) : output, weights];
  }
}
