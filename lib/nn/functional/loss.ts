import { invalidArgument, TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { withDefaults } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkTensors, type Reduction, reductionCode } from './arguments.js';

/** What every loss takes beside its tensors. */
export interface LossOptions {
  /** Default: `'mean'`. */
  reduction?: Reduction;
}

const mean = 'mean' as Reduction;

function reduce(loss: Tensor, reduction: Reduction): Tensor {
  const code = reductionCode(reduction);
  return code === 0 ? loss : code === 1 ? loss.mean() : loss.sum();
}

/** The squared differences. */
export function mseLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = withDefaults('mseLoss', options, { reduction: mean });
  return ops.mseLoss(input, target, { reduction: reductionCode(reduction) });
}

/** The absolute differences. */
export function l1Loss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = withDefaults('l1Loss', options, { reduction: mean });
  return ops.l1Loss(input, target, { reduction: reductionCode(reduction) });
}

/** Squared differences below `beta` (default 1), absolute ones above. */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: LossOptions & { beta?: number }): Tensor {
  const { reduction, beta } = withDefaults('smoothL1Loss', options, { reduction: mean, beta: 1 });
  return ops.smoothL1Loss(input, target, { reduction: reductionCode(reduction), beta });
}

/** Half the squared differences up to `delta` (default 1), absolute ones times `delta` above. */
export function huberLoss(input: Tensor, target: Tensor, options?: LossOptions & { delta?: number }): Tensor {
  const { reduction, delta } = withDefaults('huberLoss', options, { reduction: mean, delta: 1 });
  return ops.huberLoss(input, target, { reduction: reductionCode(reduction), delta });
}

/** What {@link crossEntropy} takes beside its tensors. */
export interface CrossEntropyOptions extends LossOptions {
  /** A weight a class, of shape `[C]`. Default: null. */
  weight?: Tensor | null;
  /** A target class that counts for nothing. Default: -100. */
  ignoreIndex?: number;
  /** In [0, 1]: how much of each target is spread over all classes. Default: 0. */
  labelSmoothing?: number;
}

/**
 * The cross entropy of unnormalised logits.
 *
 * @param input logits `[N, C, ...]` or `[C]`.
 * @param target classes (int64) `[N, ...]`, or class probabilities of the input's shape.
 * @example
 * F.crossEntropy(model.forward(x), labels).backward();
 */
export function crossEntropy(input: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  const { weight, ignoreIndex, reduction, labelSmoothing } = withDefaults('crossEntropy', options, {
    weight: null as Tensor | null,
    ignoreIndex: -100,
    reduction: mean,
    labelSmoothing: 0,
  });
  return ops.crossEntropyLoss(input, target, {
    weight,
    reduction: reductionCode(reduction),
    ignoreIndex,
    labelSmoothing,
  });
}

/** The negative log-likelihood of log-probabilities `[N, C, ...]` at target classes `[N, ...]`. */
export function nllLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null; ignoreIndex?: number },
): Tensor {
  const { weight, ignoreIndex, reduction } = withDefaults('nllLoss', options, {
    weight: null as Tensor | null,
    ignoreIndex: -100,
    reduction: mean,
  });
  return ops.nllLossNd(input, target, { weight, reduction: reductionCode(reduction), ignoreIndex });
}

/** The cross entropy of probabilities and targets in [0, 1] of one shape; `weight` multiplies the elements. */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null },
): Tensor {
  const { weight, reduction } = withDefaults('binaryCrossEntropy', options, {
    weight: null as Tensor | null,
    reduction: mean,
  });
  sameShape(input, target);
  if (weight !== null) checkTensors({ weight });
  const spread = weight === null ? null : weight.expand(input.shape);
  return ops.binaryCrossEntropy(input, target, { weight: spread, reduction: reductionCode(reduction) });
}

/** {@link binaryCrossEntropy} of logits; `posWeight` multiplies the positive targets. */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null },
): Tensor {
  const { weight, posWeight, reduction } = withDefaults('binaryCrossEntropyWithLogits', options, {
    weight: null as Tensor | null,
    posWeight: null as Tensor | null,
    reduction: mean,
  });
  sameShape(input, target);
  return ops.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction: reductionCode(reduction) });
}

