import { check, flag, instance, integer, orNull } from '../../check.js';
import { full } from '../../creation/index.js';
import type { DeviceLike } from '../../device.js';
import type { Dtype } from '../../dtype.js';
import { mustHave } from '../../errors.js';
import { device as deviceKind, dtype as dtypeKind, tensor } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { ModuleList } from '../containers.js';
import { deepcopy } from '../deepcopy.js';
import { checkParts, field } from '../fields.js';
import { xavierUniform_ } from '../init.js';
import { Module } from '../module.js';
import { mostLayers } from '../sized.js';
import { MultiheadAttention } from './attention.js';
import { LayerNorm } from './norm.js';
import {
  type DecoderLayerMasks,
  decoderMaskTable,
  type EncoderLayerMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
  transformerLayerTable,
} from './transformer-layer.js';

/** A layer that an encoder repeats. */
type EncoderLayer = Module & { forward(src: Tensor, masks?: EncoderLayerMasks): Tensor };
type DecoderLayer = Module & { forward(tgt: Tensor, memory: Tensor, masks?: DecoderLayerMasks): Tensor };
type Norm = Module & { forward(input: Tensor): Tensor };

const module = instance(Module, 'a Module');
const attention = instance(MultiheadAttention, 'a MultiheadAttention');
const layerList = instance(ModuleList, 'a ModuleList');

/** Masks of an encoder: `isCausal` null has `mask` compared with the causal one. */
export interface EncoderMasks {
  mask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
  isCausal?: boolean | null;
}

/** Masks of a decoder: `tgtIsCausal` null has `tgtMask` compared with the causal one. */
export interface DecoderMasks extends Omit<DecoderLayerMasks, 'tgtIsCausal'> {
  tgtIsCausal?: boolean | null;
}

const optionalMask = [orNull(tensor), null] as const;
const hint = [orNull(flag), null] as const;
const readEncoder = optionsOf('TransformerEncoder.forward()', {
  mask: optionalMask,
  srcKeyPaddingMask: optionalMask,
  isCausal: hint,
});
const readDecoder = optionsOf('TransformerDecoder.forward()', { ...decoderMaskTable, tgtIsCausal: hint });
const readMasks = optionsOf('Transformer.forward()', {
  ...decoderMaskTable,
  srcMask: optionalMask,
  srcKeyPaddingMask: optionalMask,
  srcIsCausal: hint,
  tgtIsCausal: hint,
});

/** The mask `[size, size]` that hides what comes later: 0, and -inf above the diagonal. */
function causalMask(
  size: number,
  options: { device?: DeviceLike | undefined; dtype?: Dtype | undefined } = {},
): Tensor {
  return full([size, size], Number.NEGATIVE_INFINITY, options).triu(1);
}

function isCausalMask(mask: Tensor | null, hint: boolean | null, size: number): boolean {
  if (hint !== null || mask === null) return hint === true;
  if (String(mask.shape) !== String([size, size])) return false;
  return mask
    .eq(causalMask(size, { device: mask.device, dtype: mask.dtype }))
    .all()
    .item<boolean>();
}

/** How long the sequences of a batch, or a sequence alone, are. */
function lengthOf(x: Tensor, batchFirst: boolean): number {
  return check('src', x, tensor).shape[x.ndim === 3 && batchFirst ? 1 : 0]!;
}

/** Whether a layer with PyTorch's `self_attn` takes the batch first. */
const batchFirstOf = (layer: Module | undefined): boolean =>
  layer instanceof TransformerEncoderLayer || layer instanceof TransformerDecoderLayer
    ? field(layer, 'self_attn', attention).batchFirst === true
    : false;

/**
 * Copies of a layer, one after the other, and a norm at the end where one is given.
 *
 * Padding is always computed, as PyTorch does while training; its nested tensors of inference leave zeros there instead.
 *
 * @example
 * const encoder = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(512, 8), 6);
 * encoder.forward(torch.randn([10, 32, 512])).shape; // [10, 32, 512]
 *
 * @see Vaswani et al. 2017
 */
export class TransformerEncoder extends Module {
  layers: ModuleList<EncoderLayer>;
  readonly numLayers: number;
  norm: Norm | null;

  constructor(encoderLayer: EncoderLayer, numLayers: number, norm: Norm | null = null) {
    super();
    check('encoderLayer', encoderLayer, module);
    this.numLayers = check('numLayers', numLayers, integer(0, mostLayers));
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => deepcopy(encoderLayer)));
    this.norm = check('norm', norm, orNull(module)) as Norm | null;
  }

  override forward(src: Tensor, masks: EncoderMasks = {}): Tensor {
    const { mask, srcKeyPaddingMask, isCausal } = readEncoder(masks);
    field(this, 'layers', layerList);
    field(this, 'norm', orNull(module));
    const causal = isCausalMask(mask, isCausal, lengthOf(src, batchFirstOf(this.layers.at(0))));
    let output = src;
    for (const layer of this.layers)
      output = layer.call(output, { srcMask: mask, isCausal: causal, srcKeyPaddingMask });
    return this.norm?.call(output) ?? output;
  }
}

/**
 * Copies of a layer that attend to an encoder's output, one after the other, and a norm at the end where one is given.
 *
 * @example
 * const decoder = new nn.TransformerDecoder(new nn.TransformerDecoderLayer(512, 8), 6);
 * decoder.forward(torch.randn([20, 32, 512]), torch.randn([10, 32, 512])).shape; // [20, 32, 512]
 *
 * @see Vaswani et al. 2017
 */
