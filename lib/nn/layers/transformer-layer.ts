import {
  check,
  finiteNonNegative,
  flag,
  integer,
  type Kind,
  kind,
  orNull,
  probability,
  synchronous,
} from '../../check.js';
import { tensor } from '../../kinds.js';
import { gelu, relu } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { refuseLater } from '../../sync.js';
import type { Tensor } from '../../tensor.js';
import { checkParts, field } from '../fields.js';
import { type FactoryOptions, Module } from '../module.js';
import { factoryTable } from '../tables.js';
import { MultiheadAttention } from './attention.js';
import { Dropout } from './dropout.js';
import { Linear } from './linear.js';
import { LayerNorm } from './norm.js';

/** An activation: its name, a function, or a module of one tensor. */
export type TransformerActivation =
  | 'relu'
  | 'gelu'
  | ((input: Tensor) => Tensor)
  | (Module & { forward(input: Tensor): Tensor });

/** Options of the transformer's layers. */
export interface TransformerLayerOptions extends FactoryOptions {
  /** Features between the two linear layers; default 2048. */
  dimFeedforward?: number;
  /** Default 0.1. */
  dropout?: number;
  /** Default `'relu'`. */
  activation?: TransformerActivation;
  /** Default 1e-5. */
  layerNormEps?: number;
  /** Inputs and output are `[batch, time, features]` rather than `[time, batch, features]`; default false. */
  batchFirst?: boolean;
  /** Normalise before attention and linear layers rather than after them; default false. */
  normFirst?: boolean;
  /** Whether linear layers and norms have biases; default true. */
  bias?: boolean;
}

const activation: Kind<TransformerActivation> = kind(
  '"relu", "gelu", a synchronous function or a Module',
  (v) => v === 'relu' || v === 'gelu' || synchronous().accepts(v) || v instanceof Module,
);

/** @internal */
export const transformerLayerTable = {
  dimFeedforward: [integer(1), 2048],
  dropout: [probability, 0.1],
  activation: [activation, 'relu'],
  layerNormEps: [finiteNonNegative, 1e-5],
  batchFirst: [flag, false],
  normFirst: [flag, false],
  bias: [flag, true],
  ...factoryTable,
} as const;
const readLayer = optionsOf('TransformerEncoderLayer', transformerLayerTable);

/** How a layer attends to itself. */
export interface EncoderLayerMasks {
  /** `[L, L]` or `[N * nhead, L, L]`: true, or what is added to the scores, where a position may not see another. */
  srcMask?: Tensor | null;
  /** `[N, L]`: true, or what is added to the scores, for positions that must not be attended to. */
  srcKeyPaddingMask?: Tensor | null;
  /** A hint that `srcMask` is the causal one; default false. */
  isCausal?: boolean;
}

/** How a decoder's layer attends to itself and to the encoder's output. */
export interface DecoderLayerMasks {
  tgtMask?: Tensor | null;
  memoryMask?: Tensor | null;
  tgtKeyPaddingMask?: Tensor | null;
  memoryKeyPaddingMask?: Tensor | null;
  /** A hint that `tgtMask` is the causal one; default false. */
  tgtIsCausal?: boolean;
  /** A hint that `memoryMask` is the causal one; default false. */
  memoryIsCausal?: boolean;
}

/** What one attention is told. */
interface Attending {
  attnMask: Tensor | null;
  keyPaddingMask: Tensor | null;
  isCausal: boolean;
}

const optionalMask = [orNull(tensor), null] as const;
const readEncoderMasks = optionsOf('TransformerEncoderLayer.forward()', {
  srcMask: optionalMask,
  srcKeyPaddingMask: optionalMask,
  isCausal: [flag, false],
});
/** @internal */
export const decoderMaskTable = {
  tgtMask: optionalMask,
  memoryMask: optionalMask,
  tgtKeyPaddingMask: optionalMask,
  memoryKeyPaddingMask: optionalMask,
  memoryIsCausal: [flag, false],
} as const;
const readDecoderMasks = optionsOf('TransformerDecoderLayer.forward()', {
  ...decoderMaskTable,
  tgtIsCausal: [flag, false],
});

// What both layers call in their linear half.
const linearParts = ['linear1', 'dropout', 'linear2'];

function activate(layer: object, x: Tensor): Tensor {
  const f = field(layer, 'activation', activation);
  if (f === 'relu') return relu(x);
  if (f === 'gelu') return gelu(x);
  return refuseLater('activation', f instanceof Module ? f.call(x) : f(x));
}

function attend(attention: MultiheadAttention, x: Tensor, memory: Tensor, how: Attending): Tensor {
  return attention.call(x, memory, memory, { ...how, needWeights: false })[0];
}