/** Broadcasting here is nearly always a mistake. */
function sameShape(input: Tensor, target: Tensor): void {
  checkTensors({ input, target });
  if (String(input.shape) !== String(target.shape)) {
    const message = `"target" must have the shape of "input", [${input.shape}], got [${target.shape}]`;
    throw new TorchClipError('ERR_SHAPE', message);
  }
}

/** The Kullback-Leibler divergence of log-probabilities from target probabilities (logs of them with `logTarget`). */
export function klDiv(
  input: Tensor,
  target: Tensor,
  options?: { reduction?: Reduction | 'batchmean'; logTarget?: boolean },
): Tensor {
  const { reduction, logTarget } = withDefaults('klDiv', options, {
    reduction: mean as Reduction | 'batchmean',
    logTarget: false,
  });
  const perBatch = reduction === 'batchmean';
  const code = reductionCode(perBatch ? 'sum' : reduction);
  const loss = ops.klDiv(input, target, { reduction: code, logTarget });
  return perBatch && input.ndim > 0 ? loss.div(input.shape[0]!) : loss;
}

/** The negative log-likelihood of counts under Poisson distributions whose rates (logs of them by default) are the input. */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { logInput?: boolean; full?: boolean; eps?: number },
): Tensor {
  const { logInput, full, eps, reduction } = withDefaults('poissonNllLoss', options, {
    logInput: true,
    full: false,
    eps: 1e-8,
    reduction: mean,
  });
  return ops.poissonNllLoss(input, target, logInput, full, eps, reductionCode(reduction));
}

/** The negative log-likelihood of targets under Gaussians of means `input` and variances `variance`. */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options?: LossOptions & { full?: boolean; eps?: number },
): Tensor {
  const { full, eps, reduction } = withDefaults('gaussianNllLoss', options, {
    full: false,
    eps: 1e-6,
    reduction: mean,
  });
  checkTensors({ input, target, variance });
  const spread = variance.ndim === input.ndim - 1 ? variance.unsqueeze(-1) : variance;
  // The clamp's own derivative is 1 here, as PyTorch has it.
  const floor = spread.detach().clamp({ min: eps }).sub(spread.detach());
  const safe = spread.add(floor);
  const difference = input.sub(target);
  const loss = safe.log().add(difference.mul(difference).div(safe)).mul(0.5);
  return reduce(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

/** `1 - cos(a, b)` where the target is 1, `max(0, cos(a, b) - margin)` where it is -1. */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: LossOptions & { margin?: number },
): Tensor {
  const { margin, reduction } = withDefaults('cosineEmbeddingLoss', options, { margin: 0, reduction: mean });
  return ops.cosineEmbeddingLoss(input1, input2, target, { margin, reduction: reductionCode(reduction) });
}

/** `x` where the target is 1, `max(0, margin - x)` where it is -1. */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options?: LossOptions & { margin?: number }): Tensor {
  const { margin, reduction } = withDefaults('hingeEmbeddingLoss', options, { margin: 1, reduction: mean });
  return ops.hingeEmbeddingLoss(input, target, { margin, reduction: reductionCode(reduction) });
}

/** `max(0, -target * (a - b) + margin)`. */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: LossOptions & { margin?: number },
): Tensor {
  const { margin, reduction } = withDefaults('marginRankingLoss', options, { margin: 0, reduction: mean });
  return ops.marginRankingLoss(input1, input2, target, { margin, reduction: reductionCode(reduction) });
}

/** The multi-class hinge loss of scores `[N, C]` at target classes `[N]`. */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null },
): Tensor {
  const { p, margin, weight, reduction } = withDefaults('multiMarginLoss', options, {
    p: 1 as 1 | 2,
    margin: 1,
    weight: null as Tensor | null,
    reduction: mean,
  });
  return ops.multiMarginLoss(input, target, { p, margin, weight, reduction: reductionCode(reduction) });
}

