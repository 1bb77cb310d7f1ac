import { check, finite, flag, synchronous } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { sameShape, shapeText } from '../../shape.js';
import { refuseLater } from '../../sync.js';
import type { Tensor } from '../../tensor.js';
import { codeOf, type LossOptions, type Reduction } from '../reduction.js';
import {
  crossEntropyTable,
  ctcTable,
  gaussianTable,
  huberTable,
  klDivTable,
  lossTable,
  marginTable,
  multiMarginTable,
  nllTable,
  poissonTable,
  smoothL1Table,
  tripletTable,
  weightedTable,
  withLogitsTable,
} from '../tables.js';

export type { LossOptions, Reduction };

function reduce(loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return loss;
  return reduction === 'mean' ? loss.mean() : loss.sum();
}

/** Broadcasting here is nearly always a mistake. */
function checkShapes(input: Tensor, target: Tensor): void {
  const [a, b] = [check('input', input, tensor).shape, check('target', target, tensor).shape];
  if (sameShape(a, b)) return;
  throw mustHave('target', `the input's shape ${shapeText(a)}`, b);
}

/** The elements' losses times a weight of the input's shape, reduced; their mean is by the sum of the weights, or the number of elements. */
function weigh(
  losses: Tensor,
  input: Tensor,
  weight: Tensor,
  reduction: Reduction,
  by: 'weights' | 'elements' = 'weights',
): Tensor {
  if (!sameShape(weight.shape, input.shape)) {
    throw mustHave('weight', `the input's shape ${shapeText(input.shape)}`, weight.shape);
  }
  const weighted = losses.mul(weight);
  return reduction === 'mean' && by === 'weights' ? weighted.sum().div(weight.sum()) : reduce(weighted, reduction);
}

const readMSELoss = optionsOf('mseLoss()', weightedTable);

/**
 * The squared differences.
 *
 * @param options.weight multiplies the elements' losses, of the input's shape; the mean is then by the sum of the weights. Default: null.
 *
 * @example
 * F.mseLoss(model.forward(x), y);
 */
export function mseLoss(input: Tensor, target: Tensor, options?: LossOptions & { weight?: Tensor | null }): Tensor {
  const { reduction, weight } = readMSELoss(options);
  if (weight === null) return ops.mseLoss(input, target, codeOf(reduction));
  return weigh(ops.mseLoss(input, target, codeOf('none')), input, weight, reduction);
}

const readL1Loss = optionsOf('l1Loss()', weightedTable);

/**
 * The absolute differences.
 *
 * @param options.weight multiplies the elements' losses, of the input's shape; the mean is then by the sum of the weights. Default: null.
 *
 * @example
 * F.l1Loss(model.forward(x), y, { reduction: 'sum' });
 */
export function l1Loss(input: Tensor, target: Tensor, options?: LossOptions & { weight?: Tensor | null }): Tensor {
  const { reduction, weight } = readL1Loss(options);
  if (weight === null) return ops.l1Loss(input, target, codeOf(reduction));
  return weigh(ops.l1Loss(input, target, codeOf('none')), input, weight, reduction);
}

const readSmoothL1 = optionsOf('smoothL1Loss()', smoothL1Table);

/**
 * Squared differences below `beta` (default 1), absolute ones above.
 *
 * @example
 * F.smoothL1Loss(values, returns, { beta: 0.5 });
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: LossOptions & { beta?: number }): Tensor {
  const { reduction, beta } = readSmoothL1(options);
  return ops.smoothL1Loss(input, target, codeOf(reduction), beta);
}

const readHuber = optionsOf('huberLoss()', { ...huberTable, ...weightedTable });

/**
 * Half the squared differences up to `delta` (default 1), absolute ones times `delta` above.
 *
 * @param options.weight multiplies the elements' losses, of the input's shape. Default: null.
 *
 * @example
 * F.huberLoss(values, returns, { delta: 2 });
 */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { delta?: number; weight?: Tensor | null },
): Tensor {
  const { reduction, delta, weight } = readHuber(options);
  if (weight === null) return ops.huberLoss(input, target, codeOf(reduction), delta);
  return weigh(ops.huberLoss(input, target, codeOf('none'), delta), input, weight, reduction, 'elements');
}

