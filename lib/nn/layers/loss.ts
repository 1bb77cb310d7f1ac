import { invalidArgument } from '../../errors.js';
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropyLoss,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  nllLossNd,
  smoothL1Loss,
} from '../../ops/generated/functions.js';
import { isTensor, type Tensor } from '../../tensor.js';
import * as check from '../check.js';
import { Module } from '../module.js';

/** How the losses of the elements become the result: their mean, their sum, or as they are. */
export type Reduction = 'none' | 'mean' | 'sum';

/** The default is the mean. */
export interface LossOptions {
  reduction?: Reduction;
}

// at::Reduction
const CODES: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 };

abstract class Loss extends Module {
  readonly reduction: Reduction;
  protected readonly code: number;
  #warned = false;

  constructor({ reduction = 'mean', ...unknown }: LossOptions) {
    super();
    check.noUnknown(unknown);
    this.reduction = check.oneOf('reduction', reduction, ['none', 'mean', 'sum']);
    this.code = CODES[reduction];
  }

  /** Warns once of sizes that broadcast: `[n]` against `[n, 1]` gives `[n, n]`, which is hardly ever meant. */
  protected warnOfBroadcast(input: Tensor, target: Tensor): void {
    if (this.#warned || !isTensor(input) || !isTensor(target)) return;
    if (input.dim() === target.dim() && input.numel() === target.numel()) return;
    this.#warned = true;
    const [a, b] = [input.shape.join(', '), target.shape.join(', ')];
    process.emitWarning(`${this.constructor.name} broadcasts an input of shape [${a}] and a target of shape [${b}]`);
  }
}

/** A loss with a weight, which is a buffer: it is saved and moved with the module. */
abstract class WeightedLoss extends Loss {
  declare weight: Tensor | null;

  constructor({ weight = null, ...options }: LossOptions & { weight?: Tensor | null }) {
    super(options);
    this.registerBuffer('weight', weight);
  }
}

/** (input - target)². */
export class MSELoss extends Loss {
  constructor(options: LossOptions = {}) {
    check.given(options);
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return mseLoss(input, target, this.code);
  }
}

/** |input - target|. */
export class L1Loss extends Loss {
  constructor(options: LossOptions = {}) {
    check.given(options);
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return l1Loss(input, target, this.code);
  }
}

/** Squared below `beta` (default 1), linear above. */
export class SmoothL1Loss extends Loss {
  readonly beta: number;

  constructor(given: LossOptions & { beta?: number } = {}) {
    const { beta = 1, ...options } = check.given(given);
    super(options);
    this.beta = check.nonNegative('beta', beta);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return smoothL1Loss(input, target, this.code, this.beta);
  }
}

/** Half the square below `delta` (default 1), linear above. */
export class HuberLoss extends Loss {
  readonly delta: number;

  constructor(given: LossOptions & { delta?: number } = {}) {
    const { delta = 1, ...options } = check.given(given);
    super(options);
    this.delta = check.nonNegative('delta', delta);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return huberLoss(input, target, this.code, this.delta);
  }
}

/** Options of {@link CrossEntropyLoss}. */
export interface CrossEntropyOptions extends LossOptions {
  /** A factor for each class. */
  weight?: Tensor | null;
  /** A class that does not count; default -100. */
  ignoreIndex?: number;
  /** Share of the target spread over all classes, in [0, 1]; default 0. */
  labelSmoothing?: number;
}

/**
 * Cross entropy of logits `[n, classes, ...]` with classes `[n, ...]` (int64) or probabilities `[n, classes, ...]`.
 *
 * @example
 * new nn.CrossEntropyLoss().forward(torch.randn([3, 5]), torch.tensor([1n, 0n, 4n]));
 */
export class CrossEntropyLoss extends WeightedLoss {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;

  constructor(given: CrossEntropyOptions = {}) {
    const { ignoreIndex = -100, labelSmoothing = 0, ...options } = check.given(given);
    super(options);
    this.ignoreIndex = check.int('ignoreIndex', ignoreIndex);
    this.labelSmoothing = check.probability('labelSmoothing', labelSmoothing);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropyLoss(input, target, this.weight, this.code, this.ignoreIndex, this.labelSmoothing);
  }
}

/** Minus the log-probability `[n, classes, ...]` of the target classes `[n, ...]` (int64). */
export class NLLLoss extends WeightedLoss {
  readonly ignoreIndex: number;

  constructor(given: Omit<CrossEntropyOptions, 'labelSmoothing'> = {}) {
    const { ignoreIndex = -100, ...options } = check.given(given);
    super(options);
    this.ignoreIndex = check.int('ignoreIndex', ignoreIndex);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return nllLossNd(input, target, this.weight, this.code, this.ignoreIndex);
  }
}

/**
 * Kullback-Leibler divergence of log-probabilities from target probabilities.
 *
 * @param options.reduction also `'batchmean'`: the sum over the batch's size, the divergence as it is defined.
 * @param options.logTarget whether the target is log-probabilities too; default false.
 */
export class KLDivLoss extends Loss {
  readonly logTarget: boolean;
  readonly #batchMean: boolean;

  constructor(options: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {}) {
    const { reduction = 'mean', logTarget = false, ...unknown } = check.given(options);
    super({ reduction: reduction === 'batchmean' ? 'sum' : reduction, ...unknown });
    this.logTarget = check.bool('logTarget', logTarget);
    this.#batchMean = reduction === 'batchmean';
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const loss = klDiv(input, target, this.code, { logTarget: this.logTarget });
    return this.#batchMean ? loss.div(input.shape[0] ?? 1) : loss;
  }
}

/**
 * Cross entropy of probabilities with targets in [0, 1], of the same shape.
 *
 * @param options.weight a factor for each element, broadcast.
 */
export class BCELoss extends WeightedLoss {
  constructor(options: LossOptions & { weight?: Tensor | null } = {}) {
    check.given(options);
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    sameShape(input, target);
    return binaryCrossEntropy(input, target, this.weight?.expandAs(input) ?? null, this.code);
  }
}

/**
 * {@link BCELoss} of the sigmoid of logits, computed without overflow.
 *
 * @param options.weight a factor for each element, broadcast.
 * @param options.posWeight a factor for the positive targets of each class, broadcast.
 */
export class BCEWithLogitsLoss extends WeightedLoss {
  declare pos_weight: Tensor | null;

  constructor(given: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null } = {}) {
    const { posWeight = null, ...options } = check.given(given);
    super(options);
    this.registerBuffer('pos_weight', posWeight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    sameShape(input, target);
    return binaryCrossEntropyWithLogits(input, target, this.weight, this.pos_weight, this.code);
  }
}

function sameShape(input: Tensor, target: Tensor): void {
  const a = check.tensor('input', input).shape;
  const b = check.tensor('target', target).shape;
  if (a.length !== b.length || a.some((n, i) => n !== b[i])) {
    throw invalidArgument('target', `of the input's shape [${a.join(', ')}]`, b, 'ERR_SHAPE');
  }
}