export class TransformerDecoder extends Module {
  layers: ModuleList<DecoderLayer>;
  readonly numLayers: number;
  norm: Norm | null;

  constructor(decoderLayer: DecoderLayer, numLayers: number, norm: Norm | null = null) {
    super();
    check('decoderLayer', decoderLayer, module);
    this.numLayers = check('numLayers', numLayers, integer(0, mostLayers));
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => deepcopy(decoderLayer)));
    this.norm = check('norm', norm, orNull(module)) as Norm | null;
  }

  override forward(tgt: Tensor, memory: Tensor, given: DecoderMasks = {}): Tensor {
    const { tgtIsCausal, ...masks } = readDecoder(given);
    field(this, 'layers', layerList);
    field(this, 'norm', orNull(module));
    const length = lengthOf(tgt, batchFirstOf(this.layers.at(0)));
    const causal = isCausalMask(masks.tgtMask, tgtIsCausal, length);
    let output = tgt;
    for (const layer of this.layers) output = layer.call(output, memory, { ...masks, tgtIsCausal: causal });
    return this.norm?.call(output) ?? output;
  }
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Features; default 512. */
  dModel?: number;
  /** Heads of each attention; default 8. */
  nhead?: number;
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
  /** An encoder of one's own; default null. */
  customEncoder?: (Module & { forward(src: Tensor, masks?: EncoderMasks): Tensor }) | null;
  /** A decoder of one's own; default null. */
  customDecoder?: (Module & { forward(tgt: Tensor, memory: Tensor, masks?: DecoderMasks): Tensor }) | null;
}

/** What {@link Transformer.forward} takes beside source and target. */
export interface TransformerMasks {
  srcMask?: Tensor | null;
  tgtMask?: Tensor | null;
  memoryMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
  tgtKeyPaddingMask?: Tensor | null;
  memoryKeyPaddingMask?: Tensor | null;
  /** Null has `srcMask` compared with the causal one; default null. */
  srcIsCausal?: boolean | null;
  /** Null has `tgtMask` compared with the causal one; default null. */
  tgtIsCausal?: boolean | null;
  /** Default false. */
  memoryIsCausal?: boolean;
}

const readTransformer = optionsOf('Transformer', {
  dModel: [integer(1), 512],
  nhead: [integer(1), 8],
  numEncoderLayers: [integer(0, mostLayers), 6],
  numDecoderLayers: [integer(0, mostLayers), 6],
  customEncoder: [orNull(module), null],
  customDecoder: [orNull(module), null],
  ...transformerLayerTable,
});
const readSubsequent = optionsOf('generateSquareSubsequentMask()', {
  device: [deviceKind, undefined],
  dtype: [dtypeKind, undefined],
});

/**
 * An encoder and a decoder: sources `[S, N, dModel]` and targets `[T, N, dModel]` to `[T, N, dModel]`.
 *
 * @example
 * const model = new nn.Transformer({ nhead: 16, numEncoderLayers: 12 });
 * model.forward(torch.rand([10, 32, 512]), torch.rand([20, 32, 512])).shape; // [20, 32, 512]
 *
 * @see Vaswani et al. 2017
 */
export class Transformer extends Module {
  encoder: Module & { forward(src: Tensor, masks?: EncoderMasks): Tensor };
  decoder: Module & { forward(tgt: Tensor, memory: Tensor, masks?: DecoderMasks): Tensor };
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(options: TransformerOptions = {}) {
    super();
    const read = readTransformer(options, new.target.name);
    const { dModel, nhead, numEncoderLayers, numDecoderLayers, customEncoder, customDecoder, ...layer } = read;
    const { layerNormEps: eps, bias, device, dtype } = layer;
    const norm = () => new LayerNorm(dModel, { eps, bias, device, dtype });
    this.encoder =
      (customEncoder as this['encoder'] | null) ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, norm());
    this.decoder =
      (customDecoder as this['decoder'] | null) ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, norm());
    for (const parameter of this.parameters()) if (parameter.dim() > 1) xavierUniform_(parameter);
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst;
  }

  override forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    const [from, to] = [check('src', src, tensor).shape, check('tgt', tgt, tensor).shape];
    checkParts(this, 'encoder', 'decoder');
    field(this, 'dModel', integer(1));
    const batch = this.batchFirst ? 0 : 1;
    if (from.length === 3 && from[batch] !== to[batch]) {
      throw mustHave('tgt', `as many sequences as "src", ${from[batch]}`, to);
    }
    for (const [name, shape] of [['src', from] as const, ['tgt', to] as const]) {
      if (shape.at(-1) !== this.dModel) {
        throw mustHave(name, `last dimension ${this.dModel} (dModel)`, shape);
      }
    }
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...others } = readMasks(masks);
    const memory = this.encoder.call(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.call(tgt, memory, others);
  }

  /** The mask `[size, size]` that hides what comes later: 0, and -inf above the diagonal. */
  static generateSquareSubsequentMask(size: number, options: { device?: DeviceLike; dtype?: Dtype } = {}): Tensor {
    return causalMask(check('size', size, integer(0)), readSubsequent(options));
  }
}