/** What {@link crossEntropy} takes beside its tensors. */
export interface CrossEntropyOptions extends LossOptions {
  /** One factor per class, of shape `[C]`. Default: null. */
  weight?: Tensor | null;
  /** Targets of this class are ignored. Default: -100. */
  ignoreIndex?: number;
  /** In [0, 1]: how much of each target is spread over all classes. Default: 0. */
  labelSmoothing?: number;
}

const readCrossEntropy = optionsOf('crossEntropy()', crossEntropyTable);

/**
 * The cross entropy of unnormalised logits.
 *
 * @param input logits `[N, C, ...]` or `[C]`.
 * @param target classes (int64) `[N, ...]`, or class probabilities of the input's shape.
 * @example
 * F.crossEntropy(model.forward(x), labels).backward();
 */
export function crossEntropy(input: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  const { weight, reduction, ignoreIndex, labelSmoothing } = readCrossEntropy(options);
  check('input', input, tensor);
  check('target', target, tensor);
  return ops.crossEntropyLoss(input, target, weight, codeOf(reduction), ignoreIndex, labelSmoothing);
}

const readNLL = optionsOf('nllLoss()', nllTable);

/**
 * The negative log-likelihood of log-probabilities `[N, C, ...]` at target classes `[N, ...]`.
 *
 * @example
 * F.nllLoss(F.logSoftmax(scores, 1), torch.tensor([0n, 2n]));
 */
export function nllLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null; ignoreIndex?: number },
): Tensor {
  const { weight, reduction, ignoreIndex } = readNLL(options);
  check('input', input, tensor);
  check('target', target, tensor);
  return ops.nllLossNd(input, target, weight, codeOf(reduction), ignoreIndex);
}

const readBinaryCrossEntropy = optionsOf('binaryCrossEntropy()', weightedTable);