/** The multi-label hinge loss of scores `[N, C]` at lists of classes `[N, C]` that end with -1. */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = withDefaults('multilabelMarginLoss', options, { reduction: mean });
  return ops.multilabelMarginLoss(input, target, { reduction: reductionCode(reduction) });
}

/** The multi-label cross entropy of logits `[N, C]` and targets in [0, 1] of the same shape. */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null },
): Tensor {
  const { weight, reduction } = withDefaults('multilabelSoftMarginLoss', options, {
    weight: null as Tensor | null,
    reduction: mean,
  });
  checkTensors({ input, target });
  const negative = ops.rsub(target, 1).mul(ops.logSigmoid(input.neg()));
  const loss = target.mul(ops.logSigmoid(input)).add(negative).neg();
  return reduce((weight === null ? loss : loss.mul(weight)).mean(-1), reduction);
}

/** `log(1 + exp(-target * x))` for targets of 1 and -1. */
export function softMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = withDefaults('softMarginLoss', options, { reduction: mean });
  return ops.softMarginLoss(input, target, { reduction: reductionCode(reduction) });
}

/** What {@link tripletMarginLoss} takes beside its tensors. */
export interface TripletMarginOptions extends LossOptions {
  /** Default: 1. */
  margin?: number;
  /** The norm of the distance. Default: 2. */
  p?: number;
  /** Default: 1e-6. */
  eps?: number;
  /** Take the positive's distance to the negative where that is smaller. Default: false. */
  swap?: boolean;
}

/** `max(0, d(anchor, positive) - d(anchor, negative) + margin)`. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginOptions,
): Tensor {
  const { reduction, ...rest } = withDefaults('tripletMarginLoss', options, {
    margin: 1,
    p: 2,
    eps: 1e-6,
    swap: false,
    reduction: mean,
  });
  return ops.tripletMarginLoss(anchor, positive, negative, { ...rest, reduction: reductionCode(reduction) });
}

/** {@link tripletMarginLoss} with a distance of one's own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: LossOptions & { distanceFunction?: (a: Tensor, b: Tensor) => Tensor; margin?: number; swap?: boolean },
): Tensor {
  const { distanceFunction, margin, swap, reduction } = withDefaults('tripletMarginWithDistanceLoss', options, {
    distanceFunction: ops.pairwiseDistance as (a: Tensor, b: Tensor) => Tensor,
    margin: 1,
    swap: false,
    reduction: mean,
  });
  checkTensors({ anchor, positive, negative });
  if (typeof distanceFunction !== 'function') {
    throw invalidArgument('distanceFunction', 'a function of two tensors', distanceFunction);
  }
  const near = distanceFunction(anchor, positive);
  const far = distanceFunction(anchor, negative);
  checkTensors({ 'the distance': near, 'the distance to the negative': far });
  const least = swap ? far.minimum(distanceFunction(positive, negative)) : far;
  return reduce(near.sub(least).add(margin).clampMin(0), reduction);
}

/** What {@link ctcLoss} takes beside its tensors. */
export interface CtcLossOptions extends LossOptions {
  /** The class of the blank label. Default: 0. */
  blank?: number;
  /** Zero instead of infinite losses, where a target is longer than its input. Default: false. */
  zeroInfinity?: boolean;
}

/**
 * The connectionist temporal classification loss.
 *
 * @param logProbs `[T, N, C]` or `[T, C]`.
 * @param targets classes `[N, S]`, or all targets after one another.
 * @param inputLengths `[N]`, as integers in an array or a tensor; so are `targetLengths`.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options?: CtcLossOptions,
): Tensor {
  const { blank, zeroInfinity, reduction } = withDefaults('ctcLoss', options, {
    blank: 0,
    zeroInfinity: false,
    reduction: mean,
  });
  const rest = { blank, reduction: reductionCode(reduction), zeroInfinity };
  // The two forms of the lengths are two overloads.
  return ops.ctcLoss(logProbs, targets, inputLengths as Tensor, targetLengths as Tensor, rest);
}
