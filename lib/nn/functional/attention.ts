import { check, flag, integer, orNull, probability } from '../../check.js';
import { bool, type Dtype } from '../../dtype.js';
import { invalidArgument, mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import {
  baddbmm,
  bmm,
  cat,
  linear,
  pad,
  scaledDotProductAttention,
  zeros,
  zerosLike,
} from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { dropout } from './dropout.js';

/** What {@link multiHeadAttentionForward} takes after its weights. */
export interface MultiHeadAttentionOptions {
  /** Apply dropout. Default: true. */
  training?: boolean;
  /** Keys that are ignored, `[N, S]` (or `[S]`): true, or what is added to their scores. Default: null. */
  keyPaddingMask?: Tensor | null;
  /** Give the attention's weights too, which rules out the fused kernels. Default: true. */
  needWeights?: boolean;
  /** Which query may not see which key, `[L, S]` or `[N * heads, L, S]`: true, or what is added to the scores. Default: null. */
  attnMask?: Tensor | null;
  /** The weights as the mean over the heads. Default: true. */
  averageAttnWeights?: boolean;
  /** A hint that `attnMask`, which must be given, is the causal one. Default: false. */
  isCausal?: boolean;
  /** Take the three weights below in place of `inProjWeight`. Default: false. */
  useSeparateProjWeight?: boolean;
  /** The projection of queries, with `useSeparateProjWeight`. Default: null. */
  qProjWeight?: Tensor | null;
  /** The projection of keys, with `useSeparateProjWeight`. Default: null. */
  kProjWeight?: Tensor | null;
  /** The projection of values, with `useSeparateProjWeight`. Default: null. */
  vProjWeight?: Tensor | null;
  /** Keys and values that are given rather than projected, `[N * heads, S, D / heads]`. Default: null. */
  staticK?: Tensor | null;
  /** Values in place of the projected ones. Default: null. */
  staticV?: Tensor | null;
}

const optionalTensor = [orNull(tensor), null] as const;
const readAttention = optionsOf('multiHeadAttentionForward()', {
  training: [flag, true],
  keyPaddingMask: optionalTensor,
  needWeights: [flag, true],
  attnMask: optionalTensor,
  averageAttnWeights: [flag, true],
  isCausal: [flag, false],
  useSeparateProjWeight: [flag, false],
  qProjWeight: optionalTensor,
  kProjWeight: optionalTensor,
  vProjWeight: optionalTensor,
  staticK: optionalTensor,
  staticV: optionalTensor,
});

/** @internal A mask as what is added to scores: -inf where a boolean one is true. */
export function additiveMask(name: string, mask: Tensor | null, dtype: Dtype): Tensor | null {
  if (mask === null || mask.dtype.isFloatingPoint) return mask;
  if (mask.dtype !== bool) {
    throw mustHave(name, 'dtype bool or a floating-point dtype', mask.dtype.name, 'ERR_DTYPE');
  }
  return zerosLike(mask, { dtype }).maskedFill_(mask, Number.NEGATIVE_INFINITY);
}

function ofShape(name: string, t: Tensor, ...shapes: (readonly number[])[]): Tensor {
  if (shapes.some((shape) => sameShape(shape, t.shape))) return t;
  const expected = shapes.map((shape) => `[${shape.join(', ')}]`).join(' or ');
  throw mustHave(name, `shape ${expected}`, t.shape);
}

function ofDims(name: string, t: Tensor, ...dims: number[]): Tensor {
  if (dims.includes(t.ndim)) return t;
  throw mustHave(name, `${dims.join(' or ')} dimensions`, t.shape);
}

/** Projects query, key and value; equal ones by one product. */
function packedProjection(q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | null): [Tensor, Tensor, Tensor] {
  const size = q.shape.at(-1)!;
  const parts = (x: Tensor, weight: Tensor, bias: Tensor | null, n: number) =>
    linear(x, weight, bias).unflatten(-1, [n, size]).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous();
  if (k === v && q === k) {
    const all = parts(q, w, b, 3);
    return [all.select(0, 0), all.select(0, 1), all.select(0, 2)];
  }
  if (k === v) {
    const [wq, wkv] = w.splitWithSizes([size, 2 * size]) as [Tensor, Tensor];
    const [bq, bkv] = b === null ? [null, null] : (b.splitWithSizes([size, 2 * size]) as [Tensor, Tensor]);
    const both = parts(k, wkv, bkv, 2);
    return [linear(q, wq, bq), both.select(0, 0), both.select(0, 1)];
  }
  return separateProjection(q, k, v, w.chunk(3) as [Tensor, Tensor, Tensor], b);
}

function separateProjection(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  [wq, wk, wv]: readonly [Tensor, Tensor, Tensor],
  b: Tensor | null,
): [Tensor, Tensor, Tensor] {
  const [bq, bk, bv] = b === null ? [null, null, null] : (b.chunk(3) as [Tensor, Tensor, Tensor]);
  return [linear(q, wq, bq), linear(k, wk, bk), linear(v, wv, bv)];
}

/**
 * Multi-head attention with given weights: queries `[L, N, D]`, keys and values `[S, N, D]`, all without the `N` for one sample.
 *
 * {@link MultiheadAttention} is the module over it.
 *
 * @param embedDimToCheck D, which must be a multiple of `numHeads`.
 * @param inProjWeight `[3 * D, D]`; null with `useSeparateProjWeight`.
 * @param biasK a further key, `[1, 1, D]`, or null; `biasV` is its value.
 * @param addZeroAttn add a key and a value of zeros.
 * @returns the output `[L, N, D]` and the weights `[N, L, S]`, `[N, heads, L, S]` without averaging, or null.
 *
 * @example
 * const [output] = F.multiHeadAttentionForward(x, x, x, 16, 4, w, b, null, null, false, 0, out.weight, out.bias);
 *
 * @see Vaswani et al. 2017
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embedDimToCheck: number,
  numHeads: number,
  inProjWeight: Tensor | null,
  inProjBias: Tensor | null,
  biasK: Tensor | null,
  biasV: Tensor | null,
  addZeroAttn: boolean,
  dropoutP: number,
  outProjWeight: Tensor,
  outProjBias: Tensor | null,
  options: MultiHeadAttentionOptions = {},
): [output: Tensor, weights: Tensor | null] {
  const o = readAttention(options);
  const dims = ofDims('query', check('query', query, tensor), 2, 3).ndim;
  ofDims('key', check('key', key, tensor), dims);
  ofDims('value', check('value', value, tensor), dims);
  check('embedDimToCheck', embedDimToCheck, integer(1));
  check('numHeads', numHeads, integer(1));
  check('inProjBias', inProjBias, orNull(tensor));
  check('addZeroAttn', addZeroAttn, flag);
  check('dropoutP', dropoutP, probability);
  check('outProjWeight', outProjWeight, tensor);
  check('outProjBias', outProjBias, orNull(tensor));
  if (o.keyPaddingMask !== null) ofDims('keyPaddingMask', o.keyPaddingMask, dims - 1);
  const alone = dims === 2;
  if (alone) {
    const batch = new Map([query, key, value].map((t) => [t, t.unsqueeze(1)]));
    [query, key, value] = [batch.get(query)!, batch.get(key)!, batch.get(value)!];
  }
  const [length, batch, size] = query.shape as [number, number, number];
  if (size !== embedDimToCheck) {
    throw mustHave('query', `last dimension ${embedDimToCheck}`, query.shape);
  }
  if (size % numHeads !== 0) throw invalidArgument('numHeads', `a divisor of ${size}`, numHeads);
  const heads = size / numHeads;
  let keyPadding = additiveMask('keyPaddingMask', o.keyPaddingMask, query.dtype);
  if (alone) keyPadding &&= keyPadding.unsqueeze(0);
  if (o.isCausal && o.attnMask === null) {
    throw new TorchClipError('ERR_ARGUMENT', '"isCausal" is a hint about "attnMask", which must be given');
  }
  let causal = o.isCausal;
  let mask: Tensor | null = null;
  if (!(causal && keyPadding === null && !o.needWeights)) {
    mask = additiveMask('attnMask', o.attnMask, query.dtype);
    if (keyPadding !== null) causal = false;
  }

  let [q, k, v]: [Tensor, Tensor, Tensor] = [query, key, value];
  if (o.useSeparateProjWeight) {
    const weights = [o.qProjWeight, o.kProjWeight, o.vProjWeight].map((w, i) =>
      check(`${'qkv'[i]}ProjWeight`, w, tensor),
    );
    ofShape('value', value, [key.shape[0]!, key.shape[1]!, value.shape[2]!]);
    [q, k, v] = separateProjection(query, key, value, weights as [Tensor, Tensor, Tensor], inProjBias);
  } else {
    ofShape('value', value, key.shape);
    [q, k, v] = packedProjection(query, key, value, check('inProjWeight', inProjWeight, tensor) as Tensor, inProjBias);
  }
  if (mask !== null) {
    const keys = key.shape[0]!;
    ofShape('attnMask', mask, [length, keys], [batch * numHeads, length, keys]);
    if (mask.ndim === 2) mask = mask.unsqueeze(0);
  }
  const widen = () => {
    mask &&= pad(mask, [0, 1]);
    keyPadding &&= pad(keyPadding, [0, 1]);
  };
  if (biasK !== null || biasV !== null) {
    k = cat([k, check('biasK', biasK, tensor)!.repeat([1, batch, 1])]);
    v = cat([v, check('biasV', biasV, tensor)!.repeat([1, batch, 1])]);
    widen();
  }
  const split = (x: Tensor) => x.reshape([x.shape[0]!, batch * numHeads, heads]).transpose(0, 1);
  q = split(q);
  k = o.staticK === null ? split(k) : ofShape('staticK', o.staticK, [batch * numHeads, o.staticK.shape[1]!, heads]);
  v = o.staticV === null ? split(v) : ofShape('staticV', o.staticV, [batch * numHeads, o.staticV.shape[1]!, heads]);
  if (addZeroAttn) {
    const none = zeros([batch * numHeads, 1, heads], { dtype: k.dtype, device: k.device });
    [k, v] = [cat([k, none], 1), cat([v, none], 1)];
    widen();
  }
  const sources = k.shape[1]!;
  if (keyPadding !== null) {
    ofShape('keyPaddingMask', keyPadding, [batch, sources]);
    const each = keyPadding.reshape([batch, 1, 1, sources]).expand(-1, numHeads, -1, -1);
    const perHead = each.reshape([batch * numHeads, 1, sources]);
    mask = mask === null ? perHead : mask.add(perHead);
  }
  const p = o.training ? dropoutP : 0;
  const projected = (x: Tensor) => {
    const output = linear(x.reshape([length * batch, size]), outProjWeight, outProjBias);
    const shaped = output.reshape([length, batch, output.shape[1]!]);
    return alone ? shaped.squeeze(1) : shaped;
  };
  if (!o.needWeights) {
    const inHeads = (x: Tensor) => x.reshape([batch, numHeads, x.shape[1]!, heads]);
    const shaped =
      mask === null || mask.shape[0] === 1
        ? (mask?.unsqueeze(0) ?? null)
        : mask.reshape([batch, numHeads, -1, sources]);
    const attended = scaledDotProductAttention(inHeads(q), inHeads(k), inHeads(v), shaped, p, causal);
    return [projected(attended.permute(2, 0, 1, 3)), null];
  }
  const scaled = q.mul(Math.sqrt(1 / heads));
  const scores = mask === null ? bmm(scaled, k.transpose(-2, -1)) : baddbmm(mask, scaled, k.transpose(-2, -1));
  const weights = scores.softmax(-1);
  const used = p > 0 ? dropout(weights, { p }) : weights;
  const output = projected(bmm(used, v).transpose(0, 1));
  const perHead = used.reshape([batch, numHeads, length, sources]);
  const shown = o.averageAttnWeights ? perHead.mean(1) : perHead;
  return [output, alone ? shown.squeeze(0) : shown];
}