/**
 * The cross entropy of probabilities and targets in [0, 1] of one shape; `weight` multiplies the elements.
 *
 * @example
 * F.binaryCrossEntropy(scores.sigmoid(), labels);
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null },
): Tensor {
  const { weight, reduction } = readBinaryCrossEntropy(options);
  checkShapes(input, target);
  return ops.binaryCrossEntropy(input, target, weight?.expandAs(input) ?? null, codeOf(reduction));
}

const readWithLogits = optionsOf('binaryCrossEntropyWithLogits()', withLogitsTable);

/**
 * {@link binaryCrossEntropy} of logits; `posWeight` multiplies the positive targets.
 *
 * @example
 * F.binaryCrossEntropyWithLogits(scores, labels, { posWeight: torch.tensor([3]) });
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null },
): Tensor {
  const { weight, posWeight, reduction } = readWithLogits(options);
  checkShapes(input, target);
  return ops.binaryCrossEntropyWithLogits(input, target, weight, posWeight, codeOf(reduction));
}

const readKLDiv = optionsOf('klDiv()', klDivTable);

/**
 * The Kullback-Leibler divergence of log-probabilities from target probabilities (from their logarithms with `logTarget`); with the
 * reduction `'batchmean'`, the sum divided by the batch size, which is the divergence as it is defined.
 *
 * @example
 * F.klDiv(F.logSoftmax(student, 1), F.softmax(teacher, 1), { reduction: 'batchmean' });
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  options?: { reduction?: Reduction | 'batchmean'; logTarget?: boolean },
): Tensor {
  const { reduction, logTarget } = readKLDiv(options);
  const loss = ops.klDiv(input, target, codeOf(reduction === 'batchmean' ? 'sum' : reduction), { logTarget });
  return reduction === 'batchmean' && input.ndim > 0 ? loss.div(input.shape[0]!) : loss;
}

const readPoisson = optionsOf('poissonNllLoss()', poissonTable);

/**
 * The negative log-likelihood of counts under Poisson distributions whose rates (their logarithms by default) are the input.
 *
 * @example
 * F.poissonNllLoss(logRates, counts);
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { logInput?: boolean; full?: boolean; eps?: number },
): Tensor {
  const { logInput, full, eps, reduction } = readPoisson(options);
  return ops.poissonNllLoss(input, target, logInput, full, eps, codeOf(reduction));
}

const readGaussian = optionsOf('gaussianNllLoss()', gaussianTable);

/**
 * The negative log-likelihood of targets under Gaussians of means `input` and variances `variance`.
 *
 * @example
 * F.gaussianNllLoss(mean, y, variance);
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options?: LossOptions & { full?: boolean; eps?: number },
): Tensor {
  const { full, eps, reduction } = readGaussian(options);
  check('input', input, tensor);
  check('target', target, tensor);
  check('variance', variance, tensor);
  const spread = variance.ndim === input.ndim - 1 ? variance.unsqueeze(-1) : variance;
  // The clamp's own derivative is 1 here, as in PyTorch.
  const floor = spread.detach().clamp({ min: eps }).sub(spread.detach());
  const safe = spread.add(floor);
  const difference = input.sub(target);
  const loss = safe.log().add(difference.mul(difference).div(safe)).mul(0.5);
  return reduce(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

const readCosineEmbedding = optionsOf('cosineEmbeddingLoss()', marginTable(0));

/**
 * `1 - cos(a, b)` where the target is 1, `max(0, cos(a, b) - margin)` where it is -1.
 *
 * @example
 * F.cosineEmbeddingLoss(a, b, torch.tensor([1, -1]), { margin: 0.2 });
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: LossOptions & { margin?: number },
): Tensor {
  const { margin, reduction } = readCosineEmbedding(options);
  return ops.cosineEmbeddingLoss(input1, input2, target, margin, codeOf(reduction));
}

const readHingeEmbedding = optionsOf('hingeEmbeddingLoss()', marginTable(1));

/**
 * `x` where the target is 1, `max(0, margin - x)` where it is -1.
 *
 * @example
 * F.hingeEmbeddingLoss(distances, torch.tensor([1, -1]));
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options?: LossOptions & { margin?: number }): Tensor {
  const { margin, reduction } = readHingeEmbedding(options);
  return ops.hingeEmbeddingLoss(input, target, margin, codeOf(reduction));
}

const readMarginRanking = optionsOf('marginRankingLoss()', marginTable(0));

/**
 * `max(0, -target * (a - b) + margin)`.
 *
 * @example
 * F.marginRankingLoss(better, worse, torch.ones([8]), { margin: 0.1 });
 */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: LossOptions & { margin?: number },
): Tensor {
  const { margin, reduction } = readMarginRanking(options);
  return ops.marginRankingLoss(input1, input2, target, margin, codeOf(reduction));
}

const readMultiMargin = optionsOf('multiMarginLoss()', multiMarginTable);

/**
 * The multi-class hinge loss of scores `[N, C]` at target classes `[N]`.
 *
 * @example
 * F.multiMarginLoss(scores, torch.tensor([0n, 2n]));
 */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null },
): Tensor {
  const { p, margin, weight, reduction } = readMultiMargin(options);
  return ops.multiMarginLoss(input, target, p, margin, weight, codeOf(reduction));
}

const readMultilabelMargin = optionsOf('multilabelMarginLoss()', lossTable);

/**
 * The multi-label hinge loss of scores `[N, C]` at lists of classes `[N, C]` that end with -1.
 *
 * @example
 * F.multilabelMarginLoss(scores, torch.tensor([[2n, 0n, -1n]]));
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = readMultilabelMargin(options);
  return ops.multilabelMarginLoss(input, target, codeOf(reduction));
}

const readMultilabelSoftMargin = optionsOf('multilabelSoftMarginLoss()', weightedTable);

/**
 * The multi-label cross entropy of logits `[N, C]` and targets in [0, 1] of the same shape.
 *
 * @example
 * F.multilabelSoftMarginLoss(scores, labels);
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null },
): Tensor {
  const { weight, reduction } = readMultilabelSoftMargin(options);
  check('input', input, tensor);
  check('target', target, tensor);
  const negative = ops.rsub(target, 1).mul(ops.logSigmoid(input.neg()));
  const loss = target.mul(ops.logSigmoid(input)).add(negative).neg();
  return reduce((weight === null ? loss : loss.mul(weight)).mean(-1), reduction);
}

const readSoftMargin = optionsOf('softMarginLoss()', lossTable);

/**
 * `log(1 + exp(-target * x))` for targets of 1 and -1.
 *
 * @example
 * F.softMarginLoss(scores, torch.tensor([1, -1]));
 */