/**
 * Self-attention and two linear layers, each added to its input and normalised: `[L, N, dModel]` to the same shape.
 *
 * @example
 * const layer = new nn.TransformerEncoderLayer(512, 8, { batchFirst: true });
 * layer.forward(torch.randn([32, 10, 512])).shape; // [32, 10, 512]
 *
 * @see Vaswani et al. 2017
 */
export class TransformerEncoderLayer extends Module {
  self_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  activation: TransformerActivation;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const o = readLayer(options, new.target.name);
    const { dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias, device, dtype } = o;
    check('dModel', dModel, integer(1));
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, device, dtype });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, device, dtype });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, device, dtype });
    this.normFirst = o.normFirst;
    this.norm1 = new LayerNorm(dModel, { eps, bias, device, dtype });
    this.norm2 = new LayerNorm(dModel, { eps, bias, device, dtype });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = o.activation;
  }

  override forward(src: Tensor, masks: EncoderLayerMasks = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = readEncoderMasks(masks, `${this.constructor.name}.forward()`);
    check('src', src, tensor);
    checkParts(this, 'self_attn', 'norm1', 'norm2', 'dropout1', 'dropout2', ...linearParts);
    const how = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal };
    const { norm1, norm2 } = this;
    const attended = (x: Tensor) => this.dropout1.call(attend(this.self_attn, x, x, how));
    if (this.normFirst) {
      const x = src.add(attended(norm1.call(src)));
      return x.add(this.feedForward(norm2.call(x)));
    }
    const x = norm1.call(src.add(attended(src)));
    return norm2.call(x.add(this.feedForward(x)));
  }

  private feedForward(x: Tensor): Tensor {
    const hidden = this.dropout.call(activate(this, this.linear1.call(x)));
    return this.dropout2.call(this.linear2.call(hidden));
  }
}

/**
 * Self-attention, attention to the encoder's output and two linear layers, each added to its input and normalised: `[L, N, dModel]`
 * and memory `[S, N, dModel]` to `[L, N, dModel]`.
 *
 * @example
 * const layer = new nn.TransformerDecoderLayer(512, 8);
 * layer.forward(torch.randn([20, 32, 512]), torch.randn([10, 32, 512])).shape; // [20, 32, 512]
 *
 * @see Vaswani et al. 2017
 */
export class TransformerDecoderLayer extends Module {
  self_attn: MultiheadAttention;
  multihead_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  activation: TransformerActivation;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const o = readLayer(options, new.target.name);
    const { dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias, device, dtype } = o;
    check('dModel', dModel, integer(1));
    const attention = { dropout, bias, batchFirst, device, dtype };
    this.self_attn = new MultiheadAttention(dModel, nhead, attention);
    this.multihead_attn = new MultiheadAttention(dModel, nhead, attention);
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, device, dtype });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, device, dtype });
    this.normFirst = o.normFirst;
    this.norm1 = new LayerNorm(dModel, { eps, bias, device, dtype });
    this.norm2 = new LayerNorm(dModel, { eps, bias, device, dtype });
    this.norm3 = new LayerNorm(dModel, { eps, bias, device, dtype });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.activation = o.activation;
  }

  override forward(tgt: Tensor, memory: Tensor, given: DecoderLayerMasks = {}): Tensor {
    const masks = readDecoderMasks(given, `${this.constructor.name}.forward()`);
    check('tgt', tgt, tensor);
    check('memory', memory, tensor);
    checkParts(
      this,
      'self_attn',
      'multihead_attn',
      'norm1',
      'norm2',
      'norm3',
      'dropout1',
      'dropout2',
      'dropout3',
      ...linearParts,
    );
    const own = { attnMask: masks.tgtMask, keyPaddingMask: masks.tgtKeyPaddingMask, isCausal: masks.tgtIsCausal };
    const cross = {
      attnMask: masks.memoryMask,
      keyPaddingMask: masks.memoryKeyPaddingMask,
      isCausal: masks.memoryIsCausal,
    };
    const { norm1, norm2, norm3 } = this;
    const toSelf = (x: Tensor) => this.dropout1.call(attend(this.self_attn, x, x, own));
    const toMemory = (x: Tensor) => this.dropout2.call(attend(this.multihead_attn, x, memory, cross));
    if (this.normFirst) {
      const x = tgt.add(toSelf(norm1.call(tgt)));
      const y = x.add(toMemory(norm2.call(x)));
      return y.add(this.feedForward(norm3.call(y)));
    }
    const x = norm1.call(tgt.add(toSelf(tgt)));
    const y = norm2.call(x.add(toMemory(x)));
    return norm3.call(y.add(this.feedForward(y)));
  }

  private feedForward(x: Tensor): Tensor {
    const hidden = this.dropout.call(activate(this, this.linear1.call(x)));
    return this.dropout3.call(this.linear2.call(hidden));
  }
}