export function softMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = readSoftMargin(options);
  return ops.softMarginLoss(input, target, codeOf(reduction));
}

/** What {@link tripletMarginLoss} takes beside its tensors. */
export interface TripletMarginOptions extends LossOptions {
  /** Default: 1. */
  margin?: number;
  /** The norm of the distance. Default: 2. */
  p?: number;
  /** Default: 1e-6. */
  eps?: number;
  /** Use the distance from the positive to the negative where that is smaller. Default: false. */
  swap?: boolean;
}

const readTripletMargin = optionsOf('tripletMarginLoss()', tripletTable);

/**
 * `max(0, d(anchor, positive) - d(anchor, negative) + margin)`.
 *
 * @example
 * F.tripletMarginLoss(anchor, positive, negative, { margin: 0.5 });
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginOptions,
): Tensor {
  const { margin, p, eps, swap, reduction } = readTripletMargin(options);
  return ops.tripletMarginLoss(anchor, positive, negative, margin, p, eps, swap, codeOf(reduction));
}

const readTripletWithDistance = optionsOf('tripletMarginWithDistanceLoss()', {
  ...lossTable,
  distanceFunction: [synchronous<(a: Tensor, b: Tensor) => Tensor>(), ops.pairwiseDistance],
  margin: [finite, 1],
  swap: [flag, false],
});

/**
 * {@link tripletMarginLoss} with a custom distance.
 *
 * @example
 * F.tripletMarginWithDistanceLoss(anchor, positive, negative, {
 *   distanceFunction: (a, b) => torch.rsub(F.cosineSimilarity(a, b), 1),
 * });
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: LossOptions & { distanceFunction?: (a: Tensor, b: Tensor) => Tensor; margin?: number; swap?: boolean },
): Tensor {
  const { distanceFunction, margin, swap, reduction } = readTripletWithDistance(options);
  for (const [name, value] of Object.entries({ anchor, positive, negative })) check(name, value, tensor);
  const distance = (a: Tensor, b: Tensor, what: string) =>
    check(what, refuseLater('distanceFunction', distanceFunction(a, b)), tensor);
  const near = distance(anchor, positive, 'the distance');
  const far = distance(anchor, negative, 'the distance to the negative');
  const least = swap ? far.minimum(distance(positive, negative, 'the distance between the two')) : far;
  return reduce(near.sub(least).add(margin).clampMin(0), reduction);
}

/** What {@link ctcLoss} takes beside its tensors. */
export interface CtcLossOptions extends LossOptions {
  /** The class of the blank label. Default: 0. */
  blank?: number;
  /** Use zero in place of infinite losses, where a target is longer than its input. Default: false. */
  zeroInfinity?: boolean;
}

const readCtc = optionsOf('ctcLoss()', ctcTable);

/**
 * The connectionist temporal classification loss.
 *
 * @param logProbs `[T, N, C]` or `[T, C]`.
 * @param targets classes `[N, S]`, or all targets concatenated.
 * @param inputLengths `[N]`, as integers in an array or a tensor; so are `targetLengths`.
 *
 * @example
 * F.ctcLoss(logProbs, targets, [50, 50], [10, 7]);
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options?: CtcLossOptions,
): Tensor {
  const { blank, zeroInfinity, reduction } = readCtc(options);
  // The two forms of the lengths are two overloads.
  const [given, wanted] = [inputLengths as Tensor, targetLengths as Tensor];
  return ops.ctcLoss(logProbs, targets, given, wanted, blank, codeOf(reduction), zeroInfinity);
}
